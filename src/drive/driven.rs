//! What the driver drives, whatever its commands and events are: the loop and the sockets are compiled once.

use std::task::{Context, Poll};

use tokio::sync::mpsc::Receiver;
use tracing::warn;

use crate::actor::{Actor as _, AnyCommand, Edge, Turn};
use crate::machine::{Effects, Input, Machine};
use crate::time::Instant;

/// A machine with its outbox, the application's commands, and who hears its events.
pub(super) trait Driven {
    /// Hands one input in.
    fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_>;

    /// The outbox, without the events.
    fn effects(&mut self) -> &mut Effects;

    /// Hands in the next command of the application, if there is one, at the moment that `now` says; or registers to be woken for it.
    fn poll_command(&mut self, now: &dyn Fn() -> Instant, cx: &mut Context<'_>) -> Poll<Turn<'_>>;

    /// Tells what the machine has told since the last time. No step of an event may be left in the outbox.
    fn tell(&mut self);

    /// The driver is about to wait, or has gone on for long: whoever hears the events may keep nothing back any more.
    fn rest(&mut self) {}

    /// Tells something once that whoever runs the machine can do something about.
    fn note(&mut self, text: &str) {
        warn!("{text}");
    }

    /// Whether the application may still give commands.
    fn has_commands(&self) -> bool {
        true
    }
}

/// A machine whose type is known.
pub(super) struct Typed<M: Machine, F> {
    edge: Edge<'static, M>,
    commands: Option<Receiver<M::Command>>,
    event: F,
}

impl<M: Machine, F: FnMut(M::Event)> Typed<M, F> {
    /// `event` is called with everything that the machine tells.
    pub(super) fn new(machine: M, commands: Option<Receiver<M::Command>>, event: F) -> Self {
        Self { edge: Edge::with(machine), commands, event }
    }
}

impl<M: Machine, F: FnMut(M::Event)> Driven for Typed<M, F> {
    fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        self.edge.handle(&input, now)
    }

    fn effects(&mut self) -> &mut Effects {
        self.edge.effects()
    }

    // A command need not be one that a scenario can hold, so it is handed in here, where its type is known.
    fn poll_command(&mut self, now: &dyn Fn() -> Instant, cx: &mut Context<'_>) -> Poll<Turn<'_>> {
        let Poll::Ready(command) = poll_receiver(&mut self.commands, cx) else { return Poll::Pending };
        let Edge { machine, out, .. } = &mut self.edge;
        let mut deadline = None;
        if let Some(machine) = machine {
            out.feed(machine, Input::Command(&command), now());
            deadline = machine.deadline();
        }
        let (effects, events) = out.parts();
        Poll::Ready(Turn { effects, events, deadline })
    }

    fn tell(&mut self) {
        self.edge.out.told_mut().drain(..).for_each(&mut self.event);
    }

    fn has_commands(&self) -> bool {
        self.commands.is_some()
    }
}

/// The next command. Once nobody is left to give one, there is none any more.
pub(super) fn poll_receiver<C>(commands: &mut Option<Receiver<C>>, cx: &mut Context<'_>) -> Poll<C> {
    let Some(receiver) = commands else { return Poll::Pending };
    match receiver.poll_recv(cx) {
        Poll::Ready(Some(command)) => Poll::Ready(command),
        Poll::Ready(None) => {
            *commands = None;
            Poll::Pending
        }
        Poll::Pending => Poll::Pending,
    }
}
