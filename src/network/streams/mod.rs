//! The model of byte streams: handshake, bounded buffers, half-close, reset.
//!
//! ```text
//!  connector                     acceptor
//!  connect ────── Syn ─────────►
//!          ◄───── SynAck ──────            one round trip: the connector is connected
//!          ────── Ack ─────────►           half a round trip later: the acceptor has accepted
//!  write   ────── Data ────────►  read
//!          ◄───── Credit ──────            the room in the send buffer, once the data was taken
//!  shutdown ───── Fin ─────────►  eof
//! ```
//!
//! Both ends and both directions are alike once the handshake is through. Segments of one direction arrive in the
//! order in which they were sent, none earlier than the one before.

mod act;
mod arrive;
mod fingerprint;

use std::collections::BTreeMap;

use super::Order;
use crate::fault::{Chain, Resolved};
use crate::host::HostId;
use crate::machine::{CloseReason, Conn, ConnMap, ConnectError, Peer, limits};
use crate::time::Instant;

/// A segment that left a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// When it leaves: now, or once a partition is over.
    pub(crate) at: Instant,
    /// Whose it is.
    pub(crate) from: StreamEnd,
    pub(crate) segment: Segment,
    /// When it arrives; `None` if it never does.
    pub(crate) arrives_at: Option<Instant>,
}

/// Names one end of one connection of the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamEnd {
    pub(crate) stream: u32,
    /// 0 for the connector's end, 1 for the acceptor's.
    pub(crate) side: u8,
}

impl StreamEnd {
    pub(crate) const fn other(self) -> Self {
        Self { stream: self.stream, side: 1 - self.side }
    }
}

/// What arrives at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Syn,
    SynAck,
    Ack,
    Failed(ConnectError),
    Data {
        offset: u64,
        len: u32,
    },
    Fin,
    Rst,
    Credit(u32),
    /// Of this end alone: the connection is over.
    Over(CloseReason),
    /// Of this end alone: it has waited long enough for the peer's end.
    LingerOver,
}

impl Segment {
    /// The same at the beginning of its stream: the offset is only for the log.
    pub(crate) const fn without_offset(self) -> Self {
        match self {
            Self::Data { len, .. } => Self::Data { offset: 0, len },
            other => other,
        }
    }
}

/// What a world does with what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Name a new connection, then hand in `Connected`.
    Accepted,
    Connected,
    Failed(ConnectError),
    /// Take these bytes from the stream and hand them in.
    Data {
        offset: u64,
        len: u32,
    },
    /// Take these bytes from the stream and drop them.
    Discard(u32),
    Eof,
    Credit(u32),
    Closed(CloseReason),
}

/// Where one end stands.
///
/// ```text
/// Dialing ──Connected──► Open ──close──► Lingering ──eof, or a bound──► Gone
///    └──── failed ──────────┴── both ends seen, reset, abort ─────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The handshake is on its way.
    Dialing,
    /// The machine has it.
    Open,
    /// The machine has closed it, or has ended; what still comes in is discarded.
    Lingering { discarded_len: u64 },
    /// There is no such connection here any more.
    Gone,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about a direction, and all combine")]
struct End {
    host: HostId,
    /// What the machine calls it; none before it stands and after the machine is gone.
    conn: Option<Conn>,
    standing: Standing,
    paused: bool,
    /// What arrived while it was paused, in order.
    held: Vec<(Order, Segment)>,
    /// How many bytes that was.
    held_len: u32,
    /// How many bytes this end has written.
    sent_len: u64,
    fin_sent: bool,
    eof_seen: bool,
    /// `Over` is on its way.
    finishing: bool,
    /// A fault, or this end itself, has cut the direction that begins here: nothing leaves any more.
    severed: bool,
    /// No segment of the direction that begins here arrives earlier than this.
    ready_at: Instant,
    /// Data came while the host was off.
    missed: bool,
    /// The bursts of loss in the direction that begins here.
    chain: Chain,
}

impl End {
    const fn new(host: HostId, conn: Option<Conn>) -> Self {
        Self {
            host,
            conn,
            standing: Standing::Dialing,
            paused: false,
            held: Vec::new(),
            held_len: 0,
            sent_len: 0,
            fin_sent: false,
            eof_seen: false,
            finishing: false,
            severed: false,
            ready_at: Instant::START,
            missed: false,
            chain: Chain::NEW,
        }
    }
}

#[derive(Debug)]
struct Stream {
    ends: [End; 2],
    number: u32,
    /// The ports, the connector's first.
    ports: [u16; 2],
}

/// All connections of a run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    all: Vec<Stream>,
    /// For each host what its connections' names stand for.
    names: Vec<ConnMap<StreamEnd>>,
    listeners: Vec<Option<u16>>,
    dialed: Vec<u16>,
    /// The ends that were full when one was added last: they hold as much as the peer may send, and are not read.
    full: Vec<StreamEnd>,
    /// How many connections each pair of hosts has had.
    between: BTreeMap<(HostId, HostId), u32>,
    /// What the last calls have caused, for the world to take: segments, and the faults that fired.
    pub(crate) sent: Vec<(Order, StreamEnd, Segment)>,
    pub(crate) marks: Vec<Resolved>,
    /// What has left, if that is asked for, for the world to take.
    pub(crate) left: Vec<Left>,
    /// Whether it is.
    pub(crate) keeps_left: bool,
}

