//! Real sockets: what happens on them reaches the machine at once.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::driver::{Core, Port};
use super::net::Net;
use super::outgoing::{Outgoing, Release};
use super::sockets::{Raw, Sockets};
use super::{DriveError, Endpoint};
use crate::machine::{
    CloseReason, Conn, ConnMap, ConnectError, Effect, Input, Machine, Peer, Status, Violation, limits,
};
use crate::time::Instant;

/// How long streams get to end in good order after the machine is done.
const MAX_FINISH: Duration = Duration::from_millis(500);

/// What is known of a stream beside its socket.
struct Link {
    id: u32,
    peer: Peer,
    /// The machine has been told that it stands.
    connected: bool,
    paused: bool,
    /// Both ends of it, as far as they have come.
    eof: bool,
    shut_down: bool,
    /// The machine has closed it: until when the peer's end is awaited, and how much was discarded.
    lingering: Option<(Instant, u64)>,
}

/// The port to real sockets.
pub(super) struct Direct<N: Net, F> {
    sockets: Sockets<N>,
    begin: tokio::time::Instant,
    links: ConnMap<Link>,
    /// What the machine calls each stream, by its id.
    conns: Vec<Option<Conn>>,
    lingers: BTreeSet<(Instant, Conn)>,
    /// Streams that were written to, or are to end, since the last flush.
    dirty: Vec<u32>,
    /// Streams that are over, though the machine has not been told.
    over: VecDeque<(Conn, CloseReason)>,
    outgoing: Option<Outgoing>,
    connected: Option<Peer>,
    event: F,
}

