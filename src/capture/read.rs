//! Reading: pcapng and pcap, of whatever origin.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_parser::nom::Err as Incomplete;
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapBlock, Linktype, OptionCode, PcapError, PcapHeader,
    SectionHeaderBlock, parse_block_be, parse_block_le, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_header,
};

use super::REPLAY;

/// How a file of pcapng begins, whatever its byte order.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// The resolution where an interface does not say: microseconds.
const MICROSECONDS: u8 = 6;
const NANOS: u128 = 1_000_000_000;

/// What a capture has of datagrams and streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// What makes the run again, if this was [exported](super::export).
    pub replay: Option<String>,
    /// UDP and TCP over IP, in the order of the file.
    pub frames: Vec<Frame>,
    /// How many packets were anything else.
    pub others: usize,
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was captured, since the beginning of 1970; of a simulated run, since its start.
    pub at: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What it carries.
    pub payload: Payload,
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

/// Why a file could not be read as a capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// It is something else.
    #[error("it is neither pcapng nor pcap")]
    Unknown,
    /// It ends too early.
    #[error("it ends within a packet, after {packets} whole ones")]
    Truncated {
        /// How many packets there are.
        packets: usize,
    },
    /// It breaks the format.
    #[error("it is broken after {packets} packets")]
    Broken {
        /// How many packets there are before.
        packets: usize,
    },
    /// The packets have headers that are not known here.
    #[error("its link type {0} is not known here: capture Ethernet, raw IP, loopback or Linux's 'any'")]
    LinkType(i32),
    /// A packet was captured in part.
    #[error("packet {packet} has {captured} of {whole} bytes: capture whole packets, as 'tcpdump -s 0' does")]
    Short {
        /// Which, from 1.
        packet: usize,
        /// How many bytes there are.
        captured: u32,
        /// How many there were.
        whole: u32,
    },
}

/// Reads a file of pcapng or pcap.
///
/// # Errors
/// If it is neither, if it is broken, or if packets were captured in part or on an interface of an unknown kind. What
/// is no UDP and no TCP, or is a fragment, is only counted.
pub fn read(bytes: &[u8]) -> Result<Capture, CaptureError> {
    let mut reader = Reader::default();
    if bytes.starts_with(&PCAPNG) {
        reader.read_pcapng(bytes)?;
    } else {
        let (rest, header) = match parse_pcap_header(bytes) {
            Ok(read) => read,
            Err(Incomplete::Incomplete(_)) if bytes.len() >= 4 => return Err(reader.truncated()),
            Err(_) => return Err(CaptureError::Unknown),
        };
        reader.read_pcap(rest, &header)?;
    }
    Ok(reader.capture)
}

#[derive(Default)]
struct Reader {
    capture: Capture,
    interfaces: Vec<Interface>,
    /// How many packets there were, of whatever kind.
    packets: usize,
}

#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// As the option has it.
    resolution: u8,
    offset_secs: i64,
}

impl Reader {
    fn truncated(&self) -> CaptureError {
        CaptureError::Truncated { packets: self.packets }
    }

    fn broken(&self) -> CaptureError {
        CaptureError::Broken { packets: self.packets }
    }

    fn failed(&self, error: &Incomplete<PcapError<&[u8]>>) -> CaptureError {
        match error {
            Incomplete::Incomplete(_) => self.truncated(),
            Incomplete::Error(_) | Incomplete::Failure(_) => self.broken(),
        }
    }

