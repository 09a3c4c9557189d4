//! The event engine: discrete events over the machines themselves. No async, no I/O, no threads.
//!
//! A run takes microseconds, so searches, shrinking and exhaustive checks use this engine. One [`Engine`] makes any
//! number of runs of its scenario, and reuses its memory.

mod arrival;
mod befall;
mod clock;
mod deadlock;
mod faults;
mod fingerprint;
mod groups;
mod judge;
mod left;
mod moves;
#[cfg(feature = "segments")]
mod passing;
mod paths;
mod queue;
mod queued;
mod record;
mod rest;
mod run;
#[cfg(feature = "tasks")]
mod runtime;
#[cfg(feature = "segments")]
mod segments;
mod state;
mod stepped;
mod world;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "segments")]
use crate::fault::Mtu;
use crate::fault::{Bottleneck, FaultPlan, Links, Profile, StreamFault, StreamKind, UnknownHost};
use crate::host::HostId;
use crate::lawful::{Checked, TWIN_SHIFT};
use crate::machine::{Law, Peer};
use crate::network::{Order, Schedule};
use crate::scenario::{HostSpec, Reads, Scenario, Slot, Spec, Timed};
use crate::seed::mix;
use crate::time::Instant;

pub(crate) use crate::network::Sent;
pub use crate::network::{Fired, FlowFigures, Waits};
#[cfg(feature = "turmoil")]
pub(crate) use arrival::Arrival;
pub use deadlock::{Deadlock, MAX_UNREAD, Wait};
pub(crate) use fingerprint::{Due, FINGERPRINTS_EVERY};
use judge::Judges;
pub(crate) use judge::{Broken, Doing, Watch};
pub(crate) use queue::{Entry, Event, Queue};
pub(crate) use rest::{Mark, Rest};
pub(crate) use run::IsKnown;
use state::State;
pub(crate) use world::World;

/// A plan that is resolved for a scenario once, for any number of runs.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) seed: Option<u64>,
    pub(crate) link: Option<Duration>,
    /// What streams are made of; the scenario says so if the plan does not.
    pub(crate) streams: Option<StreamKind>,
    /// The generated commands that are given; all, if there is no list.
    pub(crate) commands: Option<BTreeSet<u32>>,
    /// The queues that several flows share, beside the scenario's.
    pub(crate) bottlenecks: Vec<Arc<Bottleneck>>,
    /// What goes on at random from some step on.
    pub(crate) rest: Option<Rest>,
}

impl Prepared {
    /// Looks the hosts of the plan up in the scenario.
    ///
    /// # Errors
    /// [`UnknownHost`] if the plan names one that is not there.
    pub fn new(plan: &FaultPlan, scenario: &Scenario) -> Result<Self, UnknownHost> {
        let schedule = Arc::new(Schedule::new(plan, &scenario.names())?);
        let (names, bottlenecks) = (scenario.names(), plan.bottlenecks());
        let bottlenecks =
            bottlenecks.iter().map(|one| one.resolved(&names).map(Arc::new)).collect::<Result<_, _>>()?;
        let (seed, link, streams, commands) = (plan.seed, plan.link(), plan.streams, plan.commands.clone());
        Ok(Self { schedule, seed, link, streams, commands, bottlenecks, rest: None })
    }

    /// The same with a calm, unless there is one, for `host_count` hosts.
    pub(crate) fn with_calm(mut self, calm_at: Instant, host_count: usize) -> Self {
        if self.schedule.calm_at.is_none() {
            self.schedule = Arc::new(Schedule::of(self.schedule.faults.clone(), Some(calm_at), host_count));
        }
        self
    }

    /// Whether a generated command is given.
    pub(crate) fn gives(&self, number: u32) -> bool {
        self.commands.as_ref().is_none_or(|given| given.contains(&number))
    }

    /// Whether one offset of a direction has no fault yet, nor a cut of which this would be another.
    pub(crate) fn is_free(
        &self,
        (from, to, conn): (HostId, HostId, u32),
        offset: u64,
        fault: StreamFault,
    ) -> bool {
        self.schedule.stream(from, to, conn).is_none_or(|faults| faults.is_free(offset, fault))
    }
}

/// What of a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Only how it ended.
    Outcome,
    /// The events too.
    Events,
    /// The whole log, to make a transcript from.
    Log,
}

