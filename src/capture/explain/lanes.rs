//! What travelled in each direction of each flow, and when: of a capture and of a run, in one form.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::HostId;
use crate::steps::step;
use crate::time::Instant;
use crate::transcript::{Carried, Log, Packet, Part, What};

/// All flows; of each first what the client sent, then what the server did.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    pub(crate) flows: Vec<[Lane; 2]>,
    /// How long a handshake took from one packet to the next.
    pub(super) handshake: Option<Duration>,
    /// What the capture lacks of them.
    pub(super) notes: Vec<String>,
    /// Whether the capture begins within a connection.
    pub(super) begins_within: bool,
}

/// A datagram.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) at: Duration,
    /// Its number in its direction.
    pub(super) n: u64,
    /// Its payload, as far as that is known.
    pub(crate) bytes: Vec<u8>,
    /// How long that is.
    pub(crate) len: usize,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) datagrams: Vec<Datagram>,
    /// The segments that had new bytes: when, and where the bytes begin and end.
    pub(super) segments: Vec<(Duration, u64, u64)>,
    /// The bytes of the stream.
    pub(crate) bytes: Vec<u8>,
    /// Where those are not known: from, and up to.
    pub(crate) holes: BTreeMap<u64, u64>,
    /// When the direction ended.
    pub(super) fin: Option<Duration>,
    /// When it was reset.
    pub(super) rst: Option<Duration>,
    /// Whether the capture has no packet of it.
    pub(super) is_unseen: bool,
}

/// Between whom a simulated flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// The client, then the server.
    pub(super) hosts: [HostId; 2],
    /// Which connection between the two, from 0; `None` for datagrams.
    pub(super) number: Option<u32>,
}

/// The lanes of a run, and between whom they are. Times are since its first packet.
pub(super) fn simulated(log: &Log, server: HostId) -> (Lanes, Vec<Pair>) {
    let mut packets: Vec<&Packet> = log.packets().iter().map(|(_, packet)| packet).collect();
    packets.sort_by_key(|packet| packet.at);
    let begin = packets.first().map_or(Instant::START, |packet| packet.at);
    let (mut lanes, mut pairs) = (Lanes::default(), Pairs::default());
    for &&Packet { at, from, to, what, .. } in &packets {
        step();
        let (pair, is_up) = match what {
            Carried::Datagram { .. } => pairs.of_datagram(from, to, server),
            Carried::Segment { number, is_connector: true, .. } => {
                (Pair { hosts: [from, to], number: Some(number) }, true)
            }
            Carried::Segment { number, .. } => (Pair { hosts: [to, from], number: Some(number) }, false),
            Carried::Refusal { .. } => continue,
        };
        let index = pairs.place(pair);
        if index == lanes.flows.len() {
            lanes.flows.push(<[Lane; 2]>::default());
        }
        let lane = &mut lanes.flows[index][usize::from(!is_up)];
        let at = at - begin;
        match what {
            Carried::Datagram { n, bytes, arrives_at, .. } => {
                // A copy is seen where it is made.
                for _ in 0..arrives_at.iter().flatten().count().max(1) {
                    let bytes = log.bytes(bytes).to_vec();
                    lane.datagrams.push(Datagram { at, n, len: bytes.len(), bytes });
                }
            }
            Carried::Segment { part: Part::Data { offset, len }, .. } => {
                lane.segments.push((at, offset, offset + u64::from(len)));
            }
            Carried::Segment { part: Part::Fin, .. } => lane.fin = lane.fin.or(Some(at)),
            Carried::Segment { part: Part::Rst | Part::Refusal, .. } => lane.rst = lane.rst.or(Some(at)),
            Carried::Segment { .. } | Carried::Refusal { .. } => {}
        }
    }
    fill(log, &pairs, &mut lanes);
    (lanes, pairs.all)
}

/// Between whom the flows of a run are, each once, to be found.
#[derive(Default)]
struct Pairs {
    all: Vec<Pair>,
    places: BTreeMap<Pair, usize>,
}

impl Pairs {
    /// The place of a pair: a new one if it is not there yet.
    fn place(&mut self, pair: Pair) -> usize {
        *self.places.entry(pair).or_insert_with(|| {
            self.all.push(pair);
            self.all.len() - 1
        })
    }

    /// The flow of a datagram, and whether the client sent it: who is not the server, or who sent first.
    fn of_datagram(&self, from: HostId, to: HostId, server: HostId) -> (Pair, bool) {
        let pair = |hosts| Pair { hosts, number: None };
        let is_answer = from == server || (to != server && self.places.contains_key(&pair([to, from])));
        if is_answer { (pair([to, from]), false) } else { (pair([from, to]), true) }
    }
}

/// Puts the bytes that left into the lanes of their connections.
fn fill(log: &Log, pairs: &Pairs, lanes: &mut Lanes) {
    for record in log.records() {
        step();
        let What::Write { link, bytes, .. } = record.what else { continue };
        let number = Some(link.number);
        let sides = [[record.host, link.peer], [link.peer, record.host]];
        let place = |hosts| pairs.places.get(&Pair { hosts, number }).copied();
        let found = sides.into_iter().map(place).enumerate().find_map(|(side, place)| Some((side, place?)));
        if let Some((side, place)) = found {
            lanes.flows[place][side].bytes.extend_from_slice(log.bytes(bytes));
        }
    }
    for lane in lanes.flows.iter_mut().flatten() {
        let sent_len = lane.segments.last().map_or(0, |(.., end)| *end);
        lane.bytes.truncate(sent_len as usize);
    }
}
