//! What hosts of asynchronous code put out beyond what machines do.

use std::ops::Range;

use super::effect::Step;
use super::{Effects, Outbox};
use crate::machine::Peer;

/// All sockets of a host that opens them while it runs, as asynchronous code does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) datagrams: Vec<BoundDatagrams>,
    /// Where it listens.
    pub(crate) listeners: Vec<Peer>,
}

/// A datagram socket of such a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoundDatagrams {
    pub(crate) local: Peer,
    /// The only peer that it hears, if it is connected.
    pub(crate) connected: Option<Peer>,
    /// It is bound to any address, and so hears groups.
    pub(crate) hears_groups: bool,
    /// What it sends to a group comes back to its host.
    pub(crate) loops: bool,
}

/// What only hosts of asynchronous code put out.
#[derive(Debug)]
pub(super) struct OfTasks {
    /// The host's sockets, if they have changed.
    bound: Option<Bound>,
    /// Which steps are of which task, where that is not the host's own.
    by_task: Vec<(Range<usize>, u32)>,
}

impl OfTasks {
    pub(super) const fn new() -> Self {
        Self { bound: None, by_task: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.bound = None;
        self.by_task.clear();
    }
}

/// What hosts of asynchronous code call. Their effects are elsewhere while their tasks run, so an event comes in two
/// halves: its step, and later itself.
impl<E> Outbox<E> {
    /// The index of the next event.
    pub(crate) const fn told_len(&self) -> usize {
        self.events.len()
    }

    /// Takes over the events of which the steps are noted.
    pub(crate) fn tell_all(&mut self, events: &mut Vec<E>) {
        self.events.append(events);
    }
}

impl Effects {
    /// Notes the step of the event that will have this index.
    pub(crate) fn note_event(&mut self, index: usize) {
        self.push(Step::Event(index as u32));
    }

    /// Notes that the host's sockets are other ones from now on.
    pub(crate) fn bind(&mut self, bound: Bound) {
        let locals: Vec<Peer> = bound.datagrams.iter().map(|socket| socket.local).collect();
        self.open(&locals);
        self.tasks.bound = Some(bound);
    }

    /// Notes that what was put out since step `mark` is of this task.
    pub(crate) fn by_task(&mut self, mark: usize, task: u32) {
        if task > 0 && self.steps.len() > mark {
            self.tasks.by_task.push((mark..self.steps.len(), task));
        }
    }

    /// The task that has put out a step; 0 for the host's own.
    pub(crate) fn task_of(&self, step: usize) -> u32 {
        let place = self.tasks.by_task.partition_point(|(steps, _)| steps.end <= step);
        self.tasks.by_task.get(place).filter(|(steps, _)| steps.contains(&step)).map_or(0, |(_, task)| *task)
    }

    /// The host's sockets, if they have changed.
    pub(crate) const fn take_bound(&mut self) -> Option<Bound> {
        self.tasks.bound.take()
    }
}
