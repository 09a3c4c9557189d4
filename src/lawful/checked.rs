//! A machine of a simulated run, with the laws checked on it if wanted.

use std::any::{Any, TypeId};
use std::hash::Hasher;

use super::twin::Twin;
use super::{Before, Decode, Judge, Promises, Rigour, TWIN_SHIFT};
use crate::actor::{Actor, AnyCommand, Events, Turn};
use crate::host::Boot;
use crate::machine::{Effects, Input, Peer};
use crate::time::Instant;

/// What runs on a host, with the laws checked on it if wanted.
pub(crate) struct Checked<'s> {
    machine: Box<dyn Actor + 's>,
    judge: Judge<'s>,
    /// Whether the laws are checked in this run.
    is_judged: bool,
}

impl<'s> Checked<'s> {
    /// A machine and its twin, made by one factory.
    pub(crate) fn new(machine: Box<dyn Actor + 's>, twin: Box<dyn Actor + 's>, promises: Promises) -> Self {
        let twin = Twin::new(twin, TWIN_SHIFT);
        let judge = Judge::new(twin, promises);
        Self { machine, judge, is_judged: false }
    }

    /// A new run begins: nothing is there.
    pub(crate) fn forget(&mut self, rigour: Option<Rigour>, decode: Option<Decode>) {
        self.machine.forget();
        if let Some(rigour) = rigour {
            self.judge.set(rigour.shift, rigour.plain);
            self.judge.twin.decode = decode;
            self.judge.looks_at_fingerprints = rigour.fingerprints;
        }
        if self.is_judged || rigour.is_some() {
            self.judge.twin.actor.forget();
        }
        self.is_judged = rigour.is_some();
    }

    /// Makes a machine, whose datagram sockets are these.
    pub(crate) fn boot(&mut self, boot: Boot<'_>, sockets: &[Peer]) {
        self.machine.boot(boot);
        self.machine.effects().open(sockets);
        if self.is_judged {
            self.judge.reset();
        }
        if self.is_judged && self.judge.promises.is_repeatable {
            self.judge.twin.actor.boot(boot);
            self.judge.twin.actor.effects().open(sockets);
        }
    }

    /// Drops the machine.
    pub(crate) fn crash(&mut self) {
        self.machine.crash();
        if self.is_judged {
            self.judge.twin.actor.crash();
        }
    }

    /// Keeps the first `len` events: a machine that went down in the middle has not told those after them.
    pub(crate) fn keep_events(&mut self, len: usize) {
        self.machine.keep_events(len);
    }

    /// Hands one input in.
    #[inline]
    pub(crate) fn handle(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        if !self.is_judged || self.judge.over {
            return self.machine.handle(input, now);
        }
        self.handle_judged(input, now)
    }

    fn handle_judged(&mut self, input: &Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        let stand = self.judge.stand(&*self.machine, input, now);
        let before = Before { stand, ..self.judge.begin(input, now, self.machine.effects()) };
        let mut turn = self.machine.handle(input, now);
        self.judge.end(&before, input, now, &mut turn);
        turn
    }

    pub(crate) fn effects(&mut self) -> &mut Effects {
        self.machine.effects()
    }

    pub(crate) fn peek(&self) -> &Effects {
        self.machine.peek()
    }

    pub(crate) fn events(&self) -> &dyn Events {
        self.machine.events()
    }

    pub(crate) fn state(&self, want: TypeId) -> Option<&dyn Any> {
        self.machine.state(want)
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.machine.kind()
    }

    pub(crate) fn fingerprint(&self, now: Instant, to: &mut dyn Hasher) -> bool {
        self.machine.fingerprint(now, to) && (!self.is_judged || self.judge.fingerprint(now, to))
    }
}
