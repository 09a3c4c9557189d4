//! Where a capture comes from: a file or standard input, packed by gzip or not.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::ImportError;
use crate::capture::{self, Capture, CaptureError, MAX_CAPTURE_LEN};
use crate::cli::error::system_text;
use crate::cli::output;

/// How a file begins that is packed by gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How many bytes tell a capture from anything else.
const BEGIN_LEN: usize = 4;

/// Reads a capture, and says what of it could not be used. The first bytes tell whether it is one at all, so that an
/// endless file ends there. A result does not go where the capture is.
pub(super) fn read(path: &Path, output: Option<&Path>) -> Result<Capture, ImportError> {
    keep(path, output)?;
    let captured = unpacked(path)?;
    for note in &captured.notes {
        output::complain(format_args!("note: {note}"));
    }
    Ok(captured)
}

fn keep(source: &Path, output: Option<&Path>) -> Result<(), ImportError> {
    let file = |path: &Path| fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
    let is_same =
        output.is_some_and(|output| file(source).is_some_and(|source| file(output) == Some(source)));
    if is_same { Err(ImportError::Source(output::one_line(&source.display().to_string()))) } else { Ok(()) }
}

fn unpacked(path: &Path) -> Result<Capture, ImportError> {
    let text = || output::one_line(&path.display().to_string());
    let unreadable = |error: io::Error| ImportError::File { path: text(), why: system_text(&error) };
    let useless = |why: CaptureError| ImportError::Capture { path: text(), why };
    let mut source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let mut bytes = begin(&mut source, BEGIN_LEN).map_err(unreadable)?;
    let is_packed = bytes.starts_with(&GZIP);
    if is_packed {
        source = Box::new(MultiGzDecoder::new(Cursor::new(bytes).chain(source)));
        // A file that cannot be unpacked is no capture.
        bytes = begin(&mut source, BEGIN_LEN).map_err(|_| useless(CaptureError::Unknown))?;
    }
    capture::sniff(&bytes).map_err(useless)?;
    let rest_len = MAX_CAPTURE_LEN as u64 + 1 - bytes.len() as u64;
    match source.take(rest_len).read_to_end(&mut bytes) {
        Ok(_) => {}
        // The bytes before are there.
        Err(error) if is_packed => output::complain(format_args!(
            "note: '{}' cannot be unpacked to its end: {}",
            text(),
            system_text(&error)
        )),
        Err(error) => return Err(unreadable(error)),
    }
    capture::read(&bytes).map_err(useless)
}

/// The first bytes of a source, fewer if there are no more.
fn begin(source: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    source.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
