//! The time of hosts that use tokio's own timers: moved by what happens next, here or there.

use std::fmt::Write as _;
use std::rc::Rc;

use super::{Doing, Engine, Settings};
use crate::host::HostId;
use crate::tasks::{Shared, waits_text};

/// The runtime of a run, if one of its hosts takes it.
#[derive(Default)]
pub(super) struct Runtime {
    shared: Option<Rc<Shared>>,
    /// The hosts that want a turn.
    ready: Vec<HostId>,
}

impl Engine<'_> {
    /// Makes a new runtime for a run, if one of its hosts takes one.
    pub(super) fn begin_runtime(&mut self, settings: &Settings) {
        self.runtime.ready.clear();
        self.runtime.shared = None;
        if self.scenario.spec().hosts.iter().any(|host| host.on_tokio) {
            self.runtime.shared = Some(Shared::begin(settings.effective_seed()));
        }
    }

    /// Adds for what the tasks of hosts wait, where nothing is left to happen.
    pub(super) fn with_waits_of_tasks(&self, mut text: String) -> String {
        let spec = self.scenario.spec();
        for (index, host) in spec.hosts.iter().enumerate().filter(|(_, host)| host.opens) {
            let is_up = self.hosts[index].is_up;
            if let Some(waits) = waits_text(HostId(index as u16)).filter(|_| is_up) {
                let separator = if text.is_empty() { "" } else { "; " };
                let _ = write!(text, "{separator}{} {waits}", host.name);
            }
        }
        text
    }

    /// Moves the time of the runtime to what is due next in the queue. Hosts whose tasks are woken before it get their
    /// turn first, as if it were their deadline.
    pub(super) fn advance_runtime(&mut self) {
        let Some(shared) = self.runtime.shared.clone() else { return };
        let max_time = self.scenario.spec().max_time;
        let until = self.world.queue.peek().map_or(max_time, |next| next.order.at().min(max_time));
        self.doing = Doing::Advancing(until);
        let at = shared.advance(until, &mut self.runtime.ready).max(self.last_at);
        self.doing = Doing::Nothing;
        for place in 0..self.runtime.ready.len() {
            let host = self.runtime.ready[place];
            self.hosts[host.index()].deadline = at;
            self.set_timer(host, at);
        }
        self.runtime.ready.clear();
    }
}
