//! Reading: pcapng and pcap, of whatever origin.
//!
//! A file is read as far as it is whole. A packet that lacks bytes counts with its lengths. [Notes](Note) say what was left
//! out.

mod files;
mod fragments;
mod links;
mod packets;
mod wireless;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use pcap_parser::Linktype;

use super::REPLAY;
use super::explain::{Flow, Sorted, sort};
use crate::machine::Ecn;
use files::{End, Record};
use packets::{Outcome, Packets};

/// The longest capture that is read, in bytes: 1 GiB.
pub const MAX_CAPTURE_LEN: usize = 1 << 30;
/// The most packets of UDP and TCP that are kept: small ones take several times the room that they have in a file.
const MAX_FRAMES: usize = 4_000_000;
/// What a program writes before a text, and no capture begins with.
const BYTE_ORDER_MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// What a capture has of datagrams and streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The command line that repeats the run, if the capture is an [export](super::export).
    pub replay: Option<String>,
    /// UDP and TCP over IP, in the order of the file. A packet that came in fragments stands where its last one does, and
    /// has the time of the first.
    pub frames: Vec<Frame>,
    /// How many packets were anything else.
    pub others: usize,
    /// What could not be used, and why.
    pub notes: Vec<Note>,
}

impl Capture {
    /// The flows, in the order of their first packets, each with its packets and whether its client sent them: what a
    /// scenario of one's own is made of, by times, lengths and bytes.
    ///
    /// ```
    /// use lossproof::capture::{self, Capture};
    ///
    /// /// How long each answer took, and how long it is.
    /// fn answers(capture: &Capture) -> Vec<(std::time::Duration, usize)> {
    ///     let flows = capture.flows();
    ///     let pairs = flows.iter().flat_map(|(_, packets)| packets.windows(2));
    ///     let answers = pairs.filter(|pair| pair[0].1 && !pair[1].1);
    ///     answers.map(|pair| (pair[1].0.at - pair[0].0.at, pair[1].0.payload.bytes().len())).collect()
    /// }
    /// ```
    pub fn flows(&self) -> Vec<(Flow, Vec<(&Frame, bool)>)> {
        let Sorted { flows, places } = sort(&self.frames, |_| false);
        let mut all: Vec<(Flow, Vec<(&Frame, bool)>)> =
            flows.into_iter().map(|flow| (flow, Vec::new())).collect();
        for (frame, (place, is_up)) in self.frames.iter().zip(places) {
            all[place].1.push((frame, is_up));
        }
        all
    }
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was captured, since the beginning of 1970; of a simulated run, since its start.
    pub at: Duration,
    /// Its number in the file, from 1.
    pub packet: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The ECN field of its IP header.
    pub ecn: Ecn,
    /// What it carries.
    pub payload: Payload,
    /// How many bytes the capture lacks at the end of the payload. Packets were cut to a snapshot length, then.
    pub missing_len: usize,
    /// What the capture says of it.
    pub comments: Vec<String>,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A datagram of UDP.
    Datagram(Vec<u8>),
    /// A segment of TCP.
    Segment {
        /// Its sequence number.
        sequence: u32,
        /// What it acknowledges, if anything.
        acknowledgment: Option<u32>,
        /// Whether it opens a direction.
        syn: bool,
        /// Whether it ends one.
        fin: bool,
        /// Whether it resets the connection.
        rst: bool,
        /// The bytes of the stream.
        bytes: Vec<u8>,
    },
}

impl Payload {
    /// The bytes that were captured.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Datagram(bytes) | Self::Segment { bytes, .. } => bytes,
        }
    }
}

