//! The ordered log of a run, and its output formats.
//!
//! A run keeps [`Record`]s and bytes in a [`Log`]; [`Transcript`] renders them afterwards, because that takes longer than
//! the run. [`Transcript::excerpt`] has the lines of a long transcript on which its end depends.

mod curve;
mod excerpt;
mod group;
mod json;
mod ladder;
mod loss;
mod mermaid;
mod packet;
mod page;
mod payload;
mod recording;
mod segment;
mod span;
mod story;
mod svg;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

pub(crate) use curve::Curve;
pub(crate) use excerpt::Head;
pub use excerpt::{MAX_EXCERPT_LINES, MAX_REPORT_LINES, MIN_EXCERPT_LINES};
pub use ladder::{Look, TooNarrow};
pub use loss::Loss;
pub use packet::{Carried, Packet, Part};
pub use recording::Recording;
pub use segment::Segment;
#[cfg(feature = "segments")]
pub(crate) use segment::Stream;
pub use span::Span;

use crate::escaped::into_plain;
use crate::fault::Resolved;
use crate::host::HostId;
use crate::lawful::Decode;
use crate::machine::{CloseReason, ConnectError, Ecn, Peer, Status};
use crate::nat::Blocked;
use crate::time::Instant;

/// One thing that a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// The host. A fault is recorded at the first host that it affects.
    pub host: HostId,
    /// What.
    pub what: What,
    /// Which task of a host did it, in the order in which they were spawned: 0 is the host's own task, or a machine.
    pub task: u32,
}

/// One connection, as one of its ends sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The host at the other end.
    pub peer: HostId,
    /// Which connection between the two, from 0.
    pub number: u32,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A datagram left, or a segment of TCP.
    Send {
        /// To whom.
        to: HostId,
        /// Its number in the flow.
        n: u64,
        /// Its payload, or the [packet](Log::segment).
        bytes: Span,
    },
    /// A datagram left for an address where there is no host.
    SendNowhere {
        /// The address.
        peer: Peer,
        /// Its payload.
        bytes: Span,
    },
    /// A datagram came in, or a segment of TCP.
    Recv {
        /// From whom.
        from: HostId,
        /// Its number in the flow.
        n: u64,
        /// Its payload, as it arrived.
        bytes: Span,
    },
    /// A datagram or a segment died at this host, which is a NAT.
    Dropped {
        /// Who sent it.
        from: HostId,
        /// To whom.
        to: HostId,
        /// Its number in the flow.
        n: u64,
        /// Why.
        why: Blocked,
    },
    /// The refusal of a datagram came in.
    Unreachable {
        /// Where it had been sent.
        peer: HostId,
    },
    /// A datagram was lost in a queue. It stands with the host that sent it.
    Lost(Loss),
    /// A fault changed something.
    Fault(Resolved),
    /// From here on there are no faults.
    Calm,
    /// A machine opens a connection.
    Connect(Link),
    /// A connection is established.
    Connected(Link),
    /// A connection failed.
    ConnectFailed(Link, ConnectError),
    /// A connection to an address without a host failed.
    ConnectNowhere {
        /// The address.
        peer: Peer,
        /// Why.
        reason: ConnectError,
    },
    /// Bytes left on a stream.
    Write {
        /// The connection.
        link: Link,
        /// The offset of the first byte in this direction.
        offset: u64,
        /// The bytes.
        bytes: Span,
    },
    /// Bytes of a stream came in.
    Read {
        /// The connection.
        link: Link,
        /// The offset of the first byte in this direction.
        offset: u64,
        /// The bytes.
        bytes: Span,
    },
    /// A machine ended its direction of a stream.
    Shutdown(Link),
    /// The peer's direction of a stream ended.
    Eof(Link),
    /// A machine closed a stream.
    Close(Link),
    /// A machine reset a stream.
    Abort(Link),
    /// A machine stopped reading a stream.
    Pause(Link),
    /// A machine went on reading a stream.
    Resume(Link),
    /// A full stream has room again.
    Writable(Link),
    /// A connection is over.
    Closed(Link, CloseReason),
    /// A timeout. Its effects follow; the text does not show the timeout itself.
    Timer,
    /// The command of this number.
    Command(u32),
    /// A host joined a multicast group.
    Join(IpAddr),
    /// A host left a multicast group.
    Leave(IpAddr),
    /// A machine saved this many bytes.
    Save(u32),
    /// The event of this index among those of the host came out.
    Event(u32),
    /// A machine ended.
    Done(Status),
    /// From here on the run repeats itself (livelock).
    Circle,
    /// A law or a property was violated: the text of this index.
    Broken(u32),
}

/// The records of one run, and the bytes and texts that they refer to. Its memory is reused from run to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    records: Vec<Record>,
    /// What left hosts, each with how many records stood before it.
    packets: Vec<(usize, Packet)>,
    bytes: Vec<u8>,
    broken: Vec<String>,
    /// All commands of the run, given or not; empty if they are not shown.
    commands: Vec<String>,
    /// The names of the bottlenecks.
    bottlenecks: Vec<String>,
    /// The datagrams that wait in their queues.
    queued: BTreeSet<(HostId, HostId, u64)>,
    /// The groups that datagrams went to.
    groups: BTreeMap<(HostId, HostId, u64), Peer>,
    /// The task of which records are pushed.
    task: u32,
}

