//! `list`: the systems, one line each.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::{Format, ListArgs};
use super::error::CliError;
use super::output;
use super::registry::SYSTEMS;
use crate::machine::Status;
use crate::systems::About;

#[derive(Serialize)]
struct Line {
    name: &'static str,
    port: u16,
    transport: String,
    summary: &'static str,
}

/// Shows the systems.
pub(super) fn run(args: &ListArgs) -> Result<Status, CliError> {
    let mut text = String::new();
    let width = SYSTEMS.iter().map(|system| system.about().name.len()).max().unwrap_or(0);
    for About { name, port, transport, summary, .. } in SYSTEMS.iter().map(|system| system.about()) {
        // Writing to a string cannot fail, nor can making JSON of strings and numbers.
        let _ = match args.format {
            Format::Text => writeln!(text, "{name:width$}  {port:>5}  {transport}  {summary}"),
            Format::Json => {
                let line = Line { name, port, transport: transport.to_string(), summary };
                writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default())
            }
        };
    }
    output::print(&text)?;
    Ok(Status::Success)
}
