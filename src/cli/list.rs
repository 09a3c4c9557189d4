//! `list`: the systems, or the bugs that can be planted into them, one line each.

use std::fmt::Write as _;

use serde::Serialize;

use super::app::App;
use super::args::{Format, ListArgs};
use super::error::CliError;
use super::output;
use super::program::Program;
use super::world::Built;
use crate::escaped;
use crate::machine::Status;
use crate::scenario::Transport;
use crate::specimens::Specimen;
use crate::systems::Options;

#[derive(Serialize)]
struct Line {
    name: &'static str,
    port: u16,
    transport: String,
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
pub(super) fn run(program: &Program, args: &ListArgs) -> Result<Status, CliError> {
    let text = if args.options.bugs { bugs(program, args.format) } else { systems(program, args.format)? };
    output::print(&text)?;
    Ok(Status::Success)
}

fn systems(program: &Program, format: Format) -> Result<String, CliError> {
    let mut text = String::new();
    let listed = || program.apps.iter().filter(|app| app.is_listed);
    let width = listed().map(|app| app.name.len()).max().unwrap_or(0);
    for app in listed() {
        let built = Built::new(app, &Options::default(), None);
        let (port, transport) = (built.port(app), carriers(app, &built)?);
        let (name, summary) = (app.name, app.about);
        // Writing to a string cannot fail, nor can making JSON of strings and numbers.
        let _ = match format {
            Format::Text => writeln!(text, "{name:width$}  {port:>5}  {transport:7}  {summary}"),
            Format::Json => {
                let line = Line { name, port, transport, summary };
                writeln!(text, "{}", escaped::json(&line))
            }
        };
    }
    Ok(text)
}

fn bugs(program: &Program, format: Format) -> String {
    let mut text = String::new();
    for Specimen { system, name, what, plan, .. } in program.apps.iter().flat_map(App::bugs) {
        // As above.
        let _ = match format {
            Format::Text => writeln!(text, "{system:12}  {name:26}  {what}"),
            Format::Json => {
                let line = BugLine { system, name, what, plan };
                writeln!(text, "{}", escaped::json(&line))
            }
        };
    }
    text
}

/// What carries a system's messages, in the forms that it has.
fn carriers(app: &App, built: &Built) -> Result<String, CliError> {
    let transports = app.transports(&built.scenario, built.server(app)?);
    Ok(transports.iter().map(Transport::to_string).collect::<Vec<_>>().join(","))
}
