//! One end of one stream: a TCP socket, and what its machine has heard of it.

mod polled;

use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, RecvError, Socket, SocketBuffer, State};
use smoltcp::time::Duration as Span;
use smoltcp::wire::IpEndpoint;

use super::card::interface;
use super::wire::{Line, moment, tick};
use super::{ACK_DELAY, MAX_UNACKED, Told, Way};
use crate::machine::{CloseReason, Conn, ConnectError, limits};
use crate::time::Instant;

/// Where one end stands towards its machine. The socket below has a state of its own (RFC 9293, 3.3.2).
///
/// ```text
/// Dialing ──Connected──► Open ──close──► Lingering ──2 s──► Leaving ──all has arrived──► Gone
///    └──── failed ──────────┴─ reset, both ends seen ─► Finishing ── FIN and ACK ──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The handshake is on its way.
    Dialing,
    /// The machine has it.
    Open,
    /// The machine has closed it, or has ended; what still comes in is discarded.
    Lingering { discarded_len: u64, until_at: Instant },
    /// Nobody waits for the peer's end any more: a reset follows what was written, once that has arrived.
    Leaving,
    /// The machine has heard the last of it, and the system finishes it.
    Finishing,
    /// The process has died: what still comes in is answered by a reset.
    Orphaned,
    /// There is no such connection here any more.
    Gone,
}

/// One end.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about an end, and all combine")]
pub(super) struct End {
    pub(super) way: Way,
    /// What its machine calls it.
    pub(super) conn: Option<Conn>,
    pub(super) standing: Standing,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    pub(super) paused: bool,
    /// Something was asked of the socket since it was polled last.
    stirred: bool,
    /// Its machine has reset it, and is to hear that it is over.
    pub(super) aborted: bool,
    /// It was shut down while it was dialing: its end follows once it stands.
    shuts: bool,
    fin_sent: bool,
    eof_told: bool,
    /// How many bytes the machine has written, and read.
    pub(super) written_len: u64,
    pub(super) read_len: u64,
    /// How many of them the socket has not seen acknowledged, as the machine knows it.
    pub(super) queued_len: usize,
    /// What it has acknowledged last, once it has.
    acked_to: Option<u32>,
    /// When it came to be.
    begun_at: Instant,
    /// When the peer was heard last, or something began to wait for its acknowledgement.
    heard_at: Instant,
    /// Whether something did when the socket was polled last.
    awaited: bool,
    /// Until when it remembers that it is over (TIME-WAIT).
    rests_until: Instant,
    /// When the world asks again; whatever it was asked for before is void.
    pub(super) wakes_at: Instant,
}

impl End {
    /// An end that does nothing yet. Its numbers follow from the seed.
    pub(super) fn new(way: Way, [local, _]: [IpEndpoint; 2], (seed, mtu): (u64, u16), now: Instant) -> Self {
        let mut line = Line { mtu, incoming: None, outgoing: &mut Vec::new() };
        let interface = interface(local, seed, &mut line, now);
        let buffer = || SocketBuffer::new(vec![0; limits::SEND_BUFFER_LEN]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_congestion_control(CongestionControl::Reno);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(Some(Span::from_micros(ACK_DELAY.as_micros() as u64)));
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Self {
            way,
            conn: None,
            standing: Standing::Dialing,
            interface,
            sockets,
            handle,
            paused: false,
            stirred: false,
            aborted: false,
            shuts: false,
            fin_sent: false,
            eof_told: false,
            written_len: 0,
            read_len: 0,
            queued_len: 0,
            acked_to: None,
            begun_at: now,
            heard_at: now,
            awaited: false,
            rests_until: Instant::FAR_FUTURE,
            wakes_at: Instant::FAR_FUTURE,
        }
    }

    pub(super) fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.stirred = true;
        self.sockets.get_mut(self.handle)
    }

    pub(super) fn state(&self) -> State {
        self.socket().state()
    }

    /// Asks for a connection; false if its addresses do not go together.
    pub(super) fn dial(&mut self, [local, remote]: [IpEndpoint; 2]) -> bool {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.connect(self.interface.context(), remote, local).is_ok()
    }

