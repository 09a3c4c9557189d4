//! Hosts of a scenario on real sockets, whatever runs on them: what a command line serves and calls with.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::direct::Room;
use super::driven::{Driven, poll_receiver};
use super::workers::{Work, spread};
use super::{DriveError, Endpoint, Setup, run_driven};
use crate::actor::{Actor, AnyCommand, Events, Turn};
use crate::host::{Boot, HostId};
use crate::machine::{Effects, Input, Peer, Status};
use crate::scenario::Scenario;
use crate::time::Instant;

/// Who is told events of any type.
pub(crate) trait Audience {
    /// These of the list are new.
    fn told(&mut self, events: &dyn Events, new: Range<usize>);

    /// The driver is about to wait, or has gone on for long: what was kept back is due.
    fn rest(&mut self);

    /// The driver has something to tell once that whoever runs the machine can do something about.
    fn note(&mut self, text: &str);
}

/// Drives what runs on a host of a scenario as [`run`](super::run) does, whatever its type. `boot` has the addresses of the
/// other hosts as they are in this world. Laws are not checked.
pub(crate) fn run_host(
    scenario: &Scenario,
    host: HostId,
    boot: Boot<'_>,
    setup: Setup<Box<dyn AnyCommand>>,
    opened: impl FnOnce(&[Peer]),
    audience: &mut dyn Audience,
) -> Result<Status, DriveError> {
    let (commands, means) = setup.split();
    run_driven(&mut Hosted::new(scenario, host, boot, commands, audience), means, Box::new(opened))
}

/// The same by several workers, as [`run_workers`](super::run_workers) does. `boot` says what the worker with this number
/// begins with; each has an audience of its own, in its thread.
pub(crate) fn run_host_workers<'b, A: Audience>(
    workers: NonZeroUsize,
    (scenario, host): (&Scenario, HostId),
    boot: &(dyn Fn(usize) -> Boot<'b> + Sync),
    (sockets, max_accepted, max_silence): (Vec<Endpoint>, Option<NonZeroUsize>, Option<Duration>),
    opened: impl FnOnce(&[Peer]) + Send,
    audience: &(dyn Fn() -> A + Sync),
) -> Result<Status, DriveError> {
    let each = |number, work: &mut Work<'_>| {
        work(&mut Hosted::new(scenario, host, boot(number), None, &mut audience()))
    };
    // They share out the peers, and so the room.
    let share = |max: NonZeroUsize| NonZeroUsize::new(max.get().div_ceil(workers.get()));
    let room = Room { max_accepted: max_accepted.and_then(share), max_silence };
    spread(workers, sockets, room, Box::new(opened), &each)
}

/// Looks whether nobody is bound to these addresses: workers would share them with another server, which neither of the two
/// would notice.
pub(crate) fn check_free(sockets: &[Endpoint]) -> Result<(), DriveError> {
    for socket in sockets {
        let Some(addr) = socket.bind().inet() else { continue };
        // Without the option that shares an address, this is refused where anybody has it.
        let (action, bound) = match socket {
            Endpoint::Datagram { .. } => ("bind", std::net::UdpSocket::bind(addr).map(drop)),
            Endpoint::Listener { .. } => ("listen on", std::net::TcpListener::bind(addr).map(drop)),
        };
        bound.map_err(|source| DriveError::Open { action, peer: Box::new(socket.bind()), source })?;
    }
    Ok(())
}

/// What runs on a host.
struct Hosted<'s, 'a> {
    actor: Box<dyn Actor + 's>,
    commands: Option<Receiver<Box<dyn AnyCommand>>>,
    audience: &'a mut dyn Audience,
}

impl<'s, 'a> Hosted<'s, 'a> {
    /// Makes the machine.
    fn new(
        scenario: &'s Scenario,
        host: HostId,
        boot: Boot<'_>,
        commands: Option<Receiver<Box<dyn AnyCommand>>>,
        audience: &'a mut dyn Audience,
    ) -> Self {
        let kind = &scenario.spec().hosts[host.index()].kind;
        let mut actor = kind.as_ref().expect("every host of a scenario has something to run").spawn();
        actor.boot(boot);
        Self { actor, commands, audience }
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
            self.audience.told(events, 0..events.len());
            self.actor.forget_events();
        }
    }

    fn rest(&mut self) {
        self.audience.rest();
    }

    fn note(&mut self, text: &str) {
        self.audience.note(text);
    }

    fn has_commands(&self) -> bool {
        self.commands.is_some()
    }
}
