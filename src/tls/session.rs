//! The connections of a machine: what each is outside, and what inside.

mod asked;

use std::collections::VecDeque;
use std::sync::Arc;

use rustls::pki_types::{IpAddr, ServerName};
use rustls::{ClientConfig, ServerConfig};

use super::error::{TlsError, why};
use super::link::Link;
use super::seeded::Randomness;
use super::{MAX_HANDSHAKE, Side};
use crate::machine::{Conn, ConnMap, Effects, HandshakeError, Peer};
use crate::parts::deadlines::Deadlines;
use crate::time::Instant;

/// One connection. It is named outside as long as the stream is there, and inside as long as the machine knows of it.
///
/// ```text
/// Dialing ──connected──► Shaking ──handshake over──► Open ──closed inside──► Closing
///    └─ given up ─► (gone)  └──── failed, given up ────┴──── failed ──────────► Over
/// ```
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that comes and goes by itself")]
pub(super) struct Session {
    /// Its name inside: none for one that was accepted and whose handshake is not over.
    pub(super) name: Option<Conn>,
    pub(super) peer: Peer,
    pub(super) local: Peer,
    pub(super) phase: Phase,
    /// None as long as the stream does not stand, and once nothing more is to be said or heard.
    pub(super) link: Option<Box<Link>>,
    /// The machine wants nothing to read for now.
    pub(super) is_paused: bool,
    /// The stream is paused.
    is_held: bool,
    /// It will write no more.
    pub(super) is_shut: bool,
    /// Its peer will write no more.
    pub(super) has_ended: bool,
    /// How many bytes of the machine's are not with the stream yet.
    pub(super) unsent_len: u32,
    /// When the handshake, or the wait for room before a close, is over at the latest.
    give_up_at: Option<Instant>,
    /// That moment has come after a close.
    pub(super) has_lingered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Dialing,
    Shaking,
    Open,
    Closing,
    Over,
}

/// What is to be done about the machine once it has said everything that it wants now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// The stream has taken all that waited.
    Flushed(Conn),
    /// The machine has given up a connection that was none yet.
    Release(Conn),
    /// The machine has dialed, and there is nothing to dial with.
    Refuse(Conn, Peer),
}

/// All connections, by their names outside. Nothing of it depends on the machine's type.
pub(super) struct Sessions {
    client: Option<(Arc<ClientConfig>, Option<ServerName<'static>>)>,
    server: Option<Arc<ServerConfig>>,
    seed: u64,
    /// How many handshakes have begun: each has a randomness of its own, so none depends on what others do.
    begun: u64,
    all: ConnMap<Session>,
    /// The names outside, by those inside.
    outside: ConnMap<Conn>,
    deadlines: Deadlines<Conn>,
    pub(super) due: VecDeque<Due>,
    /// Connections that have something to read.
    pub(super) readable: VecDeque<Conn>,
}

impl Session {
    fn new(name: Option<Conn>, peer: Peer, phase: Phase) -> Self {
        Self {
            name,
            peer,
            local: peer,
            phase,
            link: None,
            is_paused: false,
            is_held: false,
            is_shut: false,
            has_ended: false,
            unsent_len: 0,
            give_up_at: None,
            has_lingered: false,
        }
    }

    fn is_flushed(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.is_flushed())
    }

    /// What an error of rustls means for it.
    pub(super) fn error(&self, error: rustls::Error) -> TlsError {
        if self.phase == Phase::Open {
            return TlsError::Broken(error);
        }
        let is_tls = self.link.as_ref().is_some_and(|link| link.is_tls);
        TlsError::Handshake { why: why(&error, is_tls), source: Some(error) }
    }
}

impl Sessions {
    pub(super) fn new(side: Side, seed: u64) -> Self {
        let (client, server) = match side {
            Side::Client { config, name } => (Some((config, name)), None),
            Side::Server { config } => (None, Some(config)),
            Side::Both { client, name, server } => (Some((client, name)), Some(server)),
        };
        Self {
            client,
            server,
            seed,
            begun: 0,
            all: ConnMap::default(),
            outside: ConnMap::default(),
            deadlines: Deadlines::default(),
            due: VecDeque::new(),
            readable: VecDeque::new(),
        }
    }

    pub(super) fn get_mut(&mut self, conn: Conn) -> Option<&mut Session> {
        self.all.get_mut(conn)
    }

    pub(super) fn first_deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    pub(super) fn overdue(&self, now: Instant) -> Vec<Conn> {
        self.deadlines.due(now)
    }

    /// Whether the streams have taken everything.
    pub(super) fn are_flushed(&self) -> bool {
        self.all.iter().all(|(_, session)| session.phase == Phase::Over || session.is_flushed())
    }

    /// Forgets a connection that is over.
    pub(super) fn remove(&mut self, conn: Conn) -> Option<Session> {
        self.set_deadline(conn, None);
        let session = self.all.remove(conn)?;
        if let Some(name) = session.name {
            self.outside.remove(name);
        }
        Some(session)
    }

    fn set_deadline(&mut self, conn: Conn, at: Option<Instant>) {
        if let Some(session) = self.all.get_mut(conn) {
            self.deadlines.change(conn, session.give_up_at, at);
            session.give_up_at = at;
        }
    }