impl Streams {
    pub(super) fn reset(&mut self, listeners: impl ExactSizeIterator<Item = Option<u16>>) {
        self.all.clear();
        self.names.clear();
        self.names.resize_with(listeners.len(), ConnMap::default);
        self.dialed.clear();
        self.dialed.resize(listeners.len(), 0);
        self.listeners.clear();
        self.listeners.extend(listeners);
        self.full.clear();
        self.between.clear();
        self.sent.clear();
        self.marks.clear();
        self.left.clear();
    }

    /// Whether there never was one.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The end that a host calls `conn`.
    pub(crate) fn find(&self, host: HostId, conn: Conn) -> Option<StreamEnd> {
        self.names[host.index()].get(conn).copied()
    }

    /// Names the acceptor's end.
    pub(crate) fn name(&mut self, at: StreamEnd, conn: Conn) {
        let end = self.end_mut(at);
        end.conn = Some(conn);
        let host = end.host;
        self.names[host.index()].insert(conn, at);
    }

    /// What the end is called by its machine, if there is one that knows it.
    pub(crate) fn conn(&self, at: StreamEnd) -> Option<Conn> {
        self.end(at).conn
    }

    /// Forgets a name: the connection is over.
    pub(crate) fn forget(&mut self, at: StreamEnd) {
        let end = self.end_mut(at);
        let host = end.host;
        if let Some(conn) = end.conn.take() {
            self.names[host.index()].remove(conn);
        }
    }

    /// Forgets all names of a host: its machine is no more.
    fn forget_all(&mut self, host: HostId) {
        let names = std::mem::take(&mut self.names[host.index()]);
        for (_, &at) in names.iter() {
            self.end_mut(at).conn = None;
        }
    }

    /// How many bytes an end has written.
    pub(crate) fn sent_len(&self, at: StreamEnd) -> u64 {
        self.end(at).sent_len
    }

    /// The port of an end.
    pub(crate) fn port(&self, at: StreamEnd) -> u16 {
        self.all[at.stream as usize].ports[usize::from(at.side)]
    }

    /// Notes what leaves an end, if that is asked for.
    fn note_left(&mut self, at: Instant, from: StreamEnd, segment: Segment, arrives_at: Option<Instant>) {
        if self.keeps_left {
            self.left.push(Left { at, from, segment, arrives_at });
        }
    }

    /// The address of an end.
    pub(crate) fn address(&self, at: StreamEnd) -> Peer {
        self.end(at).host.address(self.port(at))
    }

    /// The connector's end with this address.
    #[cfg(feature = "turmoil")]
    pub(crate) fn connector_at(&self, peer: Peer) -> Option<StreamEnd> {
        let ends = (0..self.all.len() as u32).map(|stream| StreamEnd { stream, side: 0 });
        ends.into_iter().find(|&at| self.address(at) == peer)
    }

    /// Whether the machine has this end, and has not closed it.
    pub(crate) fn is_open(&self, at: StreamEnd) -> bool {
        self.end(at).standing == Standing::Open
    }

    /// Whether what arrives at an end is held back there, for it is paused.
    #[cfg(feature = "turmoil")]
    pub(crate) fn is_holding(&self, at: StreamEnd) -> bool {
        self.is_open(at) && self.end(at).paused
    }

    /// Whether an end holds as much as its peer may send, and is not read.
    pub(crate) fn is_full(&self, at: StreamEnd) -> bool {
        self.is_open(at) && self.end(at).held_len as usize >= limits::SEND_BUFFER_LEN
    }

    /// The ends that are full.
    pub(crate) fn full(&self) -> impl Iterator<Item = StreamEnd> {
        self.full.iter().copied().filter(|&at| self.is_full(at))
    }

    /// How many ends are full at most.
    pub(crate) const fn full_count(&self) -> usize {
        self.full.len()
    }

    /// Notes that more is held at an end that is not read.
    fn hold(&mut self, at: StreamEnd, order: Order, segment: Segment) {
        let end = self.end_mut(at);
        end.held.push((order, segment));
        if let Segment::Data { len, .. } = segment {
            end.held_len += len;
            if self.is_full(at) {
                let mut full = std::mem::take(&mut self.full);
                full.retain(|&other| other != at && self.is_full(other));
                full.push(at);
                self.full = full;
            }
        }
    }

    /// The host of an end.
    pub(crate) fn host(&self, at: StreamEnd) -> HostId {
        self.end(at).host
    }

    /// Which connection between its two hosts this is, from 0.
    pub(crate) fn number(&self, at: StreamEnd) -> u32 {
        self.all[at.stream as usize].number
    }

    fn end(&self, at: StreamEnd) -> &End {
        &self.all[at.stream as usize].ends[usize::from(at.side)]
    }

    fn end_mut(&mut self, at: StreamEnd) -> &mut End {
        &mut self.all[at.stream as usize].ends[usize::from(at.side)]
    }

    /// The ends of a host that are not gone.
    fn ends_of(&self, host: HostId) -> Vec<StreamEnd> {
        let all = (0..self.all.len() as u32).flat_map(|stream| [0, 1].map(|side| StreamEnd { stream, side }));
        all.filter(|&at| self.end(at).host == host && self.end(at).standing != Standing::Gone).collect()
    }
}
