//! Captures explained: the faults with which a scenario's run sends what was captured.

mod agreement;
mod aligned;
mod captured;
mod flows;
mod lanes;
mod search;

use crate::capture::Capture;
use crate::engine::{Engine, Keep, Prepared, Settings};
use crate::fault::FaultPlan;
use crate::host::HostId;
use crate::scenario::{Scenario, Transport};

pub use flows::Flow;
pub(crate) use flows::{Sorted, listed, sort};
#[cfg(feature = "cli")]
pub(crate) use lanes::Lane;
pub(crate) use lanes::Lanes;

/// What explains a capture: the run that agrees with it longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The plan of that run. Faults are inferred from their consequences: other faults with the same packets cannot be
    /// excluded.
    pub plan: FaultPlan,
    /// With how many of the capture's packets it agrees, from the first on.
    pub agreeing: usize,
    /// How many packets the capture has, in the flows that are explained.
    pub total: usize,
    /// How many packets the run has that the capture lacks.
    pub surplus: usize,
    /// How many of the agreeing datagrams have other bytes, and the same length.
    pub differing: usize,
    /// What the capture lacks of these flows, one line each.
    pub notes: Vec<String>,
}

impl Explained {
    /// Whether the run has what the capture has, and nothing else.
    pub const fn is_whole(&self) -> bool {
        self.agreeing == self.total && self.surplus == 0
    }
}

/// Why a capture cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// There is nothing in it of what the server's sockets take.
    #[error("there is no {} flow in the capture{}", flows::kinds(.transports), flows::beside(.there, *.others))]
    NoFlow {
        /// What carries messages to the server.
        transports: Vec<Transport>,
        /// What flows there are.
        there: Vec<Flow>,
        /// How many packets were neither UDP nor TCP.
        others: usize,
    },
    /// There is more than one flow, and not as many as the scenario has itself.
    #[error("there are {} flows: choose one by its number: {}", .0.len(), listed(.0))]
    SeveralFlows(Vec<Flow>),
    /// There is no flow of this number.
    #[error("there is no flow {number}: {}", listed(.there))]
    FlowNumber {
        /// The number.
        number: usize,
        /// What flows there are.
        there: Vec<Flow>,
    },
}

/// Finds the faults with which a scenario's run agrees best with a capture: one by one, each time the one with which it
/// agrees longest, with all packets and their times to within 25 ms.
///
/// `server` is the host that is called; its ports tell its flows from what else was captured. `flow` chooses one of
/// several, by its number from 1; without it the only one is taken, or all of them if they are as many as the scenario
/// has itself.
///
/// ```
/// use lossproof::Scenario;
/// use lossproof::capture;
/// use lossproof::engine::{Engine, Prepared, Settings};
/// use lossproof::systems::{Options, udp_remote};
///
/// let scenario = Scenario::from(udp_remote::net(&Options::default()));
/// let server = scenario.find("server").expect("it has a server");
/// let plan = Prepared::new(&"client>server #0 drop".parse()?, &scenario)?;
/// let mut engine = Engine::new(&scenario);
/// engine.run(&Settings { plan, ..Settings::default() });
/// let captured = capture::read(&capture::export(&engine.transcript(), ""))?;
///
/// let explained = capture::explain(&scenario, server, &captured, None)?;
/// assert!(explained.is_whole());
/// assert_eq!(explained.plan.to_string(), "v2; link 5ms; client>server #0 drop");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the capture has no flow of the scenario's kind, or several of which none was chosen.
///
/// # Panics
/// If the server is a host of another scenario.
pub fn explain(
    scenario: &Scenario,
    server: impl Into<HostId>,
    capture: &Capture,
    flow: Option<usize>,
) -> Result<Explained, ExplainError> {
    let server = server.into();
    Ok(found(scenario, server, &seen(scenario, server, capture, flow)?, &|| false))
}

/// The part of a capture that a search explains.
pub(crate) fn seen(
    scenario: &Scenario,
    server: HostId,
    capture: &Capture,
    flow: Option<usize>,
) -> Result<Lanes, ExplainError> {
    let known = flows::Known::new(scenario, server);
    let expected = || {
        let mut engine = Engine::new(scenario);
        engine.run(&settings(Prepared::default()));
        lanes::simulated(engine.log(), server).0.flows.len()
    };
    let sorted = flows::sort(&capture.frames, |end| known.has(end));
    let chosen = flows::choose(&sorted.flows, capture.others, &known, flow, expected)?;
    Ok(captured::captured(&sorted, &chosen, &capture.frames))
}

/// What explains it, as far as was found before `is_over` said that it is enough.
pub(crate) fn found(
    scenario: &Scenario,
    server: HostId,
    seen: &Lanes,
    is_over: &dyn Fn() -> bool,
) -> Explained {
    search::search(scenario, server, seen, is_over)
}

/// How runs are made here: with a log, and without looking for what is broken.
fn settings(plan: Prepared) -> Settings {
    Settings { plan, laws: None, properties: false, keep: Keep::Log, ..Settings::default() }
}
