//! Hosts of a scenario on real sockets, whatever runs on them: what a command line serves and calls with.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::task::{Context, Poll};

use tokio::sync::mpsc::Receiver;

use super::driven::{Driven, poll_receiver};
use super::workers::{Work, spread};
use super::{DriveError, Endpoint, Setup, run_driven};
use crate::actor::{Actor, AnyCommand, Events, Turn};
use crate::host::{Boot, HostId};
use crate::machine::{Effects, Input, Peer, Status};
use crate::scenario::Scenario;
use crate::time::Instant;

/// Who is told events of any type: the list, and which of it are new.
pub(crate) type Told<'a> = dyn FnMut(&dyn Events, Range<usize>) + 'a;

/// Drives what runs on a host of a scenario as [`run`](super::run) does, whatever its type. `boot` has the addresses of the
/// other hosts as they are in this world. Laws are not checked.
pub(crate) fn run_host(
    scenario: &Scenario,
    host: HostId,
    boot: Boot<'_>,
    setup: Setup<Box<dyn AnyCommand>>,
    opened: impl FnOnce(&[Peer]),
    told: &mut Told<'_>,
) -> Result<Status, DriveError> {
    let (commands, means) = setup.split();
    run_driven(&mut Hosted::new(scenario, host, boot, commands, told), means, Box::new(opened))
}

/// The same by several workers, as [`run_workers`](super::run_workers) does. `boot` says what the worker with this number
/// begins with.
pub(crate) fn run_host_workers<'b>(
    workers: NonZeroUsize,
    (scenario, host): (&Scenario, HostId),
    boot: &(dyn Fn(usize) -> Boot<'b> + Sync),
    sockets: Vec<Endpoint>,
    opened: impl FnOnce(&[Peer]) + Send,
    told: &(dyn Fn(&dyn Events, Range<usize>) + Sync),
) -> Result<Status, DriveError> {
    let each = |number, work: &mut Work<'_>| {
        let mut told = |events: &dyn Events, new: Range<usize>| told(events, new);
        work(&mut Hosted::new(scenario, host, boot(number), None, &mut told))
    };
    spread(workers, sockets, Box::new(opened), &each)
}

/// What runs on a host.
struct Hosted<'s, 't> {
    actor: Box<dyn Actor + 's>,
    commands: Option<Receiver<Box<dyn AnyCommand>>>,
    told: &'t mut Told<'t>,
}

impl<'s, 't> Hosted<'s, 't> {
    /// Makes the machine.
    fn new(
        scenario: &'s Scenario,
        host: HostId,
        boot: Boot<'_>,
        commands: Option<Receiver<Box<dyn AnyCommand>>>,
        told: &'t mut Told<'_>,
    ) -> Self {
        let kind = &scenario.spec().hosts[host.index()].kind;
        let mut actor = kind.as_ref().expect("every host of a scenario has something to run").spawn();
        actor.boot(boot);
        Self { actor, commands, told }
    }
}

impl Driven for Hosted<'_, '_> {
    fn handle(&mut self, input: Input<'_, dyn AnyCommand>, now: Instant) -> Turn<'_> {
        self.actor.handle(&input, now)
    }

    fn effects(&mut self) -> &mut Effects {
        self.actor.effects()
    }

    fn poll_command(&mut self, now: &dyn Fn() -> Instant, cx: &mut Context<'_>) -> Poll<Turn<'_>> {
        let Poll::Ready(command) = poll_receiver(&mut self.commands, cx) else { return Poll::Pending };
        Poll::Ready(self.actor.handle(&Input::Command(&*command), now()))
    }

    fn tell(&mut self) {
        let events = self.actor.events();
        if events.len() > 0 {
            (self.told)(events, 0..events.len());
            self.actor.forget_events();
        }
    }
}
