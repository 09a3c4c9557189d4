//! Traces from files.

use std::path::Path;

use super::bounded::read_text;
use crate::fault::{MAX_TRACE_LEN, Trace};

/// Reads the file of a trace, which is called by its path; or says why it is none.
pub(crate) fn read_trace(path: &str) -> Result<Trace, String> {
    let text = read_text(Path::new(path), MAX_TRACE_LEN as u64).map_err(|error| {
        let text = error.to_string().to_lowercase();
        text.split(" (os error").next().unwrap_or_default().to_owned()
    })?;
    Trace::new(path, &text).map_err(|error| error.to_string())
}