/// The options of a run: seed, faults, laws, log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The seed of all random choices. A seed in the plan overrides it.
    pub seed: u64,
    /// The planned faults.
    pub plan: Prepared,
    /// Random faults, for packets that the plan does not mention.
    pub profile: Profile,
    /// Profiles of single directions, which override it. A run panics if they name an unknown host.
    pub links: Links,
    /// Whether the laws are checked on every machine, and if so how much later their twins begin.
    pub laws: Option<Duration>,
    /// Whether the scenario's properties are checked. A run ends at the first violation.
    pub properties: bool,
    /// What is kept.
    pub keep: Keep,
}

impl Default for Settings {
    /// Seed 0, no faults, the laws and the properties checked, everything kept.
    fn default() -> Self {
        Self {
            seed: 0,
            plan: Prepared::default(),
            profile: Profile::default(),
            links: Links::default(),
            laws: Some(TWIN_SHIFT),
            properties: true,
            keep: Keep::Log,
        }
    }
}

impl Settings {
    /// The seed of a host's machine: its own for each host and incarnation.
    pub(crate) fn machine_seed(&self, host: HostId, incarnation: u32) -> u64 {
        mix(mix(self.effective_seed(), u64::from(host.0)), u64::from(incarnation))
    }

    /// Whether nothing is drawn.
    pub(crate) fn is_calm(&self) -> bool {
        self.profile.is_calm() && self.links.all().iter().all(|(.., profile)| profile.is_calm())
    }

    /// How long packets take, and how long in single directions.
    pub(crate) fn latencies<'a>(&self, spec: &'a Spec) -> (Duration, &'a [(HostId, HostId, Duration)]) {
        self.link().map_or((spec.latency, &spec.latencies), |latency| (latency, &[]))
    }

    /// The latency of every link: the plan's, if it has one, or else the profile's; `None` leaves it to the scenario.
    fn link(&self) -> Option<Duration> {
        // No plan can say more than this.
        let of_profile = self.profile.latency.min(Duration::from_nanos(u64::MAX));
        self.plan.link.or_else(|| (!of_profile.is_zero()).then_some(of_profile))
    }

    /// What streams are made of. No segment is longer than any link lets pass, so that a plan which is made of this run
    /// makes the same packets without its profile.
    pub(crate) fn streams(&self, spec: &Spec) -> StreamKind {
        match self.plan.streams.unwrap_or(spec.streams) {
            #[cfg(feature = "segments")]
            StreamKind::Segments(mtu) => {
                let profiles = self.links.all().iter().map(|(.., profile)| profile).chain([&self.profile]);
                let least = profiles.filter_map(|profile| profile.mtu).min();
                StreamKind::Segments(least.map_or(mtu, |least| mtu.min(Mtu::new(least).unwrap_or(Mtu::MIN))))
            }
            StreamKind::Model => StreamKind::Model,
        }
    }

    /// The seed of the run: the plan's, if it has one.
    pub fn effective_seed(&self) -> u64 {
        self.plan.seed.unwrap_or(self.seed)
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ended {
    /// Nothing was left to happen.
    Quiet,
    /// Virtual time reached the scenario's bound.
    TimeLimit,
    /// The scenario's bound on inputs was reached.
    InputLimit,
    /// The caller stopped the run.
    Stopped,
    /// A property was violated.
    Failed,
    /// Hosts waited for one another in a circle.
    Deadlock,
    /// A machine broke a law.
    Broken(Law),
}

impl Ended {
    /// Whether the run came to its own end: nothing was left to happen.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Quiet)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quiet => f.write_str("their own end"),
            Self::TimeLimit => f.write_str("max_time"),
            Self::InputLimit => f.write_str("max_inputs"),
            Self::Stopped => f.write_str("a state that was known"),
            Self::Failed => f.write_str("a violated property"),
            Self::Deadlock => f.write_str("a deadlock"),
            Self::Broken(law) => write!(f, "{law}"),
        }
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub ended: Ended,
    /// When something happened last.
    pub at: Instant,
    /// The number of inputs of all machines.
    pub inputs: u64,
    /// How many datagrams and segments of data were sent.
    pub packets: u64,
    /// How often each kind of fault fired.
    pub fired: Fired,
}