/// What of a capture could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The file ends too early.
    CutOff {
        /// How many packets are whole.
        packets: usize,
    },
    /// The file breaks the format somewhere.
    Broken {
        /// How many packets there are before.
        packets: usize,
    },
    /// Packets have headers that are not known here.
    Links {
        /// The types of the links, as <https://www.tcpdump.org/linktypes.html> numbers them.
        types: Vec<i32>,
        /// How many packets have them.
        packets: usize,
    },
    /// Packets were cut before their ports.
    Short {
        /// How many.
        packets: usize,
    },
    /// Packets of IP came in pieces, and not all pieces were captured.
    Fragments {
        /// How many pieces are useless so.
        packets: usize,
    },
    /// Packets were captured without their times.
    Timeless {
        /// How many.
        packets: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { packets } => write!(f, "it ends within a packet; the {packets} before are used"),
            Self::Broken { packets } => write!(f, "it is broken after {packets} packets; those are used"),
            Self::Links { types, packets } => {
                let types: Vec<String> = types.iter().map(i32::to_string).collect();
                write!(f, "packets of link type {} are left out: {packets}", types.join(", "))
            }
            Self::Short { packets } => write!(f, "packets cut before their ports are left out: {packets}"),
            Self::Fragments { packets } => {
                write!(f, "fragments of IP without the rest of their packets are left out: {packets}")
            }
            Self::Timeless { packets } => write!(f, "packets without a time are left out: {packets}"),
        }
    }
}

/// Why a file could not be read as a capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// It is something else.
    #[error("it is neither pcapng nor pcap")]
    Unknown,
    /// Somebody wrote it as text.
    #[error(
        "it begins with a byte-order mark, so a program took it for text: let that write bytes, as 'tcpdump -w FILE' does"
    )]
    Text,
    /// It ends before the first packet does.
    #[error("it ends within its first packet")]
    Truncated,
    /// It breaks the format before the first packet.
    #[error("it is broken before its first packet")]
    Broken,
    /// The packets have headers that are not known here.
    #[error(
        "its link type {0} is not known here: capture Ethernet, Wi-Fi, PPP, raw IP, loopback or Linux's 'any'"
    )]
    LinkType(i32),
    /// It is too long.
    #[error("it is longer than {} MiB: take a part of it, as 'editcap -r IN OUT 1-100000' does", MAX_CAPTURE_LEN >> 20)]
    Long,
    /// It has too many packets.
    #[error(
        "it has more than {MAX_FRAMES} packets of UDP and TCP: take a part of it, as 'editcap -r IN OUT 1-100000' does"
    )]
    Packets,
}

/// Whether a file can be a capture, by its first bytes: pcapng, pcap, or one of these packed by gzip.
///
/// # Errors
/// If it cannot be one.
pub(crate) fn sniff(begin: &[u8]) -> Result<(), CaptureError> {
    if BYTE_ORDER_MARKS.iter().any(|mark| begin.starts_with(mark)) {
        return Err(CaptureError::Text);
    }
    if files::is_pcapng(begin) || files::is_pcap(begin) { Ok(()) } else { Err(CaptureError::Unknown) }
}

/// Reads a file of pcapng or pcap: the packets of UDP and TCP, whatever link they were captured on, in tunnels (GRE,
/// VXLAN, Geneve, IP in IP, MPLS, `PPPoE`), and in fragments.
///
/// # Errors
/// If it is neither, if nothing in it is whole, or if all packets were captured on links of an unknown kind. Packets
/// that are neither UDP nor TCP are only counted; [notes](Note) tell of those that are not whole.
pub fn read(bytes: &[u8]) -> Result<Capture, CaptureError> {
    read_within(bytes, MAX_CAPTURE_LEN, MAX_FRAMES)
}

fn read_within(bytes: &[u8], max_len: usize, max_frames: usize) -> Result<Capture, CaptureError> {
    sniff(bytes)?;
    if bytes.len() > max_len {
        return Err(CaptureError::Long);
    }
    let mut reader = Reader { max_frames, ..Reader::default() };
    let end = if files::is_pcapng(bytes) {
        files::pcapng(bytes, &mut reader)
    } else {
        files::pcap(bytes, &mut reader)
    };
    reader.finish(end)
}