    fn read_pcapng(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        let (mut rest, mut is_big_endian) = (bytes, false);
        while !rest.is_empty() {
            let parse = if is_big_endian { parse_block_be } else { parse_block_le };
            let (after, block) = parse(rest).map_err(|error| self.failed(&error))?;
            match block {
                Block::SectionHeader(section) => {
                    is_big_endian = section.big_endian();
                    self.interfaces.clear();
                    self.take_replay(&section);
                }
                Block::InterfaceDescription(interface) => {
                    self.interfaces.push(described(&interface, is_big_endian));
                }
                Block::EnhancedPacket(packet) => {
                    let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                    let data = packet.data.get(..packet.caplen as usize).ok_or_else(|| self.broken())?;
                    let interface = self.interfaces.get(packet.if_id as usize).copied();
                    let interface = interface.ok_or_else(|| self.broken())?;
                    let at = moment(units, interface).ok_or_else(|| self.broken())?;
                    self.take(interface.link, at, data, packet.origlen)?;
                }
                // It has no time, and is for captures that need none.
                Block::SimplePacket(_) => {
                    self.packets += 1;
                    self.capture.others += 1;
                }
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }

    /// Keeps what the comments of a section say of how the run is made again: a long line goes on in the next.
    fn take_replay(&mut self, section: &SectionHeaderBlock<'_>) {
        let comments = section.options.iter().filter(|option| option.code == OptionCode::Comment);
        let text: String = comments.filter_map(|option| option.as_str().ok()).collect();
        if let Some(replay) = text.strip_prefix(REPLAY) {
            self.capture.replay.get_or_insert_with(|| replay.to_owned());
        }
    }

    fn read_pcap(&mut self, bytes: &[u8], header: &PcapHeader) -> Result<(), CaptureError> {
        let parse = if header.is_bigendian() { parse_pcap_frame_be } else { parse_pcap_frame };
        let fraction = if header.is_nanosecond_precision() { 1 } else { 1000 };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (after, packet) = parse(rest).map_err(|error| self.failed(&error))?;
            let LegacyPcapBlock { ts_sec, ts_usec, origlen, data, .. } = packet;
            let nanos = u64::from(ts_usec) * fraction;
            let at = Duration::from_secs(u64::from(ts_sec)) + Duration::from_nanos(nanos);
            self.take(header.network, at, data, origlen)?;
            rest = after;
        }
        Ok(())
    }

    fn take(
        &mut self,
        link: Linktype,
        at: Duration,
        data: &[u8],
        whole_len: u32,
    ) -> Result<(), CaptureError> {
        self.packets += 1;
        if data.len() < whole_len as usize {
            let captured = data.len() as u32;
            return Err(CaptureError::Short { packet: self.packets, captured, whole: whole_len });
        }
        // What stands before the IP header: the length of the link's own.
        let sliced = match link {
            Linktype::ETHERNET => SlicedPacket::from_ethernet(data).ok(),
            Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => from_ip(data, 0),
            Linktype::NULL | Linktype::LOOP => from_ip(data, 4),
            Linktype::LINUX_SLL => from_ip(data, 16),
            Linktype::LINUX_SLL2 => from_ip(data, 20),
            other => return Err(CaptureError::LinkType(other.0)),
        };
        match sliced.and_then(|packet| frame(at, &packet)) {
            Some(frame) => self.capture.frames.push(frame),
            None => self.capture.others += 1,
        }
        Ok(())
    }
}

fn from_ip(data: &[u8], link_len: usize) -> Option<SlicedPacket<'_>> {
    SlicedPacket::from_ip(data.get(link_len..)?).ok()
}

fn frame(at: Duration, packet: &SlicedPacket<'_>) -> Option<Frame> {
    let (from, to): (IpAddr, IpAddr) = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => return None,
    };
    let (ports, payload) = match packet.transport.as_ref()? {
        TransportSlice::Udp(udp) => {
            let ports = (udp.source_port(), udp.destination_port());
            (ports, Payload::Datagram(udp.payload().to_vec()))
        }
        TransportSlice::Tcp(tcp) => {
            let payload = Payload::Segment {
                sequence: tcp.sequence_number(),
                acknowledgment: tcp.ack().then(|| tcp.acknowledgment_number()),
                syn: tcp.syn(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                bytes: tcp.payload().to_vec(),
            };
            ((tcp.source_port(), tcp.destination_port()), payload)
        }
        _ => return None,
    };
    Some(Frame { at, from: (from, ports.0).into(), to: (to, ports.1).into(), payload })
}

/// What an interface's options say of its times. The parser reads numbers of one byte order only.
fn described(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Interface {
    let option = |code| {
        let found = block.options.iter().find(|option| option.code == code)?;
        found.as_bytes().ok()
    };
    let resolution = option(OptionCode::IfTsresol).and_then(|bytes| bytes.first()).copied();
    let offset = option(OptionCode::IfTsoffset).and_then(|bytes| bytes.try_into().ok());
    let from = if is_big_endian { i64::from_be_bytes } else { i64::from_le_bytes };
    Interface {
        link: block.linktype,
        resolution: resolution.unwrap_or(MICROSECONDS),
        offset_secs: offset.map_or(0, from),
    }
}

/// When so many units of an interface are: of tenths to some power, or with the top bit set of halves.
fn moment(units: u64, interface: Interface) -> Option<Duration> {
    let power = u32::from(interface.resolution & 0x7f);
    let base: u128 = if interface.resolution & 0x80 == 0 { 10 } else { 2 };
    let per_second = base.checked_pow(power).filter(|units| *units <= u128::MAX / NANOS)?;
    let units = u128::from(units);
    let secs = i128::from(interface.offset_secs) + i128::try_from(units / per_second).ok()?;
    let nanos = (units % per_second) * NANOS / per_second;
    Some(Duration::new(u64::try_from(secs).ok()?, u32::try_from(nanos).ok()?))
}
