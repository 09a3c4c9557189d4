//! What the driver drives, whatever its commands and events are: the loop and the sockets are compiled once.

use std::task::{Context, Poll};

use tokio::sync::mpsc::Receiver;

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
        self.edge.handle(input, now)
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
}

/// The next command. Once nobody is left to give one, there is none any more.
fn poll_receiver<C>(commands: &mut Option<Receiver<C>>, cx: &mut Context<'_>) -> Poll<C> {
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

#[cfg(feature = "sim")]
pub(super) use hosted::Hosted;

#[cfg(feature = "sim")]
mod hosted {
    use super::{AnyCommand, Context, Driven, Effects, Input, Instant, Poll, Receiver, Turn, poll_receiver};
    use crate::actor::Actor;
    use crate::drive::Told;
    use crate::host::{Boot, HostId};
    use crate::scenario::Scenario;

    /// What runs on a host of a scenario, of any type.
    pub(in crate::drive) struct Hosted<'s, 't> {
        actor: Box<dyn Actor + 's>,
        commands: Option<Receiver<Box<dyn AnyCommand>>>,
        told: &'t mut Told<'t>,
    }

    impl<'s, 't> Hosted<'s, 't> {
        /// Makes the machine.
        pub(in crate::drive) fn new(
            scenario: &'s Scenario,
            host: HostId,
            boot: Boot<'_>,
            commands: Option<Receiver<Box<dyn AnyCommand>>>,
            told: &'t mut Told<'_>,
        ) -> Self {
            let kind = &scenario.spec().hosts[host.index()].kind;
            let kind = kind.as_ref().expect("every host of a scenario has something to run");
            let mut actor = kind.spawn();
            actor.boot(boot);
            Self { actor, commands, told }
        }
    }

    impl Driven for Hosted<'_, '_> {
        fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
            self.actor.handle(input, now)
        }

        fn effects(&mut self) -> &mut Effects {
            self.actor.effects()
        }

        fn poll_command(&mut self, now: &dyn Fn() -> Instant, cx: &mut Context<'_>) -> Poll<Turn<'_>> {
            let Poll::Ready(command) = poll_receiver(&mut self.commands, cx) else { return Poll::Pending };
            Poll::Ready(self.actor.handle(Input::Command(&*command), now()))
        }

        fn tell(&mut self) {
            let events = self.actor.events();
            if events.len() > 0 {
                (self.told)(events, 0..events.len());
                self.actor.forget_events();
            }
        }
    }
}
