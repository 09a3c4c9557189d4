//! Files that are read whole, as long as they are not too long: a path may lead to what has no end.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::number::thousands;

/// How many bytes a file has at most that is read for a plan, a key or a table.
pub(crate) const MAX_PLAN_LEN: u64 = 16 * 1024 * 1024;

/// What a file has.
///
/// # Errors
/// If it cannot be read, or has more bytes than that.
pub(crate) fn read(path: &Path, max_len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_len + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_len {
        return Err(io::Error::other(format!("it has more than {} bytes", thousands(max_len))));
    }
    Ok(bytes)
}

/// The same of a text, without the mark that some editors put before it.
///
/// # Errors
/// The same, and if it is not UTF-8.
pub(crate) fn read_text(path: &Path, max_len: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, max_len)?);
    let mut text = text.map_err(|_| io::Error::other("it is not UTF-8"))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_read_and_one_byte_more_is_not() {
        let path = std::env::temp_dir().join(format!("lossproof-bounded-{}", std::process::id()));
        std::fs::write(&path, "\u{feff}abcd").unwrap();
        assert_eq!(read_text(&path, 7).unwrap(), "abcd");
        assert_eq!(read(&path, 6).unwrap_err().to_string(), "it has more than 6 bytes");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 7).unwrap_err().to_string(), "it is not UTF-8");
        std::fs::remove_file(&path).unwrap();
    }
}
