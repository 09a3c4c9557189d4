//! What travelled in each direction of each flow, and when: of a capture and of a run, in one form.

use std::collections::BTreeMap;
use std::time::Duration;

use super::flows::{Flow, Index};
use crate::capture::{Frame, Payload};
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
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The datagrams: when, their numbers, and their payloads.
    pub(crate) datagrams: Vec<(Duration, u64, Vec<u8>)>,
    /// The segments that had new bytes: when, and where the bytes begin and end.
    pub(super) segments: Vec<(Duration, u64, u64)>,
    /// The bytes of the stream.
    pub(crate) bytes: Vec<u8>,
    /// When the direction ended.
    pub(super) fin: Option<Duration>,
    /// When it was reset.
    pub(super) rst: Option<Duration>,
}

/// Between whom a simulated flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// The client, then the server.
    pub(super) hosts: [HostId; 2],
    /// Which connection between the two, from 0; `None` for datagrams.
    pub(super) number: Option<u32>,
}

/// The lanes of a capture. Times are since the first packet of these flows.
pub(super) fn captured(flows: &[Flow], frames: &[Frame]) -> Lanes {
    let known = Index::new(flows);
    let mut begin = None;
    let mut lanes = Lanes::default();
    lanes.flows.resize_with(flows.len(), Default::default);
    // The number of the first byte in each direction.
    let mut bases: Vec<[Option<u32>; 2]> = vec![[None; 2]; flows.len()];
    let mut opened: Vec<[Option<Duration>; 2]> = vec![[None; 2]; flows.len()];
    for frame in frames {
        let Some((index, is_up)) = known.find(frame) else { continue };
        let side = usize::from(!is_up);
        let at = frame.at.saturating_sub(*begin.get_or_insert(frame.at));
        let lane = &mut lanes.flows[index][side];
        match &frame.payload {
            Payload::Datagram(bytes) => lane.datagrams.push((at, lane.datagrams.len() as u64, bytes.clone())),
            Payload::Segment { sequence, syn, fin, rst, bytes, .. } => {
                let first = sequence.wrapping_add(u32::from(*syn));
                let base = *bases[index][side].get_or_insert(first);
                if *syn {
                    opened[index][side].get_or_insert(at);
                }
                lane.add(at, first.wrapping_sub(base), bytes);
                if *fin {
                    lane.fin.get_or_insert(at);
                }
                if *rst {
                    lane.rst.get_or_insert(at);
                }
                // The third packet of the handshake says how long the whole of it took, wherever it is seen.
                if let ([Some(syn_at), Some(_)], 0, false) = (opened[index], side, *syn) {
                    lanes.handshake.get_or_insert(at.saturating_sub(syn_at) / 2);
                }
            }
        }
    }
    lanes
}

impl Lane {
    /// Adds what is new in a segment. What was there is a retransmission, and what leaves a gap cannot be used.
    fn add(&mut self, at: Duration, offset: u32, bytes: &[u8]) {
        let len = self.bytes.len() as u64;
        // Numbers go round, but of what is captured a quarter of them at most.
        let ahead = offset.wrapping_sub(len as u32).cast_signed();
        let known_len = match usize::try_from(-i64::from(ahead)) {
            Ok(known_len) if known_len < bytes.len() => known_len,
            _ => return,
        };
        self.bytes.extend_from_slice(&bytes[known_len..]);
        self.segments.push((at, len, self.bytes.len() as u64));
    }
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
                    lane.datagrams.push((at, n, log.bytes(bytes).to_vec()));
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
