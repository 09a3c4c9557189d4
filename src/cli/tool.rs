//! What the tools `ip` and `lookup` share: how they write their result.

use std::fmt::{Display, Write as _};

use clap::Args;
use serde::Serialize;

use super::args::Format;
use super::error::CliError;
use super::output;
use crate::escaped;
use crate::machine::Status;

/// How a tool writes its result.
#[derive(Debug, Args)]
pub(super) struct ToolFormat {
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl ToolFormat {
    /// Writes the parts of a result, each as its own text or as one JSON object in one line.
    pub(super) fn write<T: Display + Serialize>(&self, parts: &[T]) -> Result<Status, CliError> {
        let json = self.json || self.format == Format::Json;
        let mut text = String::new();
        for part in parts {
            // Writing to a string cannot fail, nor can making JSON of strings and numbers.
            let _ = if json { writeln!(text, "{}", escaped::json(part)) } else { writeln!(text, "{part}") };
        }
        output::print(&text)?;
        Ok(Status::Success)
    }
}
