//! What the machine inside asks for.

use super::{Due, Phase, Session, Sessions};
use crate::machine::{Conn, Effects, Peer, limits};
use crate::time::Instant;

impl Sessions {
    /// The machine dials.
    pub(in crate::tls) fn connect(&mut self, name: Conn, peer: Peer, out: &mut Effects) {
        if self.client.is_none() {
            self.due.push_back(Due::Refuse(name, peer));
            return;
        }
        let conn = out.connect(peer);
        self.all.insert(conn, Session::new(None, peer, Phase::Dialing));
        self.name(conn, name);
    }

    /// The machine writes.
    pub(in crate::tls) fn write(&mut self, name: Conn, bytes: &[u8], out: &mut Effects) {
        let Some((conn, session)) = self.named(name) else { return };
        let Some(link) = session.link.as_mut().filter(|_| session.phase == Phase::Open) else { return };
        session.unsent_len += bytes.len() as u32;
        link.write(bytes, conn, out);
        self.sent(conn);
    }

    /// The machine will write no more.
    pub(in crate::tls) fn shutdown(&mut self, name: Conn, out: &mut Effects) {
        let Some((conn, session)) = self.named(name) else { return };
        session.is_shut = true;
        if session.phase == Phase::Open {
            self.end(conn, out);
        }
    }

    /// The machine wants a connection closed in good order.
    pub(in crate::tls) fn close(&mut self, name: Conn, now: Instant, out: &mut Effects) {
        let Some((conn, session)) = self.named(name) else { return };
        match session.phase {
            Phase::Dialing | Phase::Shaking => self.give_up(conn, name, out),
            Phase::Open => {
                session.phase = Phase::Closing;
                let was_shut = std::mem::replace(&mut session.is_shut, true);
                self.set_deadline(conn, Some(now + limits::MAX_LINGER));
                if was_shut { self.sent(conn) } else { self.end(conn, out) }
            }
            Phase::Closing | Phase::Over => {}
        }
    }

    /// The machine gives a connection up.
    pub(in crate::tls) fn abort(&mut self, name: Conn, out: &mut Effects) {
        let Some((conn, session)) = self.named(name) else { return };
        match session.phase {
            Phase::Dialing | Phase::Shaking => self.give_up(conn, name, out),
            _ => {
                session.phase = Phase::Closing;
                session.link = None;
                self.set_deadline(conn, None);
                out.abort(conn);
            }
        }
    }

    /// Gives up what is no connection yet.
    fn give_up(&mut self, conn: Conn, name: Conn, out: &mut Effects) {
        out.abort(conn);
        if self.all.get(conn).is_some_and(|session| session.phase == Phase::Dialing) {
            // Nothing follows.
            self.remove(conn);
        } else {
            self.unname(conn);
        }
        self.due.push_back(Due::Release(name));
    }

    /// The machine wants nothing to read for now.
    pub(in crate::tls) fn pause(&mut self, name: Conn, out: &mut Effects) {
        let Some((conn, session)) = self.named(name) else { return };
        session.is_paused = true;
        if session.phase == Phase::Open && !session.has_ended && !session.is_held {
            session.is_held = true;
            out.pause(conn);
        }
    }

    /// It wants something to read again. The stream goes on when all that is here is read.
    pub(in crate::tls) fn resume(&mut self, name: Conn) {
        let Some((conn, session)) = self.named(name) else { return };
        session.is_paused = false;
        self.readable.push_back(conn);
    }

    /// The machine is done: what it left open ends in good order.
    pub(in crate::tls) fn close_all(&mut self, now: Instant, out: &mut Effects) {
        let open = self.all.iter().filter(|(_, session)| session.phase == Phase::Open);
        let names: Vec<Conn> = open.filter_map(|(_, session)| session.name).collect();
        for name in names {
            self.close(name, now, out);
        }
    }
}
