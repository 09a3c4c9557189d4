//! The event engine: discrete events over the machines themselves. No async, no I/O, no threads.
//!
//! A run costs microseconds, so this is where properties are searched, shrunk and enumerated. One [`Engine`] is used
//! for any number of runs and keeps its memory between them.

mod arrival;
mod deadlock;
mod fingerprint;
mod queue;
mod run;
mod world;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::{FaultPlan, Links, Profile, Resolved, StreamFault, UnknownHost};
use crate::host::HostId;
use crate::lawful::Lawful;
use crate::machine::{BoxedMachine, Law, Outbox, Status, Violation};
use crate::network::{Order, Power, Schedule, Trail};
use crate::scenario::{Scenario, TimedCommand};
use crate::seed::mix;
use crate::time::Instant;
use crate::transcript::{Happened, Log, Record, Transcript};

pub use crate::network::Fired;
pub(crate) use crate::network::Sent;
pub use deadlock::{Deadlock, MAX_UNREAD, Wait};
pub(crate) use queue::{Entry, Event, Queue};
pub(crate) use world::World;

/// A plan made ready for a scenario: looked up and indexed once, for any number of runs.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) seed: Option<u64>,
    pub(crate) link: Option<Duration>,
    /// The generated commands that are given; all, if there is no list.
    pub(crate) commands: Option<BTreeSet<u32>>,
}

impl Prepared {
    /// Looks the hosts of the plan up among `names`, those of the scenario in order.
    ///
    /// # Errors
    /// [`UnknownHost`] if the plan names one that is not there.
    pub fn new(plan: &FaultPlan, names: &[&str]) -> Result<Self, UnknownHost> {
        let schedule = Arc::new(Schedule::new(plan, names)?);
        Ok(Self { schedule, seed: plan.seed, link: plan.link(), commands: plan.commands.clone() })
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

/// Everything of a run that is not its scenario.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where all randomness comes from; a plan's own seed goes before it.
    pub seed: u64,
    /// The faults that are known.
    pub plan: Prepared,
    /// The faults that are drawn, for packets to which the plan does nothing.
    pub profile: Profile,
    /// The profiles of single directions, which go before it. A run panics if they name a host that is not there.
    pub links: Links,
    /// Whether the laws are held to every machine, and if so how much later their twins begin.
    pub laws: Option<Duration>,
    /// What is kept.
    pub keep: Keep,
}

impl Default for Settings {
    /// Seed 0, no faults, the laws held, everything kept.
    fn default() -> Self {
        Self {
            seed: 0,
            plan: Prepared::default(),
            profile: Profile::default(),
            links: Links::default(),
            laws: Some(Lawful::<BoxedMachine<(), ()>>::TWIN_SHIFT),
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
    pub(crate) fn latencies<'a, C, E>(
        &self,
        scenario: &'a Scenario<C, E>,
    ) -> (Duration, &'a [(HostId, HostId, Duration)]) {
        self.link().map_or((scenario.latency, scenario.latencies()), |latency| (latency, &[]))
    }

    /// The latency of every link: the plan's, if it has one, or else the profile's; `None` leaves it to the scenario.
    fn link(&self) -> Option<Duration> {
        // No plan can say more than this.
        let of_profile = self.profile.latency.min(Duration::from_nanos(u64::MAX));
        self.plan.link.or_else(|| (!of_profile.is_zero()).then_some(of_profile))
    }

    /// The seed of the run: the plan's, if it has one.
    pub fn effective_seed(&self) -> u64 {
        self.plan.seed.unwrap_or(self.seed)
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Nothing was left to happen.
    Quiet,
    /// Virtual time reached the scenario's bound.
    TimeLimit,
    /// The scenario's bound on inputs was reached.
    InputLimit,
    /// The observer had seen enough.
    Stopped,
    /// Hosts waited for one another in a circle.
    Deadlock,
    /// A machine broke a law.
    Broken(Law),
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub ended: Ended,
    /// When something happened last.
    pub at: Instant,
    /// How many inputs were handed to machines.
    pub inputs: u64,
    /// How many datagrams and segments of data were sent.
    pub packets: u64,
    /// How often each kind of fault fired.
    pub fired: Fired,
}

/// What an observer sees: everything up to the newest event, or the newest end of a machine.
#[derive(Debug)]
pub struct View<'a, E> {
    /// The moment.
    pub now: Instant,
    /// All events so far; empty if [`Keep::Outcome`] was asked for.
    pub events: &'a [Happened<E>],
    /// For each host how its machine ended, if it did.
    pub statuses: &'a [Option<Status>],
    /// How many inputs machines were handed since the plan's [calm](FaultPlan::calm); since the start before it, and
    /// without one.
    pub inputs: u64,
}

/// One host while it runs.
struct State<C, E> {
    machine: Option<BoxedMachine<C, E>>,
    outbox: Outbox<E>,
    power: Power,
    incarnation: u32,
    disk: Vec<u8>,
    /// How far the host's clock is ahead.
    skew: Duration,
    /// This machine has been told to stop.
    stopped: bool,
    /// For when a timer is in the queue.
    timer_at: Option<Instant>,
    /// How many inputs it had at `last_at` since the deadline was looked at.
    streak: u32,
    last_at: Instant,
}

impl<C, E> Default for State<C, E> {
    fn default() -> Self {
        Self {
            machine: None,
            outbox: Outbox::default(),
            power: Power::Running,
            incarnation: 0,
            disk: Vec::new(),
            skew: Duration::ZERO,
            stopped: false,
            timer_at: None,
            streak: 0,
            last_at: Instant::START,
        }
    }
}

/// Runs scenarios. See the [module](self).
pub struct Engine<C, E> {
    hosts: Vec<State<C, E>>,
    world: World<E>,
    /// All commands of this run, if some of them are generated.
    commands: Vec<TimedCommand<C>>,
    ended: Option<Ended>,
    /// The circle of full streams that stands now.
    circle: Option<Deadlock>,
    inputs: u64,
    /// How many inputs there had been when nothing went wrong any more.
    inputs_before_calm: u64,
    last_at: Instant,
    /// Twins get exactly what their machines get, so that what differs can be blamed on fewer laws.
    pub(crate) plain_twins: bool,
    /// Events up to here have been shown to the observer, and ends of machines up to there.
    shown: (usize, u32),
}

impl<C, E> Default for Engine<C, E> {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            world: World::default(),
            commands: Vec::new(),
            ended: None,
            circle: None,
            inputs: 0,
            inputs_before_calm: 0,
            last_at: Instant::START,
            plain_twins: false,
            shown: (0, 0),
        }
    }
}

