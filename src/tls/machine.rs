//! The machine around a machine.

use std::any::Any;

use super::Tls;
use super::error::{Failure, TlsError};
use super::link::Heard;
use super::session::{Due, Phase, Session};
use crate::machine::{
    CloseReason, Conn, ConnectError, Effect, HandshakeError, Input, Machine, Outbox, Peer, limits,
};
use crate::time::Instant;

/// How much room the machine has in the send buffer of a stream, as on a plain one.
const ROOM_LEN: u32 = limits::SEND_BUFFER_LEN as u32;

impl<M: Machine> Machine for Tls<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        match input {
            Input::Timeout => self.timeout(now, out),
            Input::Connected { conn, peer, local } => {
                if let Err(error) = self.sessions.begin(conn, (peer, local), now, out) {
                    self.fail(conn, error, now, out);
                }
            }
            Input::ConnectFailed { conn, peer, reason } => {
                if let Some(name) = self.sessions.remove(conn).and_then(|session| session.name) {
                    self.inside.release(name);
                    self.turn(Input::ConnectFailed { conn: name, peer, reason }, now, out);
                }
            }
            Input::Received { conn, bytes } => {
                if let Some(session) = self.sessions.get_mut(conn)
                    && matches!(session.phase, Phase::Shaking | Phase::Open)
                    && let Some(link) = &mut session.link
                {
                    link.push(bytes);
                    self.sessions.readable.push_back(conn);
                }
            }
            Input::Eof { conn } => self.eof(conn, now, out),
            Input::Writable { conn } => self.sessions.writable(conn, out),
            Input::Closed { conn, reason } => self.closed(conn, reason, now, out),
            Input::Start { .. } => {
                if !out.sockets().is_empty() {
                    self.inside.open(out.sockets());
                }
                self.turn(input, now, out);
            }
            _ => self.turn(input, now, out),
        }
        self.settle(now, out);
        if self.is_to_end(now)
            && let Some(ending) = &mut self.ending
        {
            ending.is_over = true;
            out.done(ending.status);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let (inside, at_latest) = match &self.ending {
            Some(ending) if ending.is_over => return None,
            Some(ending) => (None, Some(ending.at_latest)),
            None => (self.machine.deadline(), None),
        };
        [inside, at_latest, self.sessions.first_deadline()].into_iter().flatten().min()
    }

    fn shows(&self) -> Option<&dyn Any> {
        self.machine.shows().or(Some(&self.machine))
    }
}

impl<M: Machine> Tls<M> {
    /// Hands one input to the machine, and carries out what it wants done.
    fn turn(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        if self.ending.is_some() {
            return;
        }
        self.inside.feed(&mut self.machine, input, now);
        let (sessions, mut done) = (&mut self.sessions, None);
        self.inside.drain(|effect| match effect {
            Effect::Event(event) => out.event(event),
            Effect::Connect { conn, peer } => sessions.connect(conn, peer, out),
            Effect::Write { conn, bytes } => sessions.write(conn, bytes, out),
            Effect::Shutdown { conn } => sessions.shutdown(conn, out),
            Effect::Close { conn } => sessions.close(conn, now, out),
            Effect::Abort { conn } => sessions.abort(conn, out),
            Effect::Pause { conn } => sessions.pause(conn, out),
            Effect::Resume { conn } => sessions.resume(conn),
            Effect::Send { local, peer, bytes, ecn } => {
                out.set_ecn(ecn);
                out.send_from(local, peer, bytes);
            }
            Effect::Join { group } => out.join(group),
            Effect::Leave { group } => out.leave(group),
            Effect::Save { bytes } => out.save(bytes),
            Effect::Done(status) => done = Some(status),
            #[cfg(any(feature = "sim", feature = "net"))]
            Effect::Violation(violation) => out.violate(violation),
            #[cfg(not(any(feature = "sim", feature = "net")))]
            Effect::Violation(_) => {}
        });
        if let Some(misuse) = self.inside.take_misuse() {
            out.misuse(misuse);
        }
        if let Some(status) = done {
            self.sessions.close_all(now, out);
            self.ending = Some(super::Ending { status, at_latest: now + limits::MAX_LINGER, is_over: false });
        }
    }

