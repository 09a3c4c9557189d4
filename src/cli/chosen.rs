//! Values that may be in files, with the words that chose them.

use std::io;

use super::error::system_text;
use crate::harness::bounded::{self, MAX_PLAN_LEN};
use crate::systems::geocode::{Table, TableError};
use crate::systems::udp_remote::seal::{Key, KeyError};

/// Why there is no such value.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChosenError {
    /// It is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file has no table.
    #[error("cannot use '{path}': {why}")]
    Table {
        /// Where it is.
        path: String,
        /// Why not.
        why: TableError,
    },
    /// The file cannot be read.
    #[error("cannot read '{path}': {}", system_text(why))]
    File {
        /// Where it should be.
        path: String,
        /// What the system said.
        why: io::Error,
    },
}

fn read(path: &str) -> Result<Vec<u8>, ChosenError> {
    bounded::read(path.as_ref(), MAX_PLAN_LEN).map_err(|why| ChosenError::File { path: path.to_owned(), why })
}

/// A key with the words that chose it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChosenKey {
    /// A text, or @ and a path.
    pub(super) word: String,
    /// What it is.
    pub(super) key: Key,
}

/// Reads a key: a text, or what is in the file behind an `@`, without the newline at its end.
pub(super) fn key(word: &str) -> Result<ChosenKey, ChosenError> {
    let bytes = match word.strip_prefix('@') {
        None => word.as_bytes().to_vec(),
        Some(path) => {
            let mut bytes = read(path)?;
            for end in [b'\n', b'\r'] {
                bytes.pop_if(|byte| *byte == end);
            }
            bytes
        }
    };
    Ok(ChosenKey { word: word.to_owned(), key: Key::new(bytes)? })
}

/// A table of places with the path of its file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChosenTable {
    /// The path.
    pub(super) word: String,
    /// What it has.
    pub(super) table: Table,
}

/// Reads a table of places from its file.
pub(super) fn table(path: &str) -> Result<ChosenTable, ChosenError> {
    let bytes = read(path)?;
    // Some editors put a mark before it.
    let table = Table::parse(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes));
    let table = table.map_err(|why| ChosenError::Table { path: path.to_owned(), why })?;
    Ok(ChosenTable { word: path.to_owned(), table })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// S100.
    #[test]
    fn a_key_is_a_text_or_a_file() {
        let path = std::env::temp_dir().join(format!("lossproof-key-{}", std::process::id()));
        let word = format!("@{}", path.display());
        for (bytes, expected) in [
            (&b"0123456789abcdef"[..], Some("0123456789abcdef")),
            (b"0123456789abcdef\r\n", Some("0123456789abcdef")),
            (b"0123456789abcdef\n\n", Some("0123456789abcdef\n")),
            (b"0123456789abcde\n", None),
        ] {
            fs::write(&path, bytes).unwrap();
            let read = key(&word).ok();
            assert_eq!(
                read,
                expected.map(|text| ChosenKey { word: word.clone(), key: Key::new(text).unwrap() })
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(key(&word).unwrap_err().to_string().starts_with("cannot read '/"));
        assert_eq!(
            key("0123456789abcde").unwrap_err().to_string(),
            "a key of 15 bytes is too short: give at least 16"
        );
        assert!(key("0123456789abcdef").is_ok());
    }
}
