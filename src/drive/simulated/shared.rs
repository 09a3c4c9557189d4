//! What the hosts of one simulation have in common: the network between them, and the log.

use std::rc::Rc;

use tokio::sync::Notify;

use crate::actor::AnyCommand;
use crate::engine::{Entry, Event, Keep, Queue, Settings, World};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::network::Order;
use crate::scenario::{Spec, Timed};
use crate::time::Instant;
use crate::transcript::What;

/// What the hosts of one simulation have in common.
pub(super) struct Shared {
    pub(super) world: World<'static>,
    /// The commands that the seed gives.
    pub(super) generated: Rc<[Timed]>,
    /// What each host has told, as text.
    pub(super) events: Vec<Vec<String>>,
    /// For each host what is on its way there.
    pub(super) inboxes: Vec<Queue>,
    /// How to tell a host that something was put into its inbox.
    pub(super) notifies: Vec<Rc<Notify>>,
    /// For each host when its machine wants to be woken.
    pub(super) deadlines: Vec<Option<Instant>>,
    /// How many hosts have started.
    pub(super) started: usize,
    pub(super) inputs: u64,
    pub(super) last_at: Instant,
    pub(super) failure: Option<String>,
}

impl Shared {
    pub(super) fn new(spec: &'static Spec, settings: &Settings) -> Self {
        let hosts = spec.hosts.len();
        let generated: Rc<[Timed]> = spec.generate(settings.effective_seed()).into();
        let mut world = World::new(spec);
        world.reset(&Settings { keep: Keep::Log, ..settings.clone() }, &generated);
        let mut shared = Self {
            world,
            generated,
            events: vec![Vec::new(); hosts],
            inboxes: (0..hosts).map(|_| Queue::default()).collect(),
            notifies: (0..hosts).map(|_| Rc::default()).collect(),
            deadlines: vec![None; hosts],
            started: 0,
            inputs: 0,
            last_at: Instant::START,
            failure: None,
        };
        // Faults of hosts are put into the log here: a host whose machine has ended takes no part any more. Only a stop is
        // put there when it comes, for whether it does depends on the machine.
        let mut due = std::mem::take(&mut shared.world.queue);
        while let Some(Entry { order, event }) = due.pop() {
            if matches!(event, Event::Calm) {
                // What it ends the network knows, and hosts that are down there are none here.
                if order.at() <= spec.max_time {
                    shared.world.record(order.at(), HostId(0), What::Calm);
                }
                continue;
            }
            if let Event::Fault(place) = event {
                let (fault, _) = shared.world.network.host_fault(place);
                if !matches!(fault, ResolvedHost::Stop(_)) && order.at() <= spec.max_time {
                    let fault = Resolved::Host { at: order.at(), fault };
                    shared.world.record(order.at(), HostId(0), What::Fault(fault));
                }
                if fault.is_between_hosts() {
                    continue;
                }
            }
            shared.inboxes[order.host().index()].push(order, event);
        }
        shared
    }

    /// Puts what has been sent into the inboxes; `carry` sees each first.
    pub(super) fn distribute(&mut self, mut carry: impl FnMut(&World<'_>, Order, Event)) {
        while let Some(Entry { order, event }) = self.world.queue.pop() {
            carry(&self.world, order, event);
            let to = order.host().index();
            self.inboxes[to].push(order, event);
            self.notifies[to].notify_one();
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        let resting = self.deadlines.iter().all(Option::is_none) && self.inboxes.iter().all(Queue::is_empty);
        self.started == self.inboxes.len() && resting
    }

    pub(super) fn is_over(&self, max_inputs: u64) -> bool {
        self.failure.is_some()
            || self.world.violation.is_some()
            || self.inputs >= max_inputs
            || self.is_quiet()
    }
}

/// The commands of a run: the scenario's own, then those that the seed gives.
pub(super) struct Commands {
    pub(super) own: &'static [Timed],
    pub(super) generated: Rc<[Timed]>,
}

impl Commands {
    pub(super) fn get(&self, number: u32) -> &dyn AnyCommand {
        let index = number as usize;
        let timed = self.own.get(index).unwrap_or_else(|| &self.generated[index - self.own.len()]);
        &*timed.command
    }
}