    /// Does what has come up, until there is nothing left to do: what the machine has caused before the next record.
    fn settle(&mut self, now: Instant, out: &mut Outbox<M::Event>) {
        loop {
            if let Some(due) = self.sessions.due.pop_front() {
                self.step(due, now, out);
            } else if let Some(&conn) = self.sessions.readable.front() {
                if !self.read(conn, now, out) {
                    self.sessions.readable.pop_front();
                }
            } else {
                break;
            }
        }
    }

    fn step(&mut self, due: Due, now: Instant, out: &mut Outbox<M::Event>) {
        match due {
            Due::Flushed(conn) => {
                if let Some((name, len)) = self.sessions.flushed(conn, out)
                    && self.inside.credit(name, len)
                {
                    self.turn(Input::Writable { conn: name }, now, out);
                }
            }
            Due::Release(name) => self.inside.release(name),
            Due::Refuse(name, peer) => {
                self.inside.release(name);
                let reason = ConnectError::Handshake(HandshakeError::NotConfigured);
                self.turn(Input::ConnectFailed { conn: name, peer, reason }, now, out);
            }
        }
    }

    /// Reads one record of a connection; says whether there may be another.
    fn read(&mut self, conn: Conn, now: Instant, out: &mut Outbox<M::Event>) -> bool {
        let Some(session) = self.sessions.get_mut(conn) else { return false };
        let wants = match session.phase {
            Phase::Shaking => true,
            Phase::Open => !session.is_paused && !session.has_ended,
            _ => false,
        };
        let Some(link) = session.link.as_mut().filter(|_| wants) else { return false };
        match link.read() {
            Some(Ok(heard)) => {
                let is_open = !link.is_handshaking();
                link.send(conn, out);
                self.sessions.sent(conn);
                self.heard(conn, &heard, is_open, now, out);
                true
            }
            Some(Err(error)) => {
                let error = session.error(error);
                self.fail(conn, error, now, out);
                false
            }
            None => {
                if session.phase == Phase::Open {
                    // A stream that is not paused is left as it is.
                    self.sessions.read_all(conn, out);
                }
                false
            }
        }
    }

    /// What a record has brought.
    fn heard(&mut self, conn: Conn, heard: &Heard, is_open: bool, now: Instant, out: &mut Outbox<M::Event>) {
        if is_open && self.phase(conn) == Phase::Shaking {
            self.open(conn, now, out);
        }
        if let Some(name) = self.open_name(conn)
            && !heard.plain.is_empty()
        {
            self.turn(Input::Received { conn: name, bytes: &heard.plain }, now, out);
        }
        if !heard.has_ended {
            return;
        }
        if self.phase(conn) == Phase::Shaking {
            return self.fail(conn, HandshakeError::Ended.into(), now, out);
        }
        if let Some(name) = self.open_name(conn)
            && let Some(session) = self.sessions.get_mut(conn)
        {
            session.has_ended = true;
            self.turn(Input::Eof { conn: name }, now, out);
            self.sessions.sent(conn);
        }
    }

    fn phase(&mut self, conn: Conn) -> Phase {
        self.sessions.get_mut(conn).map_or(Phase::Over, |session| session.phase)
    }

    /// The name inside of a connection that is open there.
    fn open_name(&mut self, conn: Conn) -> Option<Conn> {
        self.sessions.get_mut(conn).filter(|session| session.phase == Phase::Open)?.name
    }

    /// The handshake is over: now the machine learns of the connection.
    fn open(&mut self, conn: Conn, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(&mut Session { name, peer, local, .. }) = self.sessions.get_mut(conn) else { return };
        let name = if let Some(name) = name {
            self.inside.connected(name, ROOM_LEN);
            name
        } else {
            let name = self.inside.accept(ROOM_LEN);
            self.sessions.name(conn, name);
            name
        };
        self.sessions.open(conn, out);
        self.turn(Input::Connected { conn: name, peer, local }, now, out);
    }

