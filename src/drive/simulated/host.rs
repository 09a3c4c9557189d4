//! What runs on a host: a machine with the laws checked on it, as in the event engine.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::shared::Shared;
use crate::actor::{AnyCommand, Events, Turn};
use crate::drive::driven::Driven;
use crate::engine::Settings;
use crate::host::{Boot, HostId};
use crate::lawful::{Checked, Rigour};
use crate::machine::{Effects, Input};
use crate::scenario::{HostSpec, Spec};
use crate::time::Instant;

/// A machine and its laws; what it tells is kept as text.
pub(super) struct Simulant {
    actor: Checked<'static>,
    host: HostId,
    spec: &'static HostSpec,
    shared: Rc<RefCell<Shared>>,
    /// How many events were told before.
    told: usize,
}

impl Simulant {
    /// Makes a host's machine.
    pub(super) fn new(
        host: HostId,
        spec: &'static Spec,
        settings: &Settings,
        shared: Rc<RefCell<Shared>>,
    ) -> Self {
        let own = &spec.hosts[host.index()];
        let kind = own.kind.as_ref().expect("every host of a scenario has something to run");
        let mut actor = Checked::new(kind.spawn(), kind.spawn(), own.promises);
        actor.forget(
            settings.laws.map(|shift| Rigour { shift, plain: false, fingerprints: false }),
            spec.decode,
        );
        let seed = settings.machine_seed(host, 0);
        let sockets: Vec<_> = own.datagrams.iter().map(|socket| socket.local).collect();
        actor.boot(
            Boot {
                incarnation: 0,
                seed,
                disk: &[],
                peers: &spec.peers,
                names: Some(&spec.names),
                first_number: 0,
            },
            &sockets,
        );
        Self { actor, host, spec: own, shared, told: 0 }
    }
}

impl Driven for Simulant {
    fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        self.actor.handle(&input, now)
    }

    fn effects(&mut self) -> &mut Effects {
        self.actor.effects()
    }

    /// Commands come by the model's queue, as in the event engine.
    fn poll_command(&mut self, _: &dyn Fn() -> Instant, _: &mut Context<'_>) -> Poll<Turn<'_>> {
        Poll::Pending
    }

    fn tell(&mut self) {
        let events = self.actor.events();
        let new = self.told..events.len();
        self.told = new.end;
        let texts = new.map(|index| Shown(self.spec, events, index as u32).to_string());
        self.shared.borrow_mut().events[self.host.index()].extend(texts);
    }
}

/// An event as transcripts show it.
struct Shown<'a>(&'a HostSpec, &'a dyn Events, u32);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(self.1, self.2, f)
    }
}