/// Runs one scenario, any number of times. See the [module](self).
pub struct Engine<'s> {
    scenario: &'s Scenario,
    slots: Vec<Slot<'s>>,
    /// The addresses of each host's datagram sockets.
    sockets: Vec<Vec<Peer>>,
    hosts: Vec<State>,
    world: World<'s>,
    /// The runtime of hosts that use tokio's own timers.
    #[cfg(feature = "tasks")]
    runtime: runtime::Runtime,
    /// The commands of this run that were generated.
    generated: Vec<Timed>,
    folds: Vec<Box<dyn Any>>,
    watches: Vec<Watch>,
    /// What properties may see that has changed since they were judged last.
    changed: Reads,
    /// What is judged in this run.
    judges: Judges,
    /// The hosts that had told something when they were judged last.
    was_told: u64,
    /// When they were judged last.
    judged_at: Option<Instant>,
    /// What properties have read, in this run or one before.
    was_read: Reads,
    broken: Option<Broken>,
    /// Histories that could not be judged in this run: their names, and why.
    gave_up: Vec<(String, String)>,
    doing: Doing,
    /// A run was begun and not ended: something has panicked in it.
    is_running: bool,
    ended: Option<Ended>,
    /// The circle of full streams that stands now.
    circle: Option<Deadlock>,
    inputs: u64,
    /// How many inputs there had been when nothing went wrong any more.
    inputs_before_calm: u64,
    last_at: Instant,
    /// How far the run was before each step, if the log is kept.
    marks: Vec<Mark>,
    /// How far it was when it began to go on at random, if it does.
    parted: Option<Mark>,
    /// When a host was started last.
    begun_at: Instant,
    /// Twins get exactly what their machines get, so that what differs can be blamed on fewer laws.
    pub(crate) plain_twins: bool,
    /// Where the counters of machines start.
    pub(crate) first_number: u64,
    /// Whether fingerprints are looked at (law 11); as the seed of a run has it, if nobody says so.
    pub(crate) looks_at_fingerprints: Option<bool>,
}

impl fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({} hosts, at {})", self.hosts.len(), self.last_at)
    }
}

impl<'s> Engine<'s> {
    /// An engine for a scenario. It has run nothing so far.
    #[expect(
        clippy::missing_panics_doc,
        reason = "a net without a machine for each host becomes no scenario"
    )]
    pub fn new(scenario: &'s Scenario) -> Self {
        let spec = scenario.spec();
        let slot = |host: &'s HostSpec| {
            let kind = host.kind.as_ref().expect("every host of a scenario has something to run");
            let actor = Checked::new(kind.spawn(), kind.spawn(), host.promises);
            Slot { actor, status: None, times: Vec::new(), told_before: 0 }
        };
        let sockets = |host: &HostSpec| host.own_datagrams().iter().map(|socket| socket.local).collect();
        Self {
            scenario,
            slots: spec.hosts.iter().map(slot).collect(),
            sockets: spec.hosts.iter().map(sockets).collect(),
            hosts: spec.hosts.iter().map(|_| State::default()).collect(),
            world: World::new(spec),
            #[cfg(feature = "tasks")]
            runtime: runtime::Runtime::default(),
            generated: Vec::new(),
            folds: spec.folds.iter().map(|fold| (fold.init)()).collect(),
            watches: Vec::new(),
            changed: Reads::ALL,
            judges: Judges::default(),
            was_told: 0,
            judged_at: None,
            was_read: Reads::default(),
            broken: None,
            gave_up: Vec::new(),
            doing: Doing::Nothing,
            is_running: false,
            ended: None,
            circle: None,
            inputs: 0,
            inputs_before_calm: 0,
            last_at: Instant::START,
            marks: Vec::new(),
            parted: None,
            begun_at: Instant::START,
            plain_twins: false,
            first_number: 0,
            looks_at_fingerprints: None,
        }
    }

    /// The scenario.
    pub const fn scenario(&self) -> &'s Scenario {
        self.scenario
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Chance;

    #[test]
    fn a_single_link_is_enough_for_something_to_be_drawn() {
        let lossy = Profile { loss: Chance::percent(1), ..Profile::CALM };
        let links = |profile| Links::default().direction(HostId(0), HostId(1), profile);
        let settings = |profile, links| Settings { profile, links, ..Settings::default() };
        assert!(settings(Profile::CALM, links(Profile::CALM)).is_calm());
        assert!(!settings(Profile::CALM, links(lossy)).is_calm());
        assert!(!settings(lossy, Links::default()).is_calm());
    }
}
