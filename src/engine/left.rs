//! Results of the last run.

use std::any::Any;
use std::fmt;

use super::{Broken, Doing, Ended, Engine, Sent, Settings, Watch};
use crate::actor::Shown;
use crate::fault::{FaultPlan, Resolved};
use crate::host::HostId;
use crate::machine::{Status, Violation};
use crate::network::{FlowFigures, Trail};
use crate::scenario::{FoldSpec, Reads, Run};
use crate::time::Instant;
use crate::transcript::{EventTexts, Log, Record, Transcript};

/// What the last run left.
impl Engine<'_> {
    /// The run as a property sees it at its end: the events of hosts, their states, how they ended.
    pub fn view(&self) -> Run<'_> {
        self.look(self.last_at)
    }

    /// For each host how its machine ended, if it did.
    pub fn statuses(&self) -> &[Option<Status>] {
        &self.world.statuses
    }

    /// How many datagrams and segments of data were sent.
    pub const fn packets(&self) -> u64 {
        self.world.network.packets
    }

    /// What the datagrams of each flow have met at each bottleneck, by its name: sender, receiver, figures.
    pub fn queue_figures(&self) -> impl Iterator<Item = (&str, HostId, HostId, &FlowFigures)> {
        self.world.network.figures()
    }

    /// When something happened last.
    pub const fn last_at(&self) -> Instant {
        self.last_at
    }

    /// The law that was broken, if one was, and on which host.
    pub fn violation(&self) -> Option<&(HostId, Violation)> {
        self.world.violation.as_ref()
    }

    /// The violated property, if there is one, and what was observed.
    pub fn broken(&self) -> Option<(&str, &str)> {
        self.broken.as_ref().map(|broken| (broken.what.as_str(), broken.detail.as_str()))
    }

    pub(crate) const fn take_broken(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// The histories that could not be judged, each with the reason.
    pub fn gave_up(&self) -> &[(String, String)] {
        &self.gave_up
    }

    /// For each property whether it was met: one that demands something in time, or sometimes.
    pub(crate) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// The states of all folds, with their specifications.
    pub(crate) fn folds(&self) -> impl Iterator<Item = (&FoldSpec, &dyn Any)> {
        self.scenario.spec().folds.iter().zip(self.folds.iter().map(|state| &**state))
    }

    /// What it was about when it last left off: in whose code a panic was.
    pub(crate) const fn doing(&self) -> Doing {
        self.doing
    }

    /// Whether something has panicked in the last run, so that nothing of what it has left can be relied on.
    pub(crate) const fn is_spoiled(&self) -> bool {
        self.is_running
    }

    /// What properties have read, in all runs since that was forgotten.
    pub(crate) const fn was_read(&self) -> Reads {
        self.was_read
    }

    /// Forgets what properties have read.
    pub(crate) fn forget_reads(&mut self) {
        self.was_read = Reads::default();
    }

    /// When a host was started last.
    pub(crate) const fn begun_at(&self) -> Instant {
        self.begun_at
    }

    /// Everything that was told, in order.
    pub(crate) fn told(&self) -> &[(Instant, HostId, u32)] {
        &self.world.told
    }

    /// An event of a host, as `Debug` has it.
    pub(crate) fn event(&self, host: HostId, index: u32) -> Shown<'_> {
        Shown(self.slots[host.index()].actor.events(), index)
    }

    /// Whether the same was told as in another run of the same scenario.
    pub(crate) fn told_the_same(&self, other: &Self) -> bool {
        let same = |&(_, host, index): &(Instant, HostId, u32)| {
            let [ours, theirs] = [self, other].map(|engine| engine.slots[host.index()].actor.events());
            ours.same(index as usize, theirs, index as usize)
        };
        self.world.told == other.world.told && self.world.told.iter().all(same)
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

    /// How much of what was decided has happened.
    pub(crate) const fn decided(&self) -> usize {
        self.world.network.trail.decided()
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
    pub fn transcript(&self) -> Transcript<'_> {
        Transcript::new(self.scenario.names(), &self.world.log, self, self.scenario.spec().decode)
    }

    /// Everything that makes the run again, as one explicit plan: the seed, the link, the plan's own faults and those
    /// that were drawn.
    pub fn plan(&self, settings: &Settings) -> FaultPlan {
        let mut plan = FaultPlan::default();
        plan.seed = Some(settings.effective_seed());
        let streams = settings.streams(self.scenario.spec());
        plan.streams = if streams.is_segments() { Some(streams) } else { settings.plan.streams };
        plan.calm = settings.plan.schedule.calm_at;
        plan.commands.clone_from(&settings.plan.commands);
        plan.set_bottlenecks(settings.plan.bottlenecks.iter().map(|one| one.named(&self.scenario.names())));
        // The latency and the faults were in a plan, or drawn for a place that had none: nothing can be refused.
        let _ = plan.set_link(settings.link());
        let names = self.scenario.names();
        let _ = plan.try_extend(self.world.network.faults().map(|fault| fault.named(&names)));
        plan
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

impl EventTexts for Engine<'_> {
    fn write(&self, host: HostId, index: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.slots[host.index()].actor.events();
        self.scenario.spec().hosts[host.index()].show(events, index, f)
    }
}