    /// Waits for whoever asks for a connection.
    pub(super) fn listen(&mut self, local: IpEndpoint) {
        // A port is not 0, and the socket is new.
        let _ = self.socket_mut().listen(local);
    }

    /// Whether the socket may have something to send that it had not when it was polled last.
    pub(super) const fn is_stirred(&self) -> bool {
        self.stirred
    }

    /// Whether it remembers no longer that it is over.
    pub(super) fn is_rested(&self, now: Instant) -> bool {
        self.state() == State::TimeWait && now >= self.rests_until
    }

    /// Whether a new connection may take its place.
    pub(super) fn is_resting(&self) -> bool {
        self.state() == State::TimeWait && self.conn.is_none()
    }

    /// Whether nothing is left to do for it, once it has been polled.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        match self.standing {
            Standing::Gone => !self.aborted,
            Standing::Finishing | Standing::Orphaned => self.state() == State::Closed || self.is_rested(now),
            _ => false,
        }
    }

    /// When it has to be asked again, if nothing comes in. Never before the next microsecond: what can be sent now has been.
    pub(super) fn due_at(&mut self, now: Instant) -> Instant {
        let polls_at = self.interface.poll_at(tick(now), &self.sockets).map_or(Instant::FAR_FUTURE, moment);
        // Whatever is at the end of TIME-WAIT, nobody waits for it.
        let polls_at = if self.state() == State::TimeWait && polls_at >= self.rests_until {
            Instant::FAR_FUTURE
        } else {
            polls_at
        };
        let gives_up_at = match self.standing {
            Standing::Dialing if self.way.is_connector => self.begun_at + limits::MAX_CONNECT,
            Standing::Lingering { until_at, .. } => until_at,
            _ => Instant::FAR_FUTURE,
        };
        let silent_at = if self.awaits_ack() { self.heard_at + MAX_UNACKED } else { Instant::FAR_FUTURE };
        let next = Instant::from_nanos(now.as_nanos() / 1_000 * 1_000 + 1_000);
        polls_at.max(next).min(gives_up_at).min(silent_at)
    }

    /// Writes bytes, of which the outbox lets no more pass than there is room for.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let sent_len = self.socket_mut().send_slice(bytes).unwrap_or_default();
        self.written_len += bytes.len() as u64;
        self.queued_len += sent_len;
    }

    pub(super) fn shutdown(&mut self) {
        if self.standing == Standing::Dialing {
            self.shuts = true;
        } else {
            self.fin_sent = true;
            self.socket_mut().close();
        }
    }

    /// Closes it in good order; false if there was nothing to close yet.
    pub(super) fn close(&mut self, now: Instant) -> bool {
        match self.standing {
            Standing::Dialing => return false,
            Standing::Open => {
                self.shutdown();
                self.paused = false;
                self.standing = Standing::Lingering { discarded_len: 0, until_at: now + limits::MAX_LINGER };
            }
            _ => {}
        }
        true
    }

    /// Has a reset sent, and forgets the connection.
    pub(super) fn abort(&mut self) {
        self.socket_mut().abort();
        self.standing = Standing::Gone;
    }

    /// Its process dies: peers see an end, or a reset where not everything was read (RFC 1122, 4.2.2.13).
    pub(super) fn orphan(&mut self) {
        if self.socket().can_recv() || self.state() == State::SynReceived {
            self.abort();
        } else {
            self.standing = Standing::Orphaned;
            self.socket_mut().close();
        }
    }

    /// Whether the peer has ended its direction, and everything before that was read.
    fn is_at_eof(&mut self) -> bool {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.recv(|_| (0, ())) == Err(RecvError::Finished)
    }

    /// Whether the connection was cut off.
    fn is_reset(&mut self) -> bool {
        let socket = self.socket();
        if socket.state() != State::Closed {
            return false;
        }
        let is_through = self.fin_sent && socket.send_queue() == 0;
        !(is_through && (socket.can_recv() || self.is_at_eof()))
    }

    /// Gives up where nothing was heard for too long.
    fn lose_patience(&mut self, now: Instant) {
        if self.awaits_ack() && now >= self.heard_at + MAX_UNACKED {
            self.socket_mut().abort();
        }
    }

    /// What its machine is told next, if anything. Bytes are put into `inbound`.
    pub(super) fn tell(&mut self, now: Instant, inbound: &mut Vec<u8>) -> Option<Told> {
        self.lose_patience(now);
        match self.standing {
            Standing::Dialing => self.tell_dialing(now),
            Standing::Open => self.tell_open(inbound),
            Standing::Lingering { discarded_len, until_at } => {
                self.tell_lingering(now, discarded_len, until_at, inbound)
            }
            Standing::Leaving => {
                self.discard(inbound);
                if self.state() == State::FinWait2 {
                    self.abort();
                } else if self.state() == State::Closed || self.is_at_eof() {
                    self.standing = Standing::Finishing;
                }
                None
            }
            Standing::Orphaned => {
                if self.socket().can_recv() {
                    self.abort();
                }
                None
            }
            Standing::Finishing => None,
            Standing::Gone => std::mem::take(&mut self.aborted).then_some(Told::Closed(CloseReason::Aborted)),
        }
    }

    fn tell_dialing(&mut self, now: Instant) -> Option<Told> {
        match self.state() {
            State::SynSent | State::SynReceived if self.way.is_connector => {
                if now < self.begun_at + limits::MAX_CONNECT {
                    return None;
                }
                self.standing = Standing::Gone;
                Some(Told::Failed(ConnectError::TimedOut))
            }
            State::SynSent | State::SynReceived => None,
            State::Closed | State::Listen => {
                self.standing = Standing::Gone;
                self.way.is_connector.then_some(Told::Failed(ConnectError::Refused))
            }
            _ => {
                self.standing = Standing::Open;
                if self.shuts {
                    self.shutdown();
                }
                Some(Told::Connected)
            }
        }
    }

    fn tell_open(&mut self, inbound: &mut Vec<u8>) -> Option<Told> {
        if self.is_reset() {
            self.standing = Standing::Gone;
            return Some(Told::Closed(CloseReason::Reset));
        }
        if !self.paused && self.socket().can_recv() {
            let offset = self.read_len;
            self.discard(inbound);
            self.read_len += inbound.len() as u64;
            return Some(Told::Data { offset });
        }
        if !self.paused && !self.eof_told && self.is_at_eof() {
            self.eof_told = true;
            return Some(Told::Eof);
        }
        if self.fin_sent && self.eof_told {
            self.standing = Standing::Finishing;
            return Some(Told::Closed(CloseReason::Finished));
        }
        let queued_len = self.socket().send_queue();
        let credit = self.queued_len.saturating_sub(queued_len);
        self.queued_len = queued_len;
        (credit > 0).then_some(Told::Credit(credit as u32))
    }

    fn tell_lingering(
        &mut self,
        now: Instant,
        discarded_len: u64,
        until_at: Instant,
        inbound: &mut Vec<u8>,
    ) -> Option<Told> {
        if self.is_reset() {
            self.standing = Standing::Gone;
            return Some(Told::Closed(CloseReason::Reset));
        }
        self.discard(inbound);
        let discarded_len = discarded_len + inbound.len() as u64;
        self.standing = Standing::Lingering { discarded_len, until_at };
        if discarded_len > limits::MAX_LINGER_LEN {
            self.abort();
            return Some(Told::Closed(CloseReason::LingerExpired));
        }
        if self.is_at_eof() {
            self.standing = Standing::Finishing;
            return Some(Told::Closed(CloseReason::Finished));
        }
        (now >= until_at).then(|| {
            self.standing = Standing::Leaving;
            Told::Closed(CloseReason::LingerExpired)
        })
    }

    /// Reads all that has come, into `inbound`.
    fn discard(&mut self, inbound: &mut Vec<u8>) {
        inbound.clear();
        // A ring has its bytes in at most two pieces.
        while self.socket().can_recv() {
            let taken = self.socket_mut().recv(|bytes| {
                inbound.extend_from_slice(bytes);
                (bytes.len(), ())
            });
            if taken.is_err() {
                break;
            }
        }
    }
}
