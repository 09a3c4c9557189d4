//! Sequence numbers: the segments of streams as TCP has them (RFC 9293).

use std::collections::BTreeMap;

use etherparse::{TcpHeader, TcpOptionElement};

use super::frame::{Ends, MAX_SEGMENT_LEN};
use crate::host::HostId;
use crate::machine::{Peer, limits};
use crate::transcript::{Packet, Part};

/// By how many bits the window's field is shifted (RFC 7323).
const WINDOW_SHIFT: u8 = 7;
/// The window: as many bytes as may be on their way.
const WINDOW: u16 = (limits::SEND_BUFFER_LEN >> WINDOW_SHIFT) as u16;

/// The first number of each end, the opener's first. Any would do but 0, which some take for none.
const FIRST: [u32; 2] = [0x1000_0000, 0x2000_0000];

/// The two hosts of a connection, who opened it first, and its number.
pub(super) type Key = (HostId, HostId, u32);

/// What is known of all connections.
#[derive(Default)]
pub(super) struct Streams {
    all: BTreeMap<Key, Stream>,
}

/// One connection, its opener's end first.
struct Stream {
    addresses: [Peer; 2],
    ends: [End; 2],
}

#[derive(Clone, Copy, Default)]
struct End {
    /// How many bytes it has sent.
    sent_len: u64,
    has_ended: bool,
    /// How many bytes of the other end it has taken.
    taken_len: u64,
    /// It has seen the end of the other direction.
    heard_out: bool,
    /// It sent a reset: nothing follows.
    is_gone: bool,
}

impl Streams {
    /// The header of what a packet carries on a connection, and which bytes of its direction go with it; nothing for
    /// what no system would send any more. A write that is too long gives several.
    pub(super) fn headers(
        &mut self,
        key: Key,
        side: usize,
        packet: &Packet,
        part: Part,
    ) -> Vec<(TcpHeader, u64, usize)> {
        let [ours, theirs] = packet.addresses;
        let addresses = if side == 0 { [ours, theirs] } else { [theirs, ours] };
        let stream = self.all.entry(key).or_insert(Stream { addresses, ends: [End::default(); 2] });
        if stream.ends[side].is_gone {
            return Vec::new();
        }
        let plain = stream.header(side);
        let one = |header| vec![(header, 0, 0)];
        match part {
            Part::Syn => {
                let header = TcpHeader { acknowledgment_number: 0, ack: false, ..plain };
                one(opening(TcpHeader { sequence_number: FIRST[side], ..header }))
            }
            Part::SynAck => one(opening(TcpHeader { sequence_number: FIRST[side], ..plain })),
            Part::Ack => one(plain),
            Part::Refusal => {
                stream.ends[side].is_gone = true;
                // There was no number yet (RFC 9293, 3.10.7.1).
                one(TcpHeader { sequence_number: 0, rst: true, window_size: 0, ..plain })
            }
            Part::Data { offset, len } => stream.data(side, offset, len),
            Part::Fin => {
                stream.ends[side].has_ended = true;
                one(TcpHeader { fin: true, ..plain })
            }
            Part::Rst => {
                stream.ends[side].is_gone = true;
                one(TcpHeader { rst: true, window_size: 0, ..plain })
            }
            Part::Taken(len) => {
                stream.ends[side].taken_len += u64::from(len);
                one(stream.header(side))
            }
        }
    }

    /// How many bytes an end has sent.
    pub(super) fn sent_len(&self, key: Key, side: usize) -> u64 {
        self.all.get(&key).map_or(0, |stream| stream.ends[side].sent_len)
    }

    /// The header with which an end says that it saw the other's end, and between whom it goes; `None` if that is said
    /// already, or was none, or has no packets.
    pub(super) fn saw_end(&mut self, key: Key, side: usize) -> Option<(Ends, TcpHeader)> {
        let stream = self.all.get_mut(&key)?;
        if !stream.ends[1 - side].has_ended || stream.ends[side].heard_out || stream.ends[side].is_gone {
            return None;
        }
        stream.ends[side].heard_out = true;
        let between = |ends: [usize; 2]| {
            let hosts = [key.0, key.1];
            Ends::between(ends.map(|end| hosts[end]), ends.map(|end| stream.addresses[end]))
        };
        Some((between([side, 1 - side])?, stream.header(side)))
    }
}

impl Stream {
    /// A segment without bytes, of an end as it stands now.
    fn header(&self, side: usize) -> TcpHeader {
        let end = self.ends[side];
        // The handshake takes a number, and so does the end.
        let next = number(side, 1 + end.sent_len + u64::from(end.has_ended));
        let [ours, theirs] = [side, 1 - side].map(|end| self.addresses[end].port().unwrap_or_default());
        let mut header = TcpHeader::new(ours, theirs, next, WINDOW);
        header.ack = true;
        header.acknowledgment_number = number(1 - side, 1 + end.taken_len + u64::from(end.heard_out));
        header
    }

    fn data(&mut self, side: usize, offset: u64, len: u32) -> Vec<(TcpHeader, u64, usize)> {
        let mut headers = Vec::new();
        let end_offset = offset + u64::from(len);
        let mut here = offset;
        while here < end_offset {
            let len = (end_offset - here).min(MAX_SEGMENT_LEN as u64);
            let header =
                TcpHeader { sequence_number: number(side, 1 + here), psh: true, ..self.header(side) };
            headers.push((header, here, len as usize));
            here += len;
        }
        self.ends[side].sent_len = end_offset;
        headers
    }
}

/// Sequence numbers go round.
const fn number(side: usize, count: u64) -> u32 {
    FIRST[side].wrapping_add(count as u32)
}

fn opening(header: TcpHeader) -> TcpHeader {
    let mut header = TcpHeader { syn: true, window_size: u16::MAX, ..header };
    let options = [
        TcpOptionElement::MaximumSegmentSize(MAX_SEGMENT_LEN as u16),
        TcpOptionElement::WindowScale(WINDOW_SHIFT),
    ];
    // Seven bytes of forty.
    let _ = header.set_options(&options);
    header
}