impl Log {
    /// The records, sorted by time and host; at equal time and host in the order in which they came to be.
    pub fn sorted(&self) -> Vec<Record> {
        self.sorted_places().into_iter().map(|(_, record)| record).collect()
    }

    /// The same, each with its place among [`Log::records`].
    pub(crate) fn sorted_places(&self) -> Vec<(usize, Record)> {
        let mut records: Vec<_> = self.records.iter().copied().enumerate().collect();
        records.sort_by_key(|(_, record)| (record.at, host_column(record)));
        records
    }

    /// The records as they came to be.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What left hosts, as it came to be; each with how many of [`Log::records`] stood before it.
    pub fn packets(&self) -> &[(usize, Packet)] {
        &self.packets
    }

    /// The bytes of a span.
    pub fn bytes(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.start as usize + span.len as usize]
    }

    /// The texts of violations.
    pub fn broken_texts(&self) -> &[String] {
        &self.broken
    }

    /// The text of the command of this number, if commands are shown.
    pub fn command_text(&self, number: u32) -> Option<&str> {
        self.commands.get(number as usize).map(String::as_str)
    }

    /// Keeps the text of the next command.
    pub(crate) fn keep_command(&mut self, text: String) {
        self.commands.push(into_plain(text));
    }

    /// Has what is pushed from now on be done by this task.
    #[cfg(feature = "tasks")]
    pub(crate) const fn set_task(&mut self, task: u32) {
        self.task = task;
    }

    pub(crate) fn push(&mut self, at: Instant, host: HostId, what: What) {
        self.records.push(Record { at, host, what, task: self.task });
    }

    pub(crate) fn push_packet(&mut self, packet: Packet) {
        self.packets.push((self.records.len(), packet));
    }

    pub(crate) fn broken(&mut self, at: Instant, host: HostId, text: String) {
        self.broken.push(into_plain(text));
        self.push(at, host, What::Broken(self.broken.len() as u32 - 1));
    }

    /// Marks the record of this index as the first of what repeats.
    pub(crate) fn mark_circle(&mut self, index: usize) {
        if let Some(&Record { at, host, .. }) = self.records.get(index) {
            self.records.insert(index, Record { at, host, what: What::Circle, task: 0 });
            for (before, _) in &mut self.packets {
                *before += usize::from(*before > index);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.packets.clear();
        self.bytes.clear();
        self.broken.clear();
        self.commands.clear();
        self.bottlenecks.clear();
        self.queued.clear();
        self.groups.clear();
    }
}

/// Faults of hosts stand before everything else of their moment, for they come first.
fn host_column(record: &Record) -> u32 {
    match record.what {
        What::Fault(Resolved::Host { .. }) | What::Calm => 0,
        _ => 1 + u32::from(record.host.0),
    }
}

/// Whoever has the events that a log refers to.
pub(crate) trait EventTexts {
    /// Writes one of a host's events.
    fn write(&self, host: HostId, index: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A log with what is needed to read it. `Display` gives the text, one line a record; [`Transcript::json_lines`] gives
/// one JSON object a line.
#[derive(Clone)]
pub struct Transcript<'a> {
    /// The names of the hosts.
    names: Vec<&'a str>,
    /// What happened.
    pub(crate) log: &'a Log,
    /// The events that the log refers to.
    events: &'a dyn EventTexts,
    /// How to show messages, where it is not by their bytes.
    decode: Option<Decode>,
    /// When it was lost, if that is known.
    curve: Option<&'a Curve>,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(
        names: Vec<&'a str>,
        log: &'a Log,
        events: &'a dyn EventTexts,
        decode: Option<Decode>,
    ) -> Self {
        Self { names, log, events, decode, curve: None }
    }

    /// The names of the hosts.
    pub fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// An event of a host.
    fn event_text(&self, host: HostId, index: u32) -> String {
        struct Shown<'a>(&'a dyn EventTexts, HostId, u32);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(self.1, self.2, f)
            }
        }
        into_plain(Shown(self.events, host, index).to_string())
    }

    /// A fault in the words of a plan.
    pub(crate) fn fault_text(&self, fault: &Resolved) -> String {
        fault.named(&self.names).to_string()
    }

    /// A message: what the decoder makes of it, or its bytes; a segment by its flags and numbers.
    fn bytes_text(&self, span: Span) -> String {
        if span.is_segment {
            return self.log.segment(span).map_or_else(|| "[?]".to_owned(), |segment| segment.to_string());
        }
        let bytes = self.log.bytes(span);
        let text = match self.decode.and_then(|decode| decode(bytes)) {
            Some(text) => into_plain(text),
            None => payload::Payload(bytes).to_string(),
        };
        if span.ecn == Ecn::NotEct { text } else { format!("{text} [{}]", span.ecn) }
    }
}

impl fmt::Debug for Transcript<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcript({} records)", self.log.records.len())
    }
}
