//! The blocks of pcapng (draft-ietf-opsawg-pcapng), as they are written.

use std::borrow::Cow;
use std::net::IpAddr;

use pcap_parser::{
    BOM_MAGIC, EnhancedPacketBlock, InterfaceDescriptionBlock, Linktype, NameRecord, NameRecordType,
    NameResolutionBlock, OptionCode, PcapNGOption, SectionHeaderBlock, ToVec,
};

use crate::time::Instant;

/// Times are in units of ten to the minus nine seconds.
const NANOSECONDS: u8 = 9;
/// How much of a packet is kept: more than any has.
const SNAP_LEN: u32 = 262_144;
/// The longest comment that is written; a longer one goes on in the next. An option's length has 16 bits.
const MAX_COMMENT_LEN: usize = 60_000;

/// A capture of one interface, as it grows.
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A capture with its comment, a comment on its interface, and the names of hosts.
    pub(super) fn new<'a>(
        comment: &str,
        note: Option<&str>,
        names: impl Iterator<Item = (IpAddr, &'a str)>,
    ) -> Self {
        let mut writer = Self { bytes: Vec::new() };
        let program = concat!("lossproof ", env!("CARGO_PKG_VERSION"));
        let mut options = comments(comment);
        options.push(option(OptionCode::ShbUserAppl, program.as_bytes()));
        writer.put(&mut SectionHeaderBlock {
            block_type: 0,
            block_len1: 0,
            bom: BOM_MAGIC,
            major_version: 1,
            minor_version: 0,
            section_len: -1,
            options,
            block_len2: 0,
        });
        writer.put(&mut InterfaceDescriptionBlock {
            block_type: 0,
            block_len1: 0,
            linktype: Linktype::ETHERNET,
            reserved: 0,
            snaplen: SNAP_LEN,
            options: [option(OptionCode::IfName, b"simulated")]
                .into_iter()
                .chain(note.map(|note| option(OptionCode::Comment, note.as_bytes())))
                .collect(),
            block_len2: 0,
            if_tsresol: NANOSECONDS,
            if_tsoffset: 0,
        });
        let records: Vec<_> = names.map(|(address, name)| name_record(address, name)).collect();
        let record = records
            .iter()
            .map(|(record_type, value)| NameRecord { record_type: *record_type, record_value: value });
        let nr = record.chain([NameRecord::END]).collect();
        let options = Vec::new();
        writer.put(&mut NameResolutionBlock { block_type: 0, block_len1: 0, nr, options, block_len2: 0 });
        writer
    }

    /// Adds a packet.
    pub(super) fn packet(&mut self, at: Instant, data: &[u8], notes: &[String]) {
        let nanos = at.as_nanos();
        self.put(&mut EnhancedPacketBlock {
            block_type: 0,
            block_len1: 0,
            if_id: 0,
            ts_high: (nanos >> 32) as u32,
            ts_low: nanos as u32,
            caplen: data.len() as u32,
            origlen: data.len() as u32,
            data,
            options: notes.iter().flat_map(|note| comments(note)).collect(),
            block_len2: 0,
        });
    }

    /// The whole file.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn put(&mut self, block: &mut impl ToVec) {
        // Only a writer that is full can fail, and a vector never is.
        self.bytes.extend(block.to_vec().unwrap_or_default());
    }
}

/// A text as comments.
fn comments(text: &str) -> Vec<PcapNGOption<'_>> {
    let mut options = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (first, others) = rest.split_at(rest.floor_char_boundary(MAX_COMMENT_LEN));
        options.push(option(OptionCode::Comment, first.as_bytes()));
        rest = others;
    }
    options
}

fn option(code: OptionCode, value: &[u8]) -> PcapNGOption<'_> {
    PcapNGOption { code, len: value.len() as u16, value: Cow::Borrowed(value) }
}

/// An address and its name, which a zero byte ends, up to a multiple of four bytes.
fn name_record(address: IpAddr, name: &str) -> (NameRecordType, Vec<u8>) {
    let (record_type, octets) = match address {
        IpAddr::V4(ip) => (NameRecordType::Ipv4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (NameRecordType::Ipv6, ip.octets().to_vec()),
    };
    let mut value = [&octets[..], name.as_bytes(), b"\0"].concat();
    value.resize(value.len().next_multiple_of(4), 0);
    (record_type, value)
}