    /// The connection of a name inside.
    fn named(&mut self, name: Conn) -> Option<(Conn, &mut Session)> {
        let conn = *self.outside.get(name)?;
        self.all.get_mut(conn).map(|session| (conn, session))
    }

    /// Takes the name inside away; the connection goes on outside until it is closed there.
    pub(super) fn unname(&mut self, conn: Conn) -> Option<Conn> {
        self.set_deadline(conn, None);
        let session = self.all.get_mut(conn)?;
        session.phase = Phase::Over;
        let name = session.name.take()?;
        self.outside.remove(name);
        Some(name)
    }

    /// Gives a connection its name inside.
    pub(super) fn name(&mut self, conn: Conn, name: Conn) {
        if let Some(session) = self.all.get_mut(conn) {
            session.name = Some(name);
            self.outside.insert(name, conn);
        }
    }

    /// Begins the handshake on a stream that stands now.
    pub(super) fn begin(
        &mut self,
        conn: Conn,
        (peer, local): (Peer, Peer),
        now: Instant,
        out: &mut Effects,
    ) -> Result<(), TlsError> {
        if self.all.get(conn).is_none() {
            self.all.insert(conn, Session::new(None, peer, Phase::Shaking));
        }
        let Some(session) = self.all.get_mut(conn) else { return Ok(()) };
        (session.phase, session.local) = (Phase::Shaking, local);
        let randomness = Randomness::new(self.seed, self.begun);
        self.begun += 1;
        let link = match (session.name, &self.client, &self.server) {
            (Some(_), Some((config, name)), _) => {
                let name = name.clone().unwrap_or_else(|| name_of(&peer));
                Link::client(config.clone(), name, randomness)
            }
            (None, _, Some(config)) => Link::server(config.clone(), randomness),
            _ => return Err(HandshakeError::NotConfigured.into()),
        };
        let mut link = link.map_err(|error| session.error(error))?;
        link.send(conn, out);
        session.link = Some(Box::new(link));
        self.set_deadline(conn, Some(now + MAX_HANDSHAKE));
        Ok(())
    }

    /// The handshake is over.
    pub(super) fn open(&mut self, conn: Conn, out: &mut Effects) {
        self.set_deadline(conn, None);
        let Some(session) = self.all.get_mut(conn) else { return };
        session.phase = Phase::Open;
        if session.is_paused {
            session.is_held = true;
            out.pause(conn);
        }
        if session.is_shut {
            self.end(conn, out);
        }
    }

    /// Notes whether the stream has taken all that was to be sent.
    pub(super) fn sent(&mut self, conn: Conn) {
        if self.all.get(conn).is_some_and(Session::is_flushed) {
            self.due.push_back(Due::Flushed(conn));
        }
    }

    /// There is room outside again.
    pub(super) fn writable(&mut self, conn: Conn, out: &mut Effects) {
        let Some(session) = self.all.get_mut(conn).filter(|session| session.phase != Phase::Over) else {
            return;
        };
        if let Some(link) = &mut session.link {
            link.flush(conn, out);
        }
        self.sent(conn);
    }

    /// Says that this end will say no more.
    fn end(&mut self, conn: Conn, out: &mut Effects) {
        if let Some(link) = self.all.get_mut(conn).and_then(|session| session.link.as_mut()) {
            link.end(conn, out);
            self.sent(conn);
        }
    }

    /// A peer has not read in time what was to leave before a close.
    pub(super) fn linger_expired(&mut self, conn: Conn, out: &mut Effects) {
        self.set_deadline(conn, None);
        if let Some(session) = self.all.get_mut(conn) {
            session.has_lingered = true;
            session.link = None;
            out.abort(conn);
        }
    }

    /// All that is here is read: the stream goes on, if it was held.
    pub(super) fn read_all(&mut self, conn: Conn, out: &mut Effects) {
        if let Some(session) = self.all.get_mut(conn)
            && std::mem::take(&mut session.is_held)
        {
            out.resume(conn);
        }
    }

    /// The stream has taken all that waited: now it can end. Gives how many bytes of room the machine has again.
    pub(super) fn flushed(&mut self, conn: Conn, out: &mut Effects) -> Option<(Conn, u32)> {
        let session = self.all.get_mut(conn).filter(|session| session.is_flushed())?;
        let room = (session.name?, std::mem::take(&mut session.unsent_len));
        match session.phase {
            Phase::Open if session.is_shut && session.has_ended => {
                session.phase = Phase::Closing;
                session.link = None;
                out.close(conn);
            }
            Phase::Open if session.is_shut => out.shutdown(conn),
            Phase::Closing if session.link.take().is_some() => {
                out.close(conn);
                self.set_deadline(conn, None);
            }
            _ => {}
        }
        Some(room)
    }
}

/// The name that the certificate of a peer is for, unless the user says another.
fn name_of(peer: &Peer) -> ServerName<'static> {
    match peer.ip() {
        Some(ip) => ServerName::IpAddress(IpAddr::from(ip)),
        None => ServerName::try_from("localhost").unwrap_or(ServerName::IpAddress(IpAddr::from(LOOPBACK))),
    }
}

/// Where a Unix socket's peer is.
const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