impl<C, E> Debug for Engine<C, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({} hosts, at {})", self.hosts.len(), self.last_at)
    }
}

/// What the last run left.
impl<C, E> Engine<C, E> {
    /// The events, if they were kept.
    pub fn events(&self) -> &[Happened<E>] {
        &self.world.events
    }

    /// For each host how its machine ended, if it did.
    pub fn statuses(&self) -> &[Option<Status>] {
        &self.world.statuses
    }

    /// How many datagrams and segments of data were sent.
    pub const fn packets(&self) -> u64 {
        self.world.network.packets
    }

    /// When something happened last.
    pub const fn last_at(&self) -> Instant {
        self.last_at
    }

    /// The law that was broken, if one was, and on which host.
    pub fn violation(&self) -> Option<&(HostId, Violation)> {
        self.world.violation.as_ref()
    }

    /// Adds to the log that something does not hold: at the moment of this record, or at the end.
    pub(crate) fn note_broken(&mut self, at: Option<Record>, text: String) {
        let (at, host) = at.map_or((self.last_at, HostId(0)), |record| (record.at, record.host));
        self.world.broken(at, host, text);
    }

    /// Adds to the log from which of its records on the run goes round, and what that comes to.
    pub(crate) fn note_circle(&mut self, record: usize, text: String) {
        self.world.log.mark_circle(record);
        self.note_broken(None, text);
    }

    /// Why the last run ended.
    pub(crate) const fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// What of the next runs is decided, and what they send.
    pub(crate) fn trail(&mut self) -> &mut Trail {
        &mut self.world.network.trail
    }

    /// What was sent after the last decision.
    pub(crate) fn sends(&self) -> &[Sent] {
        &self.world.network.trail.sends
    }

    /// Whether all has happened that was decided.
    pub(crate) const fn is_open(&self) -> bool {
        self.world.network.trail.is_open()
    }

    /// How many machines have ended.
    pub(crate) const fn ends(&self) -> u32 {
        self.world.ends
    }

    /// How many inputs were handed to machines since the plan's calm, or since the start.
    pub(crate) const fn inputs_since_calm(&self) -> u64 {
        self.inputs - self.inputs_before_calm
    }

    /// How many inputs were handed to machines.
    pub(crate) const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// The log, if it was kept.
    pub fn log(&self) -> &Log {
        &self.world.log
    }

    /// The transcript, if the log was kept.
    pub fn transcript<'a>(&'a self, scenario: &'a Scenario<C, E>, names: &'a [&'a str]) -> Transcript<'a, E> {
        scenario.transcript(names, &self.world.log, &self.world.events)
    }

    /// Everything that makes the run again, as one explicit plan: the seed, the link, the plan's own faults and those
    /// that were drawn.
    pub fn plan(&self, scenario: &Scenario<C, E>, settings: &Settings) -> FaultPlan {
        let mut plan = FaultPlan::default();
        plan.seed = Some(settings.effective_seed());
        plan.calm = settings.plan.schedule.calm_at;
        plan.commands.clone_from(&settings.plan.commands);
        // The latency and the faults were in a plan, or drawn for a place that had none: nothing can be refused.
        let _ = plan.set_link(settings.link());
        let names = scenario.names();
        let _ = plan.try_extend(self.world.network.faults().map(|fault| fault.named(&names)));
        plan
    }

    /// The generated commands that the last run was to be given, with their numbers.
    pub(crate) fn generated<'a>(
        &'a self,
        scenario: &Scenario<C, E>,
        plan: &'a Prepared,
    ) -> impl Iterator<Item = (u32, &'a TimedCommand<C>)> {
        let numbered = (0..).zip(&self.commands).skip(scenario.commands().len());
        numbered.filter(|(number, _)| plan.gives(*number))
    }

    /// For each of the plan's faults, in its order, whether it changed something in the last run.
    pub(crate) fn planned_fired(&self) -> &[bool] {
        self.world.network.planned_fired()
    }

    /// The plan's faults that never changed anything: they are evidence of nothing.
    pub fn unfired(&self) -> impl Iterator<Item = Resolved> {
        self.world.network.unfired()
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
