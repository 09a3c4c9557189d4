//! The files of a check: the plans that it keeps, and what it writes of a failure.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::report::Report;
use crate::transcript::{Look, TooNarrow, Transcript};

/// The plans of a directory, by name, with where each was read.
///
/// # Panics
/// With one line, if one cannot be read.
pub(super) fn plans(directory: &Path) -> Vec<(PathBuf, String)> {
    // Cargo tells tests where their package is; elsewhere it is the working directory.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let directory = package.join(directory);
    let unread = |error| panic!("cannot read the plans in {}: {error}", directory.display());
    let entries = fs::read_dir(&directory).unwrap_or_else(unread);
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", directory.display())).path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "plan"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Writes report, plan, transcript, pictures, a capture and a test to paste; what says where and which, unless they
/// cannot be written.
pub(super) fn write(report: &Report<'_>) -> Option<String> {
    let directory = target()?.join("lossproof").join(file_name(report.name));
    fs::create_dir_all(&directory).ok()?;
    let failure = &report.shrunk.failure;
    let names = failure.recording.names();
    let transcript = failure.recording.transcript(&names);
    let files = [
        ("report.txt", report.to_string().into_bytes()),
        ("fault.plan", format!("{}\n", failure.plan).into_bytes()),
        ("transcript.txt", failure.transcript.clone().into_bytes()),
        ("ladder.txt", ladder(&transcript).into_bytes()),
        ("page.html", transcript.page(report.name, &report.replay()).into_bytes()),
        #[cfg(feature = "capture")]
        ("capture.pcapng", crate::capture::export(&transcript, &report.replay())),
        ("test.rs", report.test().into_bytes()),
    ];
    for (name, bytes) in &files {
        fs::write(directory.join(name), bytes).ok()?;
    }
    let names = files.map(|(name, _)| name).join(" ");
    Some(format!("  files: {}\n         {names}\n", directory.display()))
}

/// The transcript as a ladder, as wide as a terminal or, where its hosts do not fit, twice as wide as they need.
fn ladder<E>(transcript: &Transcript<'_, E>) -> String {
    let look = Look::default();
    let wider = |narrow: TooNarrow| transcript.ladder(Look { width: 2 * narrow.needed, ..look });
    // That is enough.
    transcript.ladder(look).or_else(wider).unwrap_or_default()
}

/// Cargo's target directory: a test's binary is in `target/PROFILE/deps`, that of a doc test elsewhere.
fn target() -> Option<PathBuf> {
    let binary = env::current_exe().ok()?;
    let deps = binary.parent().filter(|parent| parent.ends_with("deps"))?;
    Some(deps.parent()?.parent()?.to_owned())
}

/// A test's name as that of a directory.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    name.replace("::", ".").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_directory_and_no_way_out() {
        assert_eq!(file_name("chat::members hear"), "chat.members_hear");
        assert_eq!(file_name("../x/y"), ".._x_y");
    }
}
