//! Packets of IP that come in pieces (RFC 791, RFC 8200), put together.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber, Ipv6ExtensionSlice, LaxIpSlice};

/// How many packets wait for the rest of their pieces at most; then the oldest is given up.
const MAX_WAITING: usize = 1024;
/// For how long a packet waits for the rest of its pieces, as Linux does. After that its number means another packet.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Which packet a piece is of.
type Key = (IpAddr, IpAddr, u8, u32);

/// A piece of a packet.
pub(super) struct Piece {
    key: Key,
    number: IpNumber,
    offset: IpFragOffset,
    is_last: bool,
    /// Its bytes, with zeros where they were not captured.
    bytes: Vec<u8>,
    /// How many of them were.
    captured_len: usize,
}

impl Piece {
    /// The piece that a packet has. The capture lacks its last `missing_len` bytes.
    pub(super) fn of(ip: &LaxIpSlice<'_>, missing_len: usize) -> Option<Self> {
        let (id, offset, more) = match ip {
            LaxIpSlice::Ipv4(ip) => {
                let header = ip.header();
                (u32::from(header.identification()), header.fragments_offset(), header.more_fragments())
            }
            LaxIpSlice::Ipv6(ip) => {
                let header = ip.extensions().clone().into_iter().find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(header) => Some(header.to_header()),
                    _ => None,
                })?;
                (header.identification, header.fragment_offset, header.more_fragments)
            }
        };
        let number = ip.payload_ip_number();
        let mut bytes = ip.payload().payload.to_vec();
        let captured_len = bytes.len();
        // A packet has 16 bits for its length: more is no piece.
        bytes.resize(captured_len.checked_add(missing_len).filter(|len| u16::try_from(*len).is_ok())?, 0);
        let key = (ip.source_addr(), ip.destination_addr(), number.0, id);
        Some(Self { key, number, offset, is_last: !more, bytes, captured_len })
    }
}

struct Waiting {
    /// Which packet it is, of all that began to wait.
    turn: u64,
    pieces: IpDefragBuf,
    since: Duration,
    count: usize,
    /// Up to where the bytes are known.
    known_len: usize,
}

/// What a packet carried whose pieces are there.
pub(super) struct Whole {
    /// When the first of them was captured.
    pub(super) at: Duration,
    pub(super) bytes: Vec<u8>,
    /// How many bytes at the end are not known.
    pub(super) missing_len: usize,
}

/// Packets that are not whole yet.
#[derive(Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Waiting>,
    /// In which order they began to wait; of those that are whole by now, too.
    order: VecDeque<(u64, Key)>,
    turns: u64,
    taken: usize,
    used: usize,
}

impl Fragments {
    /// How many pieces did not become a packet.
    pub(super) const fn useless(&self) -> usize {
        self.taken - self.used
    }

    /// Adds a piece; gives the packet if it is whole now.
    pub(super) fn add(&mut self, piece: Piece, at: Duration) -> Option<Whole> {
        self.taken += 1;
        let Piece { key, number, offset, is_last, bytes, captured_len } = piece;
        if self.waiting.get(&key).is_some_and(|waiting| at.saturating_sub(waiting.since) > MAX_WAIT) {
            self.waiting.remove(&key);
        }
        if !self.waiting.contains_key(&key) {
            self.make_room();
            self.turns += 1;
            self.order.push_back((self.turns, key));
        }
        let turn = self.turns;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            turn,
            pieces: IpDefragBuf::new(number, Vec::new(), Vec::new()),
            since: at,
            count: 0,
            known_len: usize::MAX,
        });
        // A piece that contradicts those before it is left out.
        waiting.pieces.add(offset, !is_last, &bytes).ok()?;
        waiting.count += 1;
        if captured_len < bytes.len() {
            waiting.known_len = waiting.known_len.min(usize::from(offset.byte_offset()) + captured_len);
        }
        if !waiting.pieces.is_complete() {
            return None;
        }
        let Waiting { pieces, since, count, known_len, .. } = self.waiting.remove(&key)?;
        self.used += count;
        let (mut bytes, _) = pieces.take_bufs();
        let missing_len = bytes.len().saturating_sub(known_len);
        bytes.truncate(known_len);
        Some(Whole { at: since, bytes, missing_len })
    }

    /// Gives up the oldest until there is room for one more.
    fn make_room(&mut self) {
        while self.waiting.len() >= MAX_WAITING || self.order.len() >= 2 * MAX_WAITING {
            let Some((turn, key)) = self.order.pop_front() else { return };
            // Its place may be another packet's by now.
            if self.waiting.get(&key).is_some_and(|waiting| waiting.turn == turn) {
                self.waiting.remove(&key);
            }
        }
    }
}
