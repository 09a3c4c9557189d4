//! Files of parts of a whole, as shards of a sweep or of a check leave them, gathered again.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::system_text;
use crate::check::Shard;
use crate::escaped;
use crate::harness::bounded;

/// How many bytes a part has at most.
const MAX_PART_LEN: u64 = 64 * 1024 * 1024;

/// Why parts are not joined.
#[derive(Debug, thiserror::Error)]
pub(super) enum PartError {
    /// A part cannot be read.
    #[error("cannot read '{path}': {}", system_text(.source))]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is no part.
    #[error("'{path}' is not a part of a {kind}: {why}")]
    NotAPart {
        /// The file.
        path: String,
        /// Of what it should be a part.
        kind: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Two parts are of different wholes.
    #[error("'{path}' is of another {kind} than '{first}': its {what} differs")]
    Another {
        /// The file.
        path: String,
        /// Of what it is a part.
        kind: &'static str,
        /// The first file.
        first: String,
        /// What differs.
        what: &'static str,
    },
    /// A shard is there two times.
    #[error("'{path}' has shard {shard}, which '{other}' has, too: give each once")]
    Doubled {
        /// The file.
        path: String,
        /// The file with the same.
        other: String,
        /// The shard.
        shard: Shard,
    },
    /// Shards are not there.
    #[error(
        "{missing} of {of} shards are missing, the first of them {first}/{of}: make it with --shard {first}/{of}"
    )]
    Missing {
        /// How many.
        missing: u64,
        /// The first of them.
        first: u64,
        /// How many there are.
        of: u64,
    },
}

/// A part of a whole, as a file has it.
pub(super) trait PartFile: Serialize + DeserializeOwned {
    /// What it is a part of.
    const KIND: &'static str;

    /// Which part it is.
    fn shard(&self) -> Shard;

    /// What does not fit in it, which only a changed file has.
    fn flaw(&self) -> Option<&'static str>;

    /// What of its whole differs from that of another part.
    fn difference(&self, other: &Self) -> Option<&'static str>;

    /// As the text of a file.
    fn text(&self) -> String {
        escaped::json(self) + "\n"
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, PartError> {
    bounded::read_text(path, MAX_PART_LEN)
        .map_err(|source| PartError::Read { path: path.display().to_string(), source })
}

/// Reads one part.
pub(super) fn part<P: PartFile>(path: &Path) -> Result<P, PartError> {
    let not_a_part =
        |why: String| PartError::NotAPart { path: path.display().to_string(), kind: P::KIND, why };
    let part: P = serde_json::from_str(&read(path)?).map_err(|error| not_a_part(error.to_string()))?;
    match part.flaw() {
        Some(why) => Err(not_a_part(why.to_owned())),
        None => Ok(part),
    }
}

/// Reads the parts of one whole, all of which must be there, each once; in the order of their numbers.
///
/// # Errors
/// If a file is no part, is of another whole, or is there two times; if a part is missing.
pub(super) fn gather<'a, P: PartFile>(
    paths: impl IntoIterator<Item = &'a Path>,
) -> Result<Vec<P>, PartError> {
    let mut first: Option<String> = None;
    let mut parts: BTreeMap<u64, (String, P)> = BTreeMap::new();
    for path in paths {
        let (name, part) = (path.display().to_string(), part::<P>(path)?);
        let shard = part.shard();
        if let (Some(first), Some((_, one))) = (&first, parts.values().next()) {
            let number = (shard.of() != one.shard().of()).then_some("number of shards");
            if let Some(what) = part.difference(one).or(number) {
                return Err(PartError::Another { path: name, kind: P::KIND, first: first.clone(), what });
            }
        }
        first.get_or_insert_with(|| name.clone());
        if let Some((other, _)) = parts.get(&shard.number()) {
            return Err(PartError::Doubled { path: name, other: other.clone(), shard });
        }
        parts.insert(shard.number(), (name, part));
    }
    let of = parts.values().next().map_or(1, |(_, part)| part.shard().of());
    let made = parts.len() as u64;
    if made < of {
        let first = parts.keys().zip(1..).find(|(number, place)| **number != *place);
        let first = first.map_or(made + 1, |(_, place)| place);
        return Err(PartError::Missing { missing: of - made, first, of });
    }
    Ok(parts.into_values().map(|(_, part)| part).collect())
}
