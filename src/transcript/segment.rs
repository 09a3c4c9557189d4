//! A segment of TCP as a reader wants to see it: flags, and numbers that begin at 0 (RFC 9293, 3.1).

use std::fmt;

use super::{Log, Span};

/// What a log knows of the stream of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Which connection between the two hosts it is, from 0.
    pub(crate) number: u32,
    /// With which sequence numbers the directions began, that of the segment first.
    pub(crate) first: [u32; 2],
}

/// A segment that left, or came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which connection between the two hosts it belongs to, from 0.
    number: u32,
    flags: u8,
    /// Of the first byte in this direction, counted from the SYN, which is 0.
    seq: u32,
    /// What is expected next in the other direction, if ACK is set.
    ack: u32,
    /// How many bytes of the stream it carries.
    len: usize,
    /// How much the other direction may send, as it stands there: unscaled.
    window: u16,
}

/// The flags with their names, in the order in which they are shown.
const FLAGS: [(u8, &str); 5] = [(0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (ACK, "ACK")];
const ACK: u8 = 0x10;

impl Segment {
    /// Reads a packet with its IP header. `None` if it is too short.
    fn read(packet: &[u8], of: Stream) -> Option<Self> {
        let ip_len = match packet.first()? >> 4 {
            6 => 40,
            _ => usize::from(packet[0] & 0x0f) * 4,
        };
        let segment = packet.get(ip_len..)?;
        let header = segment.get(..20)?;
        let number =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let flags = header[13];
        Some(Self {
            number: of.number,
            flags,
            seq: number(4).wrapping_sub(of.first[0]),
            ack: if flags & ACK == 0 { 0 } else { number(8).wrapping_sub(of.first[1]) },
            len: segment.len().saturating_sub(usize::from(header[12] >> 4) * 4),
            window: u16::from_be_bytes([header[14], header[15]]),
        })
    }

    /// Which connection between the two hosts it belongs to, from 0.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// How many bytes of the stream it carries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it carries none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// `[SYN]`, `[PSH ACK] 1:28 ack 1`, `[ACK] ack 28`, `/1 [FIN ACK] 28 ack 28`: which connection, if it is not the first; the flags; which bytes, or where, if it takes room
/// in the stream; what is acknowledged; and whether the window is closed.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number > 0 {
            write!(f, "/{} ", self.number)?;
        }
        let flags = FLAGS.iter().filter(|(flag, _)| self.flags & flag != 0);
        write!(f, "[{}]", flags.map(|(_, name)| *name).collect::<Vec<_>>().join(" "))?;
        let (is_syn, is_fin) = (self.flags & 0x02 != 0, self.flags & 0x01 != 0);
        if self.len > 0 {
            write!(f, " {}:{}", self.seq, self.seq.wrapping_add(self.len as u32))?;
        } else if is_fin {
            write!(f, " {}", self.seq)?;
        }
        if self.flags & ACK != 0 {
            write!(f, " ack {}", self.ack)?;
        }
        if self.window == 0 && !is_syn && self.flags & 0x04 == 0 {
            f.write_str(" window 0")?;
        }
        Ok(())
    }
}

impl Log {
    /// Keeps a packet with a segment. What is known of its stream goes before it.
    #[cfg(feature = "segments")]
    pub(crate) fn keep_segment(
        &mut self,
        packet: &[u8],
        Stream { number, first: [ours, theirs] }: Stream,
    ) -> Span {
        for number in [number, ours, theirs] {
            self.bytes.extend_from_slice(&number.to_be_bytes());
        }
        Span { is_segment: true, ..self.keep(packet) }
    }

    /// The segment of a span, if it is the packet of one.
    pub fn segment(&self, span: Span) -> Option<Segment> {
        if !span.is_segment {
            return None;
        }
        let start = span.start as usize;
        let before = |len: usize| {
            let bytes = self.bytes[..start - len].last_chunk();
            u32::from_be_bytes(*bytes.unwrap_or(&[0; 4]))
        };
        Segment::read(self.bytes(span), Stream { number: before(8), first: [before(4), before(0)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet over IPv4 with these flags and numbers.
    fn packet(flags: u8, [seq, ack]: [u32; 2], window: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[24..28].copy_from_slice(&seq.to_be_bytes());
        packet[28..32].copy_from_slice(&ack.to_be_bytes());
        packet[32] = 5 << 4;
        packet[33] = flags;
        packet[34..36].copy_from_slice(&window.to_be_bytes());
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn flags_and_relative_numbers_are_shown() {
        let of = Stream { number: 0, first: [u32::MAX, 1_000] };
        let shown = |flags, numbers, window, payload: &[u8]| {
            Segment::read(&packet(flags, numbers, window, payload), of).unwrap().to_string()
        };
        let second = Segment::read(&packet(0x02, [u32::MAX, 0], 9, b""), Stream { number: 1, ..of });
        assert_eq!(second.unwrap().to_string(), "/1 [SYN]");
        assert_eq!(shown(0x02, [u32::MAX, 0], 9, b""), "[SYN]");
        assert_eq!(shown(0x12, [u32::MAX, 1_001], 9, b""), "[SYN ACK] ack 1");
        assert_eq!(shown(0x18, [0, 1_001], 9, b"hello"), "[PSH ACK] 1:6 ack 1");
        assert_eq!(shown(0x11, [5, 1_001], 9, b""), "[FIN ACK] 6 ack 1");
        assert_eq!(shown(0x10, [5, 1_001], 0, b""), "[ACK] ack 1 window 0");
        assert_eq!(shown(0x04, [5, 0], 0, b""), "[RST]");
    }

    #[test]
    fn what_is_too_short_is_none() {
        let whole = packet(0x10, [0, 0], 9, b"");
        let of = Stream { number: 0, first: [0, 0] };
        assert!(Segment::read(&whole, of).is_some_and(|segment| segment.is_empty()));
        assert_eq!(Segment::read(&whole[..39], of), None);
        assert_eq!(Segment::read(&[], of), None);
    }
}