    /// The stream has come to its end. The connection inside should have done so before.
    fn eof(&mut self, conn: Conn, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        match session.phase {
            Phase::Shaking => self.fail(conn, HandshakeError::Ended.into(), now, out),
            Phase::Open if !session.has_ended => self.fail(conn, TlsError::Truncated, now, out),
            _ => {}
        }
    }

    /// The stream is over.
    fn closed(&mut self, conn: Conn, reason: CloseReason, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(session) = self.sessions.remove(conn) else { return };
        match (session.phase, session.name) {
            (Phase::Shaking, name) => {
                self.tell(session.peer, &HandshakeError::Ended.into(), out);
                self.end(name, Ended::Dialed(session.peer, HandshakeError::Ended.into()), now, out);
            }
            (Phase::Open | Phase::Closing, name) => {
                let is_finished = session.is_shut && session.has_ended;
                let reason = match reason {
                    _ if session.has_lingered => CloseReason::LingerExpired,
                    CloseReason::LingerExpired if is_finished => CloseReason::Finished,
                    reason => reason,
                };
                self.end(name, Ended::Stood(reason), now, out);
            }
            (Phase::Dialing | Phase::Over, _) => {}
        }
    }

    /// Ends a connection that TLS cannot go on with, outside and inside.
    fn fail(&mut self, conn: Conn, error: TlsError, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let (peer, phase) = (session.peer, session.phase);
        if phase == Phase::Over {
            return;
        }
        match (session.link.take(), &error) {
            (Some(mut link), TlsError::Handshake { .. } | TlsError::Broken(_) | TlsError::Truncated) => {
                // The alert, as far as there is room for it.
                link.send(conn, out);
                out.close(conn);
            }
            _ => out.abort(conn),
        }
        let name = self.sessions.unname(conn);
        self.tell(peer, &error, out);
        let ended = match phase {
            Phase::Dialing | Phase::Shaking => Ended::Dialed(peer, error),
            _ => Ended::Stood(CloseReason::Reset),
        };
        self.end(name, ended, now, out);
    }

    /// Tells whoever wants to know why.
    fn tell(&mut self, peer: Peer, error: &TlsError, out: &mut Outbox<M::Event>) {
        if let Some(tell) = &mut self.on_failure
            && let Some(event) = tell(Failure { peer, error: error.clone() })
        {
            out.event(event);
        }
    }

    /// Tells the machine that a connection is over, if it knew of it.
    fn end(&mut self, name: Option<Conn>, ended: Ended, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(conn) = name else { return };
        self.inside.release(conn);
        let input = match ended {
            Ended::Dialed(peer, error) => Input::ConnectFailed { conn, peer, reason: reason(&error) },
            Ended::Stood(reason) => Input::Closed { conn, reason },
        };
        self.turn(input, now, out);
    }

    /// What is due of the connections, and of the machine.
    fn timeout(&mut self, now: Instant, out: &mut Outbox<M::Event>) {
        for conn in self.sessions.overdue(now) {
            if self.phase(conn) == Phase::Closing {
                self.sessions.linger_expired(conn, out);
            } else {
                self.fail(conn, TlsError::TimedOut, now, out);
            }
        }
        self.turn(Input::Timeout, now, out);
    }

    /// Whether the machine is done, and nothing of it waits any more, or has waited too long.
    fn is_to_end(&self, now: Instant) -> bool {
        let ending = self.ending.as_ref().filter(|ending| !ending.is_over);
        ending.is_some_and(|ending| now >= ending.at_latest || self.sessions.are_flushed())
    }
}

/// How a connection has ended for the machine.
enum Ended {
    /// It has never stood.
    Dialed(Peer, TlsError),
    Stood(CloseReason),
}

/// What the machine is told of an error within the handshake.
const fn reason(error: &TlsError) -> ConnectError {
    match error {
        TlsError::Handshake { why, .. } => ConnectError::Handshake(*why),
        TlsError::TimedOut => ConnectError::TimedOut,
        TlsError::Truncated | TlsError::Broken(_) => ConnectError::Handshake(HandshakeError::Broken),
    }
}
