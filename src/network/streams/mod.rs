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
mod dial;
mod fingerprint;
mod held;
mod paths;
mod send;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use standing::HostStreams;

use super::Order;
use crate::fault::{Chain, Resolved};
use crate::host::HostId;
use crate::machine::{CloseReason, Conn, ConnectError, Peer};
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

/// Names one end of one connection among those that stand. A later connection may have the name of one that is over.
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
    /// How many bytes it carries.
    const fn len(self) -> u32 {
        match self {
            Self::Data { len, .. } => len,
            _ => 0,
        }
    }

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
    held: VecDeque<(Order, Segment)>,
    /// How many bytes that is.
    held_len: u32,
    /// The first of what is held is on its way once more.
    releasing: bool,
    /// How many bytes this end has written.
    sent_len: u64,
    fin_sent: bool,
    eof_seen: bool,
    /// `Over` is on its way.
    finishing: bool,
    /// It was shut down while it was dialing: its end follows once it stands.
    shuts: bool,
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
            held: VecDeque::new(),
            held_len: 0,
            releasing: false,
            sent_len: 0,
            fin_sent: false,
            eof_seen: false,
            finishing: false,
            shuts: false,
            severed: false,
            ready_at: Instant::START,
            missed: false,
            chain: Chain::NEW,
        }
    }

    /// Drops what is held: nobody will read it.
    fn drop_held(&mut self) {
        self.held.clear();
        (self.held_len, self.releasing) = (0, false);
    }

    /// Whether this is the segment that is held and on its way once more.
    fn is_released(&self, order: Order) -> bool {
        let is_first = |(held, _): &(Order, Segment)| held.moved_to(order.at()) == order;
        self.releasing && self.held.front().is_some_and(is_first)
    }
}

#[derive(Debug)]
struct Stream {
    ends: [End; 2],
    /// Which connection between its two hosts it is, from 0; 0 too if there is no second.
    number: u32,
    /// The addresses, the connector's first.
    addresses: [Peer; 2],
    /// How many streams came before it.
    serial: u64,
    /// How many segments of it are on their way.
    in_flight: u32,
    /// When its connector has dialed for long enough.
    gives_up_at: Instant,
    /// It will have, and a failure is on its way.
    gives_up: bool,
    /// A fault has its dial refused.
    refused: bool,
    /// Its slot is free for another.
    over: bool,
}

/// All connections of a run.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// The streams by their slots.
    all: Vec<Stream>,
    /// The slots whose streams are over.
    free: Vec<u32>,
    /// The slots whose streams may be over, until somebody looks.
    ended: Vec<u32>,
    next_serial: u64,
    hosts: Vec<HostStreams>,
    /// Where hosts listen, in order.
    listeners: Vec<(HostId, Peer)>,
    /// The ends that hold as much as the peer may send, and are not read.
    full: BTreeSet<StreamEnd>,
    /// How many connections each pair of hosts has had.
    between: BTreeMap<(HostId, HostId), u32>,
    /// The addresses at which acceptors see connectors, by slot, where a NAT has given them.
    seen: BTreeMap<u32, Peer>,
    /// What the last calls have caused, for the world to take: segments, and the faults that fired.
    pub(crate) sent: Vec<(Order, StreamEnd, Segment)>,
    pub(crate) marks: Vec<Resolved>,
    /// What has left, if that is asked for, for the world to take.
    pub(crate) left: Vec<Left>,
    /// Whether it is.
    pub(crate) keeps_left: bool,
}

impl Streams {
    /// Whether there never was one.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many bytes an end has written.
    pub(crate) fn sent_len(&self, at: StreamEnd) -> u64 {
        self.end(at).sent_len
    }

    /// Notes what leaves an end, if that is asked for.
    fn note_left(&mut self, at: Instant, from: StreamEnd, segment: Segment, arrives_at: Option<Instant>) {
        if self.keeps_left {
            self.left.push(Left { at, from, segment, arrives_at });
        }
    }

    /// The address of an end.
    pub(crate) fn address(&self, at: StreamEnd) -> Peer {
        self.stream(at).addresses[usize::from(at.side)]
    }

    /// The connector's end with this address, of the newest stream if there are several.
    #[cfg(feature = "turmoil")]
    pub(crate) fn connector_at(&self, peer: Peer) -> Option<StreamEnd> {
        let streams = (0..).zip(&self.all).filter(|(_, stream)| !stream.over && stream.addresses[0] == peer);
        let (slot, _) = streams.max_by_key(|(_, stream)| stream.serial)?;
        Some(StreamEnd { stream: slot, side: 0 })
    }

    /// Whether the machine has this end, and has not closed it.
    pub(crate) fn is_open(&self, at: StreamEnd) -> bool {
        self.end(at).standing == Standing::Open
    }

    /// The host of an end.
    pub(crate) fn host(&self, at: StreamEnd) -> HostId {
        self.end(at).host
    }

    /// Which connection between its two hosts this is, from 0.
    pub(crate) fn number(&self, at: StreamEnd) -> u32 {
        self.stream(at).number
    }

    /// Puts a segment on its way.
    fn queue(&mut self, order: Order, at: StreamEnd, segment: Segment) {
        self.stream_mut(at).in_flight += 1;
        self.sent.push((order, at, segment));
    }

    /// Notes that a segment has arrived.
    fn unqueue(&mut self, at: StreamEnd) {
        let stream = self.stream_mut(at);
        debug_assert!(stream.in_flight > 0, "nothing arrives twice");
        stream.in_flight -= 1;
        if stream.in_flight == 0 && stream.ends[0].standing == Standing::Gone {
            self.ended.push(at.stream);
        }
    }

    fn stream(&self, at: StreamEnd) -> &Stream {
        &self.all[at.stream as usize]
    }

    fn stream_mut(&mut self, at: StreamEnd) -> &mut Stream {
        &mut self.all[at.stream as usize]
    }

    fn end(&self, at: StreamEnd) -> &End {
        &self.stream(at).ends[usize::from(at.side)]
    }

    fn end_mut(&mut self, at: StreamEnd) -> &mut End {
        &mut self.stream_mut(at).ends[usize::from(at.side)]
    }
}
