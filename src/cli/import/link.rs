//! `import --as-link`: how the packets of a flow were lost and late, as a link that any run can have.

use super::{ImportArgs, ImportError, source};
use crate::capture::{self, LinkError, Measured};
use crate::cli::error::CliError;
use crate::cli::output;
use crate::machine::Status;

/// In nineteen of twenty captures a measurement is at most this many standard errors from the truth.
const NINETEEN_OF_TWENTY: f64 = 1.96;

/// Prints the link, or writes it, and says what was measured.
pub(super) fn run(args: &ImportArgs) -> Result<Status, CliError> {
    if let Some(word) = args.options.words().first() {
        return Err(CliError::Usage(format!(
            "{word} is of a system, so it says nothing of a link: leave it out"
        )));
    }
    let captured = source::read(&args.file, args.output.as_deref())?;
    let link = capture::fit_link(&captured, args.flow).map_err(|error| match error {
        LinkError::SeveralFlows(flows) => ImportError::SeveralFlows(flows),
        other => ImportError::Link(other),
    })?;
    output::complain(format_args!("note: {}, told {}", link.flow, link.told));
    for direction in &link.directions {
        let bursts = direction.burst_len.map(|len| format!(", {} in a row", within(len, 1.0, "")));
        output::complain(format_args!(
            "note: from {}: {} packets, {} lost: {}{}",
            direction.from,
            direction.packets,
            direction.lost,
            within(direction.loss, 100.0, "%"),
            bursts.unwrap_or_default()
        ));
    }
    let text = link.profile.to_string();
    match &args.output {
        Some(path) => output::write_file(path, format!("{text}\n"))?,
        None => output::print_as(&format!("{text}\n"), output::Tint::None)?,
    }
    Ok(Status::Success)
}

/// A value with its error.
fn within(measured: Measured, scale: f64, unit: &str) -> String {
    let Measured { value, error } = measured;
    let error = NINETEEN_OF_TWENTY * error * scale;
    format!("{:.2}{unit} ±{error:.2}{unit}", value * scale)
}
