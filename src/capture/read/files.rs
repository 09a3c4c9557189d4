//! The two formats of files: blocks of pcapng (draft-ietf-opsawg-pcapng), records of pcap (draft-ietf-opsawg-pcap).

use std::time::Duration;

use pcap_parser::nom::Err as Incomplete;
use pcap_parser::{
    Block, EnhancedPacketBlock, InterfaceDescriptionBlock, LegacyPcapBlock, Linktype, OptionCode, PcapError,
    PcapNGOption, parse_block_be, parse_block_le, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header,
};

use super::Reader;

/// How a file of pcapng begins, whatever its byte order.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// How a file of pcap begins: with times in microseconds or in nanoseconds, in either byte order.
const PCAP: [[u8; 4]; 4] =
    [[0xa1, 0xb2, 0xc3, 0xd4], [0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [0x4d, 0x3c, 0xb2, 0xa1]];
/// The kinds of blocks that are looked into: sections, interfaces, packets without times, packets. All others are
/// skipped: names, statistics, secrets, and what is not known here.
const READ_BLOCKS: [u32; 4] = [0x0a0d_0d0a, 1, 3, 6];
/// The least length of a block: its kind and, twice, its length.
const MIN_BLOCK_LEN: usize = 12;
/// The resolution where an interface does not say: microseconds.
const MICROSECONDS: u8 = 6;
const NANOS: u128 = 1_000_000_000;

/// How the reading of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// Within a packet.
    CutOff,
    /// Where the format is broken.
    Broken,
    /// Where there are more packets than are kept.
    Full,
}

/// A packet as a file has it.
pub(super) struct Record<'a> {
    /// When it was captured, if that is known.
    pub(super) at: Option<Duration>,
    pub(super) data: &'a [u8],
    /// How long the packet was before it was cut to a snapshot length.
    pub(super) whole_len: usize,
    pub(super) comments: Vec<String>,
}

pub(super) fn is_pcapng(begin: &[u8]) -> bool {
    begin.starts_with(&PCAPNG)
}

pub(super) fn is_pcap(begin: &[u8]) -> bool {
    PCAP.iter().any(|magic| begin.starts_with(magic))
}

/// Reads records up to the end.
pub(super) fn pcap(bytes: &[u8], reader: &mut Reader) -> End {
    let (mut rest, header) = match parse_pcap_header(bytes) {
        Ok(read) => read,
        Err(error) => return ended(&error),
    };
    let parse = if header.is_bigendian() { parse_pcap_frame_be } else { parse_pcap_frame };
    let fraction = if header.is_nanosecond_precision() { 1 } else { 1000 };
    while !rest.is_empty() {
        let (after, packet) = match parse(rest) {
            Ok(read) => read,
            Err(error) => return ended(&error),
        };
        let LegacyPcapBlock { ts_sec, ts_usec, origlen, data, .. } = packet;
        let nanos = u64::from(ts_usec) * fraction;
        let at = Duration::from_secs(u64::from(ts_sec)) + Duration::from_nanos(nanos);
        let record = Record { at: Some(at), data, whole_len: origlen as usize, comments: Vec::new() };
        if !reader.packet(header.network, record) {
            return End::Full;
        }
        rest = after;
    }
    End::Whole
}

/// Reads blocks up to the end.
pub(super) fn pcapng(bytes: &[u8], reader: &mut Reader) -> End {
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut rest, mut is_big_endian) = (bytes, false);
    while !rest.is_empty() {
        let Some((kind, len)) = block_head(rest, is_big_endian) else { return End::CutOff };
        if !READ_BLOCKS.contains(&kind) {
            match rest.get(len..) {
                Some(after) if len >= MIN_BLOCK_LEN => rest = after,
                Some(_) => return End::Broken,
                None => return End::CutOff,
            }
            continue;
        }
        let parse = if is_big_endian { parse_block_be } else { parse_block_le };
        let (after, block) = match parse(rest) {
            Ok(read) => read,
            Err(error) => return ended(&error),
        };
        match block {
            Block::SectionHeader(section) => {
                is_big_endian = section.big_endian();
                interfaces.clear();
                reader.section(&comments(&section.options).concat());
            }
            Block::InterfaceDescription(interface) => interfaces.push(described(&interface, is_big_endian)),
            Block::EnhancedPacket(packet) => {
                let interface = interfaces.get(packet.if_id as usize).copied();
                let read = interface.and_then(|interface| Some((interface, record(&packet, interface)?)));
                let Some((interface, record)) = read else { return End::Broken };
                if !reader.packet(interface.link, record) {
                    return End::Full;
                }
            }
            Block::SimplePacket(packet) => {
                let Some(interface) = interfaces.first() else { return End::Broken };
                let whole_len = packet.origlen as usize;
                let record = Record { at: None, data: packet.data, whole_len, comments: Vec::new() };
                reader.packet(interface.link, record);
            }
            _ => {}
        }
        rest = after;
    }
    End::Whole
}

/// The kind of a block and its length.
fn block_head(bytes: &[u8], is_big_endian: bool) -> Option<(u32, usize)> {
    let from = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(from);
    Some((number(0)?, number(4)? as usize))
}

const fn ended(error: &Incomplete<PcapError<&[u8]>>) -> End {
    match error {
        Incomplete::Incomplete(_) => End::CutOff,
        Incomplete::Error(_) | Incomplete::Failure(_) => End::Broken,
    }
}

fn record<'a>(packet: &EnhancedPacketBlock<'a>, interface: Interface) -> Option<Record<'a>> {
    let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
    let data = packet.data.get(..packet.caplen as usize)?;
    let at = Some(moment(units, interface)?);
    Some(Record { at, data, whole_len: packet.origlen as usize, comments: comments(&packet.options) })
}

fn comments(options: &[PcapNGOption<'_>]) -> Vec<String> {
    let comments = options.iter().filter(|option| option.code == OptionCode::Comment);
    comments.filter_map(|option| option.as_str().ok()).map(str::to_owned).collect()
}

#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// As the option has it.
    resolution: u8,
    offset_secs: i64,
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

/// The moment of a time stamp. One second has 10 to the power of the interface's resolution units; where the top bit of
/// the resolution is set, it has 2 to that power (pcapng, section 4.2, `if_tsresol`).
fn moment(units: u64, interface: Interface) -> Option<Duration> {
    let power = u32::from(interface.resolution & 0x7f);
    let base: u128 = if interface.resolution & 0x80 == 0 { 10 } else { 2 };
    let per_second = base.checked_pow(power).filter(|units| *units <= u128::MAX / NANOS)?;
    let units = u128::from(units);
    let secs = i128::from(interface.offset_secs) + i128::try_from(units / per_second).ok()?;
    let nanos = (units % per_second) * NANOS / per_second;
    Some(Duration::new(u64::try_from(secs).ok()?, u32::try_from(nanos).ok()?))
}