#[derive(Default)]
struct Reader {
    capture: Capture,
    packets: Packets,
    max_frames: usize,
    /// How many packets there were, of whatever kind.
    count: usize,
    /// The links that are not known, and how many packets they had.
    unknown: (BTreeSet<i32>, usize),
    short: usize,
    timeless: usize,
}

impl Reader {
    /// Keeps what the comments of a section say of how the run is made again: a long line goes on in the next.
    fn section(&mut self, comments: &str) {
        if let Some(replay) = comments.strip_prefix(REPLAY) {
            self.capture.replay.get_or_insert_with(|| replay.to_owned());
        }
    }

    /// Takes a packet; whether there is room for another.
    fn packet(&mut self, link: Linktype, record: Record<'_>) -> bool {
        self.count += 1;
        let Record { at, data, whole_len, comments } = record;
        let Some(at) = at else {
            self.timeless += 1;
            self.capture.others += 1;
            return true;
        };
        let missing_len = whole_len.saturating_sub(data.len());
        let outcome = match links::ip(link, data) {
            Err(links::Unknown) => {
                self.unknown.0.insert(links::number(link));
                self.unknown.1 += 1;
                Outcome::Other
            }
            Ok(None) => Outcome::Other,
            Ok(Some(ip)) => self.packets.ip(ip, missing_len, at),
        };
        match outcome {
            Outcome::Found(found) => {
                let packets::Found { at, from, to, ecn, payload, missing_len } = *found;
                let packet = self.count;
                self.capture.frames.push(Frame { at, packet, from, to, ecn, payload, missing_len, comments });
            }
            Outcome::Fragment => {}
            Outcome::Short => {
                self.short += 1;
                self.capture.others += 1;
            }
            Outcome::Other => self.capture.others += 1,
        }
        self.capture.frames.len() <= self.max_frames
    }

    fn finish(mut self, end: End) -> Result<Capture, CaptureError> {
        let notes = &mut self.capture.notes;
        match end {
            End::Whole => {}
            End::Full => return Err(CaptureError::Packets),
            End::CutOff if self.count == 0 => return Err(CaptureError::Truncated),
            End::Broken if self.count == 0 => return Err(CaptureError::Broken),
            End::CutOff => notes.push(Note::CutOff { packets: self.count }),
            End::Broken => notes.push(Note::Broken { packets: self.count }),
        }
        let (types, unknown) = self.unknown;
        if let (Some(first), true) = (types.first(), unknown == self.count) {
            return Err(CaptureError::LinkType(*first));
        }
        let fragments = self.packets.useless_fragments();
        self.capture.others += fragments;
        let counted = [
            (unknown, Note::Links { types: types.into_iter().collect(), packets: unknown }),
            (self.short, Note::Short { packets: self.short }),
            (fragments, Note::Fragments { packets: fragments }),
            (self.timeless, Note::Timeless { packets: self.timeless }),
        ];
        notes.extend(counted.into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note));
        Ok(self.capture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture of raw IP: one datagram of two bytes, repeated `count` times.
    fn datagrams(count: usize) -> Vec<u8> {
        let mut file =
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 101, 0, 0, 0];
        let ip = [
            0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 10, 0, 0, 1, 2,
        ];
        for _ in 0..count {
            file.extend([[0; 8], [30, 0, 0, 0, 30, 0, 0, 0]].concat());
            file.extend(ip);
        }
        file
    }

    #[test]
    fn a_capture_is_bounded_in_bytes_and_in_packets() {
        let file = datagrams(4);
        let frames =
            |max_len, max_frames| read_within(&file, max_len, max_frames).map(|capture| capture.frames.len());
        assert_eq!(frames(file.len(), 4), Ok(4));
        assert_eq!(frames(file.len() - 1, 4), Err(CaptureError::Long));
        assert_eq!(frames(file.len(), 3), Err(CaptureError::Packets));
    }

    #[test]
    fn a_byte_order_mark_is_said_to_be_one() {
        for mark in BYTE_ORDER_MARKS {
            assert_eq!(read(&[mark, &datagrams(1)].concat()), Err(CaptureError::Text));
        }
    }
}
