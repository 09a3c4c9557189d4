//! A tally in a file: whole numbers, and texts for what they count. The failure is not in it.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::{Ends, Tally};
use crate::engine::{Ended, FlowFigures, Waits};
use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::host::HostId;

/// The ways in which a run that did not fail can end.
const WAYS: [Ended; 5] = [Ended::Quiet, Ended::TimeLimit, Ended::InputLimit, Ended::Stopped, Ended::Deadlock];

/// A tally as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    runs: u64,
    virtual_nanos: u128,
    inputs: u64,
    packets: u64,
    fired: BTreeMap<String, u64>,
    planned: Vec<(String, u64)>,
    sometimes: Vec<(String, u64)>,
    ended: BTreeMap<String, u64>,
    /// Of each host: successes, failures, still running.
    ends: Vec<(u64, u64, u64)>,
    /// The histories that could not be judged: what, why, in how many runs.
    gave_up: Vec<(String, String, u64)>,
    /// Of each flow at each bottleneck.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queues: Vec<AtQueue>,
}

/// What a flow has met at a bottleneck.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AtQueue {
    bottleneck: String,
    /// The numbers of the hosts.
    from: u16,
    to: u16,
    passed: u64,
    dropped: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    marked: u64,
    /// How often each length of a wait, by the place where it counts.
    waits: BTreeMap<u16, u64>,
}

/// Whether there is none: it is left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Writes a tally without its failure.
pub(super) fn serialize<S: Serializer>(tally: &Tally, serializer: S) -> Result<S::Ok, S::Error> {
    let sums = Sums {
        runs: tally.runs,
        virtual_nanos: tally.virtual_nanos,
        inputs: tally.inputs,
        packets: tally.packets,
        fired: tally.fired_kinds().map(|(kind, times)| (kind.name().to_owned(), times)).collect(),
        planned: tally.planned.iter().map(|(fault, runs)| (fault.to_string(), *runs)).collect(),
        sometimes: tally.sometimes.clone(),
        ended: tally.ended.iter().map(|(ended, runs)| (ended.to_string(), *runs)).collect(),
        ends: tally.ends.iter().map(|ends| (ends.successes, ends.failures, ends.running)).collect(),
        gave_up: tally.gave_up.iter().map(|((what, why), runs)| (what.clone(), why.clone(), *runs)).collect(),
        queues: tally.queues.iter().map(at_queue).collect(),
    };
    sums.serialize(serializer)
}

fn at_queue(((at, from, to), figures): (&(String, HostId, HostId), &FlowFigures)) -> AtQueue {
    let FlowFigures { passed, dropped, marked, waits } = figures;
    let (bottleneck, from, to) = (at.clone(), from.0, to.0);
    let (passed, dropped, marked, waits) = (*passed, *dropped, *marked, waits.places().clone());
    AtQueue { bottleneck, from, to, passed, dropped, marked, waits }
}

/// Reads a tally that has no failure.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tally, D::Error> {
    let sums = Sums::deserialize(deserializer)?;
    let unknown = |what: &str, text: &str| D::Error::custom(format!("there is no {what} '{text}'"));
    let mut tally = Tally {
        runs: sums.runs,
        virtual_nanos: sums.virtual_nanos,
        inputs: sums.inputs,
        packets: sums.packets,
        sometimes: sums.sometimes,
        gave_up: sums.gave_up.into_iter().map(|(what, why, runs)| ((what, why), runs)).collect(),
        ..Tally::default()
    };
    let ends = |(successes, failures, running)| Ends { successes, failures, running };
    tally.ends = sums.ends.into_iter().map(ends).collect();
    for (name, times) in sums.fired {
        let kind = FaultKind::named(&name).ok_or_else(|| unknown("kind of fault", &name))?;
        tally.fired[kind as usize] = times;
    }
    for (text, runs) in sums.planned {
        tally.planned.push((fault(&text).ok_or_else(|| unknown("fault", &text))?, runs));
    }
    for (text, runs) in sums.ended {
        let way = WAYS.into_iter().find(|way| way.to_string() == text);
        tally.ended.insert(way.ok_or_else(|| unknown("end", &text))?, runs);
    }
    for AtQueue { bottleneck, from, to, passed, dropped, marked, waits } in sums.queues {
        if let Some(host) = [from, to].into_iter().find(|host| usize::from(*host) >= tally.ends.len()) {
            return Err(unknown("host", &host.to_string()));
        }
        let figures = FlowFigures { passed, dropped, marked, waits: Waits::of_places(waits) };
        tally.queues.insert((bottleneck, HostId(from), HostId(to)), figures);
    }
    Ok(tally)
}

/// The one fault of a text.
fn fault(text: &str) -> Option<Fault> {
    match text.parse::<FaultPlan>().ok()?.faults() {
        [fault] => Some(fault.clone()),
        _ => None,
    }
}
