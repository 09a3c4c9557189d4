//! What runs have to show, beside that nothing fails in them: without it they are evidence of less than they seem.

use std::fmt::Write as _;

use crate::check::Tally;
use crate::fault::FaultKind;
use crate::number::{count, thousands};

/// What a check demands of its runs taken together.
#[derive(Debug, Default)]
pub(super) struct Demands {
    /// Faults of these kinds have fired.
    pub(super) kinds: Vec<FaultKind>,
    /// Each fault of the plan has fired.
    pub(super) plan: bool,
    /// Each `sometimes` was seen.
    pub(super) sometimes: bool,
    /// Runs may be cut off by the bound on inputs.
    pub(super) allows_cut_off: bool,
}

impl Demands {
    /// What was demanded and never happened, a line each.
    pub(super) fn never(&self, tally: &Tally) -> String {
        let mut lines = String::new();
        let mut lack = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                // Writing to a string does not fail.
                let _ = writeln!(lines, "  {what}: {}", names.join(", "));
            }
        };
        let fired = |kind: FaultKind| tally.fired_kinds().any(|(other, _)| other == kind);
        lack(
            "never fired",
            self.kinds.iter().filter(|kind| !fired(**kind)).map(ToString::to_string).collect(),
        );
        if self.plan {
            lack("never fired of the plan", tally.never_fired().map(ToString::to_string).collect());
        }
        if self.sometimes {
            lack("never seen", tally.never_seen().map(str::to_owned).collect());
        }
        lines
    }

    /// What runs lack besides, a line each. `tests` says whether there is anything that they test.
    pub(super) fn lacking(&self, tally: &Tally, tests: bool) -> String {
        let mut lines = String::new();
        if !tests {
            lines.push_str(
                "  faults, commands and properties: give the check a profile or a plan, the net a property\n",
            );
        }
        if tally.cut_off() > 0 && !self.allows_cut_off {
            let (cut, all) = (thousands(tally.cut_off()), count(tally.runs, "run"));
            // Writing to a string does not fail.
            let _ =
                writeln!(lines, "  the end of {cut} of {all}: they reached the net's max_inputs; raise it");
        }
        lines
    }
}
