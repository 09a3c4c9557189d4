//! Real sockets: what happens on them reaches the machine at once.

mod incoming;
mod room;

use std::future::poll_fn;
use std::iter;
use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use tracing::{debug, warn};

use super::driver::{Alarm, Core, Port, Waited, after, clock, elapsed};
use super::gathered::Last;
use super::links::{Link, Links, Over, Standing};
use super::net::{Manner, Packet};
use super::outgoing::{Outgoing, Release};
use super::pace::Idle;
use super::sockets::{Raw, Sockets};
use super::store::Store;
use super::system::{self, System};
use super::{DriveError, Endpoint};
pub(super) use room::Room;

use crate::actor::AnyCommand;
use crate::machine::{
    CloseReason, Conn, Effect, Effects, Input, Marked, Misuse, Peer, Status, Violation, limits,
};
use crate::time::Instant;

/// The port to real sockets.
pub(super) struct Direct {
    sockets: Sockets<System>,
    begin: tokio::time::Instant,
    links: Links,
    outgoing: Option<Outgoing>,
    store: Option<Store>,
    room: Room,
    /// Whether it was told that somebody made way.
    has_made_room: bool,
    /// The kinds of misuse that were warned of.
    warned: Vec<Discriminant<Misuse>>,
}

/// What came of what a machine has put out.
#[derive(Default)]
struct Settled<'e> {
    done: Option<Status>,
    broken: Option<Violation>,
    /// The message that was written last, which may go to others, too.
    last: Last<'e>,
}

impl Direct {
    /// Opens the sockets.
    pub(super) async fn open(
        endpoints: &[Endpoint],
        manner: Manner,
        outgoing: Option<Outgoing>,
        store: Option<Store>,
        room: Room,
    ) -> Result<Self, DriveError> {
        Ok(Self {
            sockets: Sockets::open(endpoints, manner).await?,
            begin: clock(),
            links: Links::default(),
            outgoing,
            store,
            room,
            has_made_room: false,
            warned: Vec::new(),
        })
    }

    /// The addresses that are bound, in the order of the endpoints.
    pub(super) fn locals(&self) -> Vec<Peer> {
        self.sockets.locals()
    }

    /// Those of the datagram sockets.
    pub(super) fn datagram_locals(&self) -> Vec<Peer> {
        self.sockets.datagram_locals()
    }

    /// From now on [`Port::wait`] may wait: nobody else has anything to do in this thread.
    pub(super) fn may_wait(&mut self) {
        self.sockets.may_wait();
    }

    fn elapsed(&self) -> Instant {
        elapsed(self.begin)
    }

    /// Notes that a stream has ended, and lets its socket go.
    fn end(&mut self, conn: Conn, reason: CloseReason) {
        let Some(Link { id, peer, .. }) = self.links.end(conn, reason) else { return };
        debug!(%peer, %reason, "closed");
        match reason {
            CloseReason::Finished => self.sockets.remove(id),
            CloseReason::Reset | CloseReason::Aborted | CloseReason::LingerExpired => self.sockets.abort(id),
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.forget(id);
        }
    }

    /// Does one thing that the machine wants done.
    fn apply(&mut self, effect: Effect<'_, u32>, now: Instant, settled: &mut Settled<'_>) {
        match effect {
            // Without a plan all have been sent at once.
            Effect::Send { local, peer, bytes, ecn } => {
                if let Some(outgoing) = &mut self.outgoing {
                    outgoing.send(now, Packet { local, peer, bytes, ecn });
                }
            }
            Effect::Connect { conn, peer } => {
                let id = self.sockets.dial(peer);
                self.links.begin(id, conn, peer, Standing::Dialing { shut: false });
            }
            // Without a plan the sockets have it already.
            Effect::Write { conn, bytes } => {
                if let (Some(id), Some(outgoing)) = (self.links.id(conn), &mut self.outgoing) {
                    outgoing.write(now, id, bytes);
                }
            }
            Effect::Shutdown { conn } => self.shutdown(conn, now),
            Effect::Close { conn } => self.close(conn, now),
            Effect::Abort { conn } => self.end(conn, CloseReason::Aborted),
            Effect::Pause { conn } => self.pause(conn, true),
            Effect::Resume { conn } => self.pause(conn, false),
            // Saves, joins and leaves are done between the others, events are told after all.
            Effect::Save { .. } | Effect::Join { .. } | Effect::Leave { .. } | Effect::Event(_) => {}
            Effect::Done(status) => settled.done = Some(status),
            Effect::Violation(violation) => _ = settled.broken.get_or_insert(violation),
        }
    }

