//! Real sockets: what happens on them reaches the machine at once.

mod incoming;

use std::future::poll_fn;
use std::iter;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tracing::debug;

use super::driver::{Alarm, Core, Port, after, clock, elapsed};
use super::links::{Link, Links, Over};
use super::net::Net;
use super::outgoing::{Outgoing, Release};
use super::sockets::Sockets;
use super::{DriveError, Endpoint};
use crate::machine::{CloseReason, Conn, Effect, Input, Machine, Peer, Status, Violation, limits};
use crate::time::Instant;

/// How long streams get to end in good order after the machine is done.
const MAX_FINISH: Duration = Duration::from_millis(300);

/// The port to real sockets.
pub(super) struct Direct<N: Net, F> {
    sockets: Sockets<N>,
    begin: tokio::time::Instant,
    links: Links,
    outgoing: Option<Outgoing>,
    connected: Option<Peer>,
    event: F,
}

impl<N: Net, F> Direct<N, F> {
    /// Opens the sockets. `event` is called with everything that the machine tells.
    pub(super) async fn open(
        endpoint: Endpoint,
        shared: bool,
        outgoing: Option<Outgoing>,
        event: F,
    ) -> Result<Self, DriveError> {
        let connected = match endpoint {
            Endpoint::Datagram { connect, .. } => connect,
            _ => None,
        };
        Ok(Self {
            sockets: Sockets::open(endpoint, shared).await?,
            begin: clock(),
            links: Links::default(),
            outgoing,
            connected,
            event,
        })
    }

    /// The address that is bound, if one is.
    pub(super) fn local(&self) -> Option<Peer> {
        self.sockets.local()
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
    fn apply<E>(&mut self, effect: Effect<'_, E>, now: Instant) -> Result<Option<Status>, Violation>
    where
        F: FnMut(E),
    {
        match effect {
            // Without a plan all have been sent at once.
            Effect::Send { peer, bytes } => {
                if let Some(outgoing) = &mut self.outgoing {
                    outgoing.send(now, peer, bytes);
                }
            }
            Effect::Connect { conn, peer } => {
                let id = self.sockets.dial(peer);
                self.links.begin(id, conn, peer, false);
            }
            Effect::Write { conn, bytes } => {
                if let Some(id) = self.links.id(conn) {
                    match &mut self.outgoing {
                        None => self.sockets.write(id, bytes),
                        Some(outgoing) => outgoing.write(now, id, bytes),
                    }
                }
            }
            Effect::Shutdown { conn } => self.shutdown(conn, now),
            Effect::Close { conn } => self.close(conn, now),
            Effect::Abort { conn } => self.end(conn, CloseReason::Aborted),
            Effect::Pause { conn } => self.pause(conn, true),
            Effect::Resume { conn } => self.pause(conn, false),
            // A process that ends keeps nothing for the next one here; whoever needs that keeps a file.
            Effect::Save { .. } => {}
            Effect::Event(event) => (self.event)(event),
            Effect::Done(status) => return Ok(Some(status)),
            Effect::Violation(violation) => return Err(violation),
        }
        Ok(None)
    }

    fn pause(&mut self, conn: Conn, paused: bool) {
        if let Some(id) = self.links.id(conn) {
            self.sockets.set_reading(id, !paused);
        }
    }

    fn shutdown(&mut self, conn: Conn, now: Instant) {
        if let Some(id) = self.links.id(conn) {
            match &mut self.outgoing {
                None => self.sockets.shutdown(id),
                Some(outgoing) => outgoing.shutdown(now, id),
            }
        }
    }

    fn close(&mut self, conn: Conn, now: Instant) {
        let Some(link) = self.links.get_mut(conn) else { return };
        let (id, connected) = (link.id, link.connected);
        if !connected {
            self.end(conn, CloseReason::Aborted);
        } else if !link.is_lingering() {
            self.links.linger(conn, now + limits::MAX_LINGER);
            // What is paused is discarded from now on.
            self.sockets.set_reading(id, true);
            self.shutdown(conn, now);
        }
    }

    /// Does what the machine has put out: datagrams go in as few calls as the system allows, what is written to streams
    /// waits for [`Port::rest`], when more may have gathered.
    fn settle<M: Machine>(&mut self, core: &mut Core<M>, now: Instant) -> Result<(), DriveError>
    where
        F: FnMut(M::Event),
    {
        if self.outgoing.is_none() && self.sockets.has_datagrams() {
            self.sockets.send(core.out.effects().filter_map(|effect| match effect {
                Effect::Send { peer, bytes } => Some((peer, bytes)),
                _ => None,
            }));
        }
        let mut broken = None;
        core.out.merge_writes();
        core.out.drain(|effect| match self.apply(effect, now) {
            Ok(Some(status)) => core.done = Some(status),
            Ok(None) => {}
            Err(violation) => broken = broken.take().or(Some(violation)),
        });
        self.release(now);
        broken.map_or(Ok(()), |violation| Err(DriveError::Broken(violation)))
    }

    /// Lets go what a fault plan has held back until now.
    fn release(&mut self, now: Instant) {
        while let Some(release) = self.outgoing.as_mut().and_then(|outgoing| outgoing.release(now)) {
            match release {
                Release::Send(peer, bytes) => self.sockets.send(iter::once((peer, bytes.as_slice()))),
                Release::Write(id, bytes) => {
                    self.sockets.write(id, &bytes);
                    // Each piece by itself, so that a cut is one.
                    self.sockets.flush(id);
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

impl<N: Net, M: Machine, F: FnMut(M::Event)> Port<M> for Direct<N, F> {
    fn now(&self) -> Instant {
        self.elapsed()
    }

    fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        after(self.begin, at.since_start())
    }

    fn feed(&mut self, core: &mut Core<M>, input: Input<'_, M::Command>) -> Result<(), DriveError> {
        if core.done.is_some() {
            return Ok(());
        }
        let now = self.elapsed();
        core.machine.handle(input, now, &mut core.out);
        self.settle(core, now)
    }

    fn poll_input(&mut self, core: &mut Core<M>, cx: &mut Context<'_>) -> Poll<Result<u32, DriveError>> {
        loop {
            let now = self.elapsed();
            self.release(now);
            self.expire_lingers(now);
            if let Some(Over { conn, reason }) = self.links.next_over() {
                core.out.release(conn);
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

    fn wake_at(&self) -> Option<Instant> {
        let linger_at = self.links.linger_at();
        linger_at.into_iter().chain(self.outgoing.as_ref().and_then(Outgoing::due_at)).min()
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn rest(&mut self, _deadline: Option<Instant>) {
        self.sockets.flush_all();
    }

    async fn finish(&mut self, core: &mut Core<M>) -> Result<(), DriveError> {
        let now = self.elapsed();
        self.sockets.stop_listening();
        for conn in self.links.all() {
            self.close(conn, now);
        }
        self.release(now);
        let mut alarm = Alarm::default();
        let mut until = pin!(tokio::time::sleep(MAX_FINISH));
        while !self.is_finished() {
            self.sockets.flush_all();
            let wake_at = Port::<M>::wake_at(self).map(|at| Port::<M>::runtime_at(self, at));
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
