//! `list`: the systems, or the bugs that can be planted into them, one line each.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::{Format, ListArgs};
use super::error::CliError;
use super::output;
use super::registry::SYSTEMS;
use crate::machine::Status;
use crate::systems::{About, Bug, Transport};

#[derive(Serialize)]
struct Line {
    name: &'static str,
    port: u16,
    transport: &'static str,
    summary: &'static str,
}

/// One bug.
#[derive(Serialize)]
struct BugLine {
    system: &'static str,
    name: &'static str,
    what: &'static str,
    /// The smallest plan known that shows it.
    plan: &'static str,
}

/// Shows the systems, or their bugs.
pub(super) fn run(args: &ListArgs) -> Result<Status, CliError> {
    output::print(&if args.bugs { bugs(args.format) } else { systems(args.format) })?;
    Ok(Status::Success)
}

fn systems(format: Format) -> String {
    let mut text = String::new();
    let width = SYSTEMS.iter().map(|system| system.about().name.len()).max().unwrap_or(0);
    for about in SYSTEMS.iter().map(|system| system.about()) {
        let (About { name, port, summary, .. }, transport) = (about, carriers(&about));
        // Writing to a string cannot fail, nor can making JSON of strings and numbers.
        let _ = match format {
            Format::Text => writeln!(text, "{name:width$}  {port:>5}  {transport:7}  {summary}"),
            Format::Json => {
                let line = Line { name, port, transport, summary };
                writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default())
            }
        };
    }
    text
}

fn bugs(format: Format) -> String {
    let mut text = String::new();
    for about in SYSTEMS.iter().map(|system| system.about()) {
        for Bug { name, what, plan, .. } in about.bugs {
            let system = about.name;
            // As above.
            let _ = match format {
                Format::Text => writeln!(text, "{system:12}  {name:26}  {what}"),
                Format::Json => {
                    let line = BugLine { system, name, what, plan };
                    writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default())
                }
            };
        }
    }
    text
}

/// What carries a system's messages, in the forms that it has.
const fn carriers(about: &About) -> &'static str {
    match (about.transport, about.datagram_form) {
        (Transport::Tcp, true) => "tcp,udp",
        (Transport::Tcp, false) => "tcp",
        (Transport::Udp, _) => "udp",
    }
}