    fn pause(&mut self, conn: Conn, paused: bool) {
        if let Some(id) = self.links.id(conn) {
            self.sockets.set_reading(id, !paused);
        }
    }

    fn shutdown(&mut self, conn: Conn, now: Instant) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let id = link.id;
        if let Standing::Dialing { shut } = &mut link.standing {
            *shut = true;
            return;
        }
        match &mut self.outgoing {
            None => self.sockets.shutdown(id),
            Some(outgoing) => outgoing.shutdown(now, id),
        }
    }

    fn close(&mut self, conn: Conn, now: Instant) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let (id, is_open) = (link.id, link.is_open());
        if !is_open {
            self.end(conn, CloseReason::Aborted);
        } else if !link.is_lingering() {
            self.links.linger(conn, now + limits::MAX_LINGER);
            // What is paused is discarded from now on.
            self.sockets.set_reading(id, true);
            self.shutdown(conn, now);
        }
    }

    /// Does all of what the machine has put out, in order but for its datagrams: what lies between two saves, joins or leaves
    /// goes in as few calls as the system allows. What is written to streams waits for [`Port::rest`], when more may have gathered.
    fn carry_out<'e>(
        &mut self,
        effects: &'e Effects,
        now: Instant,
        settled: &mut Settled<'e>,
    ) -> Result<(), DriveError> {
        let mut begin = 0;
        loop {
            if self.outgoing.is_none() {
                let sends = effects.sends(begin);
                self.sockets.send(&sends.map(|(local, peer, Marked { bytes, ecn })| Packet {
                    local,
                    peer,
                    bytes,
                    ecn,
                }));
            }
            let is_planned = self.outgoing.is_some();
            let barrier = effects.until_barrier(begin, |effect| match effect {
                // By far the most, where one message goes to many.
                Effect::Write { conn, bytes } if !is_planned => {
                    if let Some(id) = self.links.id(conn) {
                        self.sockets.write(id, bytes, &mut settled.last);
                    }
                }
                effect => self.apply(effect, now, settled),
            });
            let Some((effect, next)) = barrier else { return Ok(()) };
            match effect {
                Effect::Save { bytes } => self.store.as_ref().ok_or(DriveError::NoStore)?.save(bytes)?,
                Effect::Join { group } => self.set_member(group, true, now)?,
                Effect::Leave { group } => self.set_member(group, false, now)?,
                _ => {}
            }
            begin = next;
        }
    }

    /// Joins a multicast group, or leaves it, once what was sent before has left.
    fn set_member(&mut self, group: IpAddr, joins: bool, now: Instant) -> Result<(), DriveError> {
        self.release(now);
        self.sockets.set_member(group, joins)
    }

    /// Warns of what a machine has put out that cannot be done, once for each kind.
    fn warn(&mut self, misuse: Misuse) {
        let kind = discriminant(&misuse);
        if !self.warned.contains(&kind) {
            self.warned.push(kind);
            warn!("the machine breaks law 9: {misuse}");
        }
    }

    /// Lets go what a fault plan has held back until now.
    fn release(&mut self, now: Instant) {
        while let Some(release) = self.outgoing.as_mut().and_then(|outgoing| outgoing.release(now)) {
            match release {
                Release::Send(local, peer, bytes, ecn) => {
                    self.sockets.send(&iter::once(Packet { local, peer, bytes: &bytes, ecn }));
                }
                Release::Write(id, bytes) => {
                    // Each piece by itself, so that a cut is one.
                    self.sockets.write_alone(id, &bytes);
                }
                Release::Shutdown(id) => {
                    self.sockets.shutdown(id);
                    self.sockets.flush(id);
                }
                Release::Reset(id) => {
                    if let Some(conn) = self.links.conn(id) {
                        self.end(conn, CloseReason::Reset);
                    }
                }
            }
        }
    }

    /// Gives up on peers that do not come to their end.
    fn expire_lingers(&mut self, now: Instant) {
        while let Some(conn) = self.links.expired(now) {
            self.end(conn, CloseReason::LingerExpired);
        }
    }

    /// Whether nothing is on its way out any more.
    fn is_finished(&self) -> bool {
        let held = self.outgoing.as_ref().is_some_and(|outgoing| outgoing.due_at().is_some());
        self.sockets.stream_count() == 0 && self.sockets.is_flushed() && !held
    }
}