impl<N: Net, F> Direct<N, F> {
    /// Opens the sockets. `event` is called with everything that the machine tells.
    pub(super) async fn open(
        endpoint: Endpoint,
        outgoing: Option<Outgoing>,
        event: F,
    ) -> Result<Self, DriveError> {
        let connected = match endpoint {
            Endpoint::Datagram { connect, .. } => connect,
            _ => None,
        };
        Ok(Self {
            sockets: Sockets::open(endpoint).await?,
            begin: clock(),
            links: ConnMap::default(),
            conns: Vec::new(),
            lingers: BTreeSet::new(),
            dirty: Vec::new(),
            over: VecDeque::new(),
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
        Instant::START + clock().saturating_duration_since(self.begin)
    }

    fn conn(&self, id: u32) -> Option<Conn> {
        self.conns.get(id as usize).copied().flatten()
    }

    fn name(&mut self, id: u32, conn: Conn, peer: Peer, connected: bool) {
        if self.conns.len() <= id as usize {
            self.conns.resize(id as usize + 1, None);
        }
        self.conns[id as usize] = Some(conn);
        let link = Link { id, peer, connected, paused: false, eof: false, shut_down: false, lingering: None };
        self.links.insert(conn, link);
    }

    /// Forgets a stream; true if the machine knew it to stand.
    fn forget(&mut self, conn: Conn) -> bool {
        let Some(link) = self.links.remove(conn) else { return false };
        self.conns[link.id as usize] = None;
        if let Some((until_at, _)) = link.lingering {
            self.lingers.remove(&(until_at, conn));
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.forget(link.id);
        }
        link.connected
    }

    /// Does one thing that the machine wants done.
    fn apply<E>(&mut self, effect: Effect<'_, E>, now: Instant) -> Result<Option<Status>, Violation>
    where
        F: FnMut(E),
    {
        match effect {
            Effect::Send { peer, bytes } => match &mut self.outgoing {
                None => self.sockets.send(peer, bytes),
                Some(outgoing) => outgoing.send(now, peer, bytes),
            },
            Effect::Connect { conn, peer } => {
                let id = self.sockets.dial(peer);
                self.name(id, conn, peer, false);
            }
            Effect::Write { conn, bytes } => {
                if let Some(id) = self.links.get(conn).map(|link| link.id) {
                    match &mut self.outgoing {
                        None => self.sockets.write(id, bytes),
                        Some(outgoing) => outgoing.write(now, id, bytes),
                    }
                    self.dirty.push(id);
                }
            }
            Effect::Shutdown { conn } => self.shutdown(conn, now),
            Effect::Close { conn } => self.close(conn, now),
            Effect::Abort { conn } => {
                if let Some(id) = self.links.get(conn).map(|link| link.id) {
                    self.sockets.abort(id);
                    self.over.push_back((conn, CloseReason::Aborted));
                }
            }
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
        if let Some(link) = self.links.get_mut(conn) {
            link.paused = paused;
            self.sockets.set_reading(link.id, !paused);
        }
    }

    fn shutdown(&mut self, conn: Conn, now: Instant) {
        if let Some(id) = self.links.get(conn).map(|link| link.id) {
            match &mut self.outgoing {
                None => self.sockets.shutdown(id),
                Some(outgoing) => outgoing.shutdown(now, id),
            }
            self.dirty.push(id);
        }
    }

    fn close(&mut self, conn: Conn, now: Instant) {
        let Some(link) = self.links.get_mut(conn) else { return };
        if !link.connected {
            self.sockets.remove(link.id);
            self.over.push_back((conn, CloseReason::Aborted));
        } else if link.lingering.is_none() {
            let until_at = now + limits::MAX_LINGER;
            link.lingering = Some((until_at, 0));
            self.lingers.insert((until_at, conn));
            // What is paused is discarded from now on.
            self.sockets.set_reading(link.id, true);
            self.shutdown(conn, now);
        }
    }

    /// Writes what the last input caused, all of one stream's bytes in one call.
    fn flush(&mut self, now: Instant) {
        self.release(now);
        self.dirty.sort_unstable();
        self.dirty.dedup();
        for index in 0..self.dirty.len() {
            self.sockets.flush(self.dirty[index]);
        }
        self.dirty.clear();
    }

    /// Lets go what a fault plan has held back until now.
    fn release(&mut self, now: Instant) {
        let Some(outgoing) = &mut self.outgoing else { return };
        while let Some(release) = outgoing.release(now) {
            match release {
                Release::Send(peer, bytes) => self.sockets.send(peer, &bytes),
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
                    self.sockets.abort(id);
                    if let Some(conn) = self.conns.get(id as usize).copied().flatten() {
                        self.over.push_back((conn, CloseReason::Reset));
                    }
                }
            }
        }
    }

    /// Marks a stream as over if both its directions have ended.
    fn finish_if_both_ended(&mut self, conn: Conn) {
        if let Some(link) = self.links.get(conn)
            && link.eof
            && link.shut_down
        {
            self.sockets.remove(link.id);
            self.over.push_back((conn, CloseReason::Finished));
        }
    }

    /// Takes bytes that came for a machine that no longer wants them.
    fn discard(&mut self, conn: Conn, len: usize) {
        let Some(link) = self.links.get_mut(conn) else { return };
        if let Some((_, discarded_len)) = &mut link.lingering {
            *discarded_len += len as u64;
            if *discarded_len > limits::MAX_LINGER_LEN {
                self.sockets.abort(link.id);
                self.over.push_back((conn, CloseReason::LingerExpired));
            }
        }
    }

    /// Gives up on peers that do not come to their end.
    fn expire_lingers(&mut self, now: Instant) {
        while let Some(&(until_at, conn)) = self.lingers.first()
            && until_at <= now
        {
            self.lingers.pop_first();
            if let Some(link) = self.links.get_mut(conn) {
                link.lingering = None;
                self.sockets.abort(link.id);
                self.over.push_back((conn, CloseReason::LingerExpired));
            }
        }
    }
}

impl<N: Net, M: Machine, F: FnMut(M::Event)> Port<M> for Direct<N, F> {
    fn now(&self) -> Instant {
        self.elapsed()
    }

    fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        // A deadline beyond what the clock can tell is as good as a year away.
        self.begin
            .checked_add(at.since_start())
            .unwrap_or_else(|| self.begin + Duration::from_secs(31_536_000))
    }

    fn feed(&mut self, core: &mut Core<M>, input: Input<'_, M::Command>) -> Result<(), DriveError> {
        if core.done.is_some() {
            return Ok(());
        }
        let now = self.elapsed();
        core.machine.handle(input, now, &mut core.out);
        let mut broken = None;
        core.out.drain(|effect| match self.apply(effect, now) {
            Ok(Some(status)) => core.done = Some(status),
            Ok(None) => {}
            Err(violation) => broken = Some(violation),
        });
        self.flush(now);
        broken.map_or(Ok(()), |violation| Err(DriveError::Broken(violation)))
    }

    fn poll_input(&mut self, core: &mut Core<M>, cx: &mut Context<'_>) -> Poll<Result<(), DriveError>> {
        loop {
            let now = self.elapsed();
            self.release(now);
            self.expire_lingers(now);
            if let Some((conn, reason)) = self.over.pop_front() {
                let never_stood = self.links.get(conn).is_none_or(|link| !link.connected);
                self.forget(conn);
                core.out.release(conn);
                if never_stood {
                    continue;
                }
                return Poll::Ready(self.feed(core, Input::Closed { conn, reason }));
            }
            let raw = match ready!(self.sockets.poll_next(cx)) {
                Ok(raw) => raw,
                Err(error) => return Poll::Ready(Err(DriveError::Socket(error))),
            };
            if let Some(fed) = self.translate(core, raw) {
                return Poll::Ready(fed);
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let linger_at = self.lingers.first().map(|(at, _)| *at);
        linger_at.into_iter().chain(self.outgoing.as_ref().and_then(Outgoing::due_at)).min()
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn rest(&mut self, _deadline: Option<Instant>) {}

    async fn finish(&mut self, core: &mut Core<M>) {
        let now = self.elapsed();
        let open: Vec<Conn> = self.links.iter().map(|(conn, _)| conn).collect();
        self.sockets.stop_listening();
        for conn in open {
            self.close(conn, now);
        }
        self.flush(now);
        let mut until = pin!(tokio::time::sleep(MAX_FINISH));
        loop {
            let held = self.outgoing.as_ref().is_some_and(|outgoing| outgoing.due_at().is_some());
            if self.sockets.stream_count() == 0 && self.sockets.is_flushed() && !held {
                return;
            }
            let wake_at = Port::<M>::wake_at(self).map(|at| Port::<M>::runtime_at(self, at));
            let timer = wake_at.map(tokio::time::sleep_until);
            tokio::select! {
                biased;
                ended = poll_fn(|cx| self.poll_input(core, cx)) => if ended.is_err() {
                    return;
                },
                Some(()) = async { Some(timer?.await) } => {}
                () = &mut until => return,
            }
        }
    }
}

impl<N: Net, F> Direct<N, F> {
    /// Tells the machine what happened on a socket, if it is something to tell.
    fn translate<M: Machine>(&mut self, core: &mut Core<M>, raw: Raw) -> Option<Result<(), DriveError>>
    where
        F: FnMut(M::Event),
    {
        let input = match raw {
            Raw::Datagram { from, len } => {
                // The machine reads straight from the sockets' buffer, which is theirs again afterwards.
                let buffer = self.sockets.lend();
                let fed = self.feed(core, Input::Datagram { peer: from.into(), bytes: &buffer[..len] });
                self.sockets.take_back(buffer);
                return Some(fed);
            }
            Raw::Refused => Input::Unreachable { peer: self.connected? },
            Raw::Accepted { id } => {
                let Some((local, peer)) = self.sockets.addresses(id) else {
                    // It was reset before it could be looked at.
                    self.sockets.remove(id);
                    return None;
                };
                let conn = core.out.accept(limits::SEND_BUFFER_LEN as u32);
                self.name(id, conn, peer.into(), true);
                self.stream_opened(id, conn, peer.into());
                Input::Connected { conn, peer: peer.into(), local: local.into() }
            }
            Raw::Dialed { id, result } => return self.dialed(core, id, result),
            Raw::Read { id, len } => {
                let conn = self.conn(id)?;
                if self.links.get(conn)?.lingering.is_some() {
                    self.discard(conn, len);
                    return None;
                }
                let buffer = self.sockets.lend();
                let fed = self.feed(core, Input::Received { conn, bytes: &buffer[..len] });
                self.sockets.take_back(buffer);
                return Some(fed);
            }
            Raw::Eof { id } => {
                let conn = self.conn(id)?;
                let link = self.links.get_mut(conn)?;
                link.eof = true;
                let lingering = link.lingering.is_some();
                self.finish_if_both_ended(conn);
                if lingering {
                    return None;
                }
                Input::Eof { conn }
            }
            Raw::Wrote { id, len } => {
                let conn = self.conn(id)?;
                if !core.out.credit(conn, len as u32) {
                    return None;
                }
                Input::Writable { conn }
            }
            Raw::ShutDown { id } => {
                let conn = self.conn(id)?;
                self.links.get_mut(conn)?.shut_down = true;
                self.finish_if_both_ended(conn);
                return None;
            }
            Raw::Broken { id } => {
                let conn = self.conn(id)?;
                self.sockets.remove(id);
                self.over.push_back((conn, CloseReason::Reset));
                return None;
            }
        };
        Some(self.feed(core, input))
    }

    fn dialed<M: Machine>(
        &mut self,
        core: &mut Core<M>,
        id: u32,
        result: io::Result<()>,
    ) -> Option<Result<(), DriveError>>
    where
        F: FnMut(M::Event),
    {
        let conn = self.conn(id)?;
        let peer = self.links.get(conn)?.peer;
        let addresses = result.and_then(|()| {
            let gone = || io::Error::from(io::ErrorKind::ConnectionReset);
            self.sockets.addresses(id).ok_or_else(gone)
        });
        let input = match addresses {
            Ok((local, _)) => {
                self.links.get_mut(conn)?.connected = true;
                core.out.connected(conn, limits::SEND_BUFFER_LEN as u32);
                self.stream_opened(id, conn, peer);
                Input::Connected { conn, peer, local: local.into() }
            }
            Err(error) => {
                self.sockets.remove(id);
                self.forget(conn);
                core.out.release(conn);
                Input::ConnectFailed { conn, peer, reason: connect_error(&error) }
            }
        };
        Some(self.feed(core, input))
    }

    fn stream_opened(&mut self, id: u32, conn: Conn, peer: Peer) {
        let now = self.elapsed();
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.opened(now, id, conn, peer);
        }
    }
}

fn connect_error(error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ConnectError::Refused,
        _ => ConnectError::Unreachable,
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver is where the clock is read")]
fn clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
