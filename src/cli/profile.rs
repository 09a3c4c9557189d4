//! Reading the value of `--profile`: a name, what a link is like, or the file that says so.

use std::fs::File;
use std::io::Read;

use super::error::system_text;
use super::program::nearest;
use super::value::ValueError;
use crate::fault::{Profile, ProfileError};
use crate::harness::read_trace;

/// The longest file that says what a link is like, in bytes.
const MAX_LINK_LEN: u64 = 4096;

/// A profile with what was said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedProfile {
    /// Its name, or what the link is like.
    pub(super) text: String,
    /// What it is.
    pub(super) profile: Profile,
}

/// The names of all profiles.
pub(super) fn profiles() -> Vec<&'static str> {
    Profile::NAMED.into_iter().map(|(name, _)| name).collect()
}

/// Reads a profile: its name, what the link is like, or the file that says so.
pub(super) fn profile(word: &str) -> Result<NamedProfile, ValueError> {
    let text = match word.strip_prefix('@') {
        None => word.to_owned(),
        Some(path) => link_file(path).map_err(|why| ValueError::LinkFile { path: path.to_owned(), why })?,
    };
    let near = || nearest(&text.to_lowercase(), Profile::NAMED.into_iter().map(|(known, _)| known));
    let profile = Profile::read(&text, &mut read_trace).map_err(|why| ValueError::Profile {
        near: if matches!(why, ProfileError::Name(_)) { near() } else { None },
        why,
    })?;
    Ok(NamedProfile { text, profile })
}

/// Reads a file that says what a link is like: one line, which is short.
fn link_file(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| system_text(&error))?;
    file.take(MAX_LINK_LEN + 1).read_to_string(&mut text).map_err(|error| system_text(&error))?;
    if text.len() as u64 > MAX_LINK_LEN {
        return Err(format!("it is longer than {MAX_LINK_LEN} bytes"));
    }
    Ok(text.trim_start_matches('\u{feff}').trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_known_by_its_name_alone() {
        assert_eq!(profile("satellite").map(|named| named.profile), Ok(Profile::SATELLITE));
        let near = |name| match profile(name) {
            Err(ValueError::Profile { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            ["wfi", "WIFI", "satelite", "x"].map(near),
            [Some("wifi"), Some("wifi"), Some("satellite"), None]
        );
    }
}