impl Port for Direct {
    fn now(&self) -> Instant {
        self.elapsed()
    }

    fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        after(self.begin, at.since_start())
    }

    fn feed(&mut self, core: &mut Core<'_>, input: Input<'_, dyn AnyCommand>) -> Result<(), DriveError> {
        if core.done.is_some() {
            return Ok(());
        }
        let now = self.elapsed();
        core.handle(input, now);
        self.settle(core, now)
    }

    fn settle(&mut self, core: &mut Core<'_>, now: Instant) -> Result<(), DriveError> {
        let effects = core.effects();
        if let Some(misuse) = effects.take_misuse() {
            self.warn(misuse);
        }
        if self.outgoing.is_some() {
            // What one input leads to is one segment for a plan. Without one all of a look is.
            effects.merge_writes();
        }
        let mut settled = Settled::default();
        let carried_out = self.carry_out(effects, now, &mut settled);
        let Settled { done, broken, .. } = settled;
        effects.clear();
        core.done = core.done.or(done);
        core.tell();
        carried_out?;
        self.release(now);
        broken.map_or(Ok(()), |violation| Err(DriveError::Broken(violation)))
    }

    fn poll_input(&mut self, core: &mut Core<'_>, cx: &mut Context<'_>) -> Poll<Result<u32, DriveError>> {
        loop {
            if self.wake_at().is_some() {
                let now = self.elapsed();
                self.release(now);
                self.expire_lingers(now);
                self.expire_silent(now);
            }
            if let Some(Over { conn, reason }) = self.links.next_over() {
                core.effects().release(conn);
                match reason {
                    Some(reason) => {
                        return Poll::Ready(self.feed(core, Input::Closed { conn, reason }).map(|()| 1));
                    }
                    None => continue,
                }
            }
            let raw = ready!(self.sockets.poll_next(cx))?;
            if let Some(fed) = self.translate(core, raw) {
                return Poll::Ready(fed);
            }
        }
    }

    fn wait(&mut self, core: &mut Core<'_>, idle: Idle) -> Waited {
        let awake_at = || self.elapsed() + system::MAX_WAIT + system::MAX_WAIT;
        if self.outgoing.is_some() || !core.is_undisturbed_until(awake_at) {
            return Waited::Refused;
        }
        match self.sockets.wait(idle) {
            None => Waited::Refused,
            Some(false) => Waited::Nothing,
            Some(true) => self.translate(core, Raw::Datagrams).map_or(Waited::Nothing, Waited::Fed),
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let linger_at = self.links.linger_at().into_iter().chain(self.silent_at());
        linger_at.chain(self.outgoing.as_ref().and_then(Outgoing::due_at)).min()
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn rest(&mut self, _deadline: Option<Instant>) {
        self.sockets.flush_all();
    }

    async fn finish(&mut self, core: &mut Core<'_>) -> Result<(), DriveError> {
        let now = self.elapsed();
        self.sockets.stop_listening();
        for conn in self.links.all() {
            self.close(conn, now);
        }
        self.release(now);
        let mut alarm = Alarm::default();
        // What a plan holds back, and datagrams that the system does not take, have the same bound as streams.
        let mut until = pin!(tokio::time::sleep(limits::MAX_LINGER));
        while !self.is_finished() {
            self.sockets.flush_all();
            let wake_at = self.wake_at().map(|at| self.runtime_at(at));
            tokio::select! {
                biased;
                ended = poll_fn(|cx| match self.poll_input(core, cx) {
                    // What was flushed just now may have been the last, and then nothing would wake this again.
                    Poll::Pending if self.is_finished() => Poll::Ready(Ok(0)),
                    polled => polled,
                }) => match ended {
                    Ok(_) => {}
                    Err(error @ DriveError::Send { .. }) => return Err(error),
                    // A socket that fails now has nothing left that the machine wants of it.
                    Err(_) => break,
                },
                () = alarm.until(wake_at) => {}
                () = &mut until => break,
            }
        }
        self.sockets.take_failure().map_or(Ok(()), Err)
    }
}
