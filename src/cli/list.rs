//! `list`: the systems, one line each.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::{Format, ListArgs};
use super::error::CliError;
use super::output;
use super::registry::SYSTEMS;
use crate::machine::Status;
use crate::systems::{About, Transport};

#[derive(Serialize)]
struct Line {
    name: &'static str,
    port: u16,
    transport: &'static str,
    summary: &'static str,
}

/// Shows the systems.
pub(super) fn run(args: &ListArgs) -> Result<Status, CliError> {
    let mut text = String::new();
    let width = SYSTEMS.iter().map(|system| system.about().name.len()).max().unwrap_or(0);
    for about in SYSTEMS.iter().map(|system| system.about()) {
        let (About { name, port, summary, .. }, transport) = (about, carriers(&about));
        // Writing to a string cannot fail, nor can making JSON of strings and numbers.
        let _ = match args.format {
            Format::Text => writeln!(text, "{name:width$}  {port:>5}  {transport:7}  {summary}"),
            Format::Json => {
                let line = Line { name, port, transport, summary };
                writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default())
            }
        };
    }
    output::print(&text)?;
    Ok(Status::Success)
}

/// What carries a system's messages, in the forms that it has.
const fn carriers(about: &About) -> &'static str {
    match (about.transport, about.datagram_form) {
        (Transport::Tcp, true) => "tcp,udp",
        (Transport::Tcp, false) => "tcp",
        (Transport::Udp, _) => "udp",
    }
}
