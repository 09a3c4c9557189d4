//! Where the IP packet begins, by what stands before it: the headers of a link, and of what is carried between a link
//! and IP. The numbers of links are those of <https://www.tcpdump.org/linktypes.html>.

use pcap_parser::Linktype;

use super::wireless;

/// How many headers are taken off one packet at most, so that none goes on for ever.
const MAX_HEADERS: u8 = 16;
/// The least number that names a protocol; a lower one is the length of an IEEE 802.3 frame.
const MIN_ETHERTYPE: u16 = 0x0600;

/// A link whose headers are not known here.
pub(super) struct Unknown;

/// The number of a link. The upper bits of the field tell of checksums.
pub(super) const fn number(link: Linktype) -> i32 {
    link.0 & 0x03ff_ffff
}

/// The packet of IP in a frame of this link, with what follows it.
///
/// # Errors
/// If the link is not known.
pub(super) fn ip(link: Linktype, data: &[u8]) -> Result<Option<&[u8]>, Unknown> {
    on_link(number(link), data, MAX_HEADERS)
}

fn on_link(link: i32, data: &[u8], left: u8) -> Result<Option<&[u8]>, Unknown> {
    let Some(left) = left.checked_sub(1) else { return Ok(None) };
    let after = |len: usize| data.get(len..);
    Ok(match link {
        // NULL and LOOP: a protocol family in either byte order, which the IP header repeats.
        0 | 108 => after(4).and_then(version),
        1 => ethernet(data, left),
        // Token Ring: source routing is said by the first bit of the sender.
        6 => {
            let routed_len =
                if at8(data, 8).is_some_and(|byte| byte & 0x80 != 0) { at8(data, 14) } else { Some(0) };
            routed_len.and_then(|byte| after(14 + usize::from(byte & 0x1f))).and_then(|data| llc(data, left))
        }
        // SLIP; that of BSD/OS, and the header of illumos's IP observability, are as long as each other.
        8 => after(16).and_then(version),
        15 | 226 => after(24).and_then(version),
        9 | 50 => ppp(data, left),
        // FDDI.
        10 => after(13).and_then(|data| llc(data, left)),
        // Raw IP, as it was numbered here and there.
        12 | 14 | 101 | 228 | 229 => version(data),
        // PPPoE without Ethernet.
        51 => pppoe(data, left),
        // RFC 1483, and SunATM, which has a header before it.
        100 => llc(data, left),
        123 => after(4).and_then(|data| llc(data, left)),
        104 => at16(data, 2).and_then(|kind| ethertype(kind, data.get(4..)?, left)),
        105 => wireless::frame(data, false).and_then(|data| llc(data, left)),
        // Radio headers, before a frame of IEEE 802.11: Prism, radiotap and AVS.
        119 => wireless::after_prism(data).and_then(|data| llc(data, left)),
        127 => wireless::after_radiotap(data).and_then(|data| llc(data, left)),
        163 => wireless::after_avs(data).and_then(|data| llc(data, left)),
        107 => frame_relay(data, left),
        // OpenBSD's enc and pflog.
        109 => after(12).and_then(version),
        117 => at8(data, 0).and_then(|len| after(usize::from(len).next_multiple_of(4))).and_then(version),
        113 => at16(data, 14).and_then(|kind| cooked(kind, data.get(16..)?, left)),
        276 => at16(data, 0).and_then(|kind| cooked(kind, data.get(20..)?, left)),
        122 => after(16).and_then(|data| llc(data, left)),
        // IEEE 1394.
        138 => at16(data, 16).and_then(|kind| ethertype(kind, data.get(18..)?, left)),
        // PPP with a byte that says the direction.
        166 | 204 => after(1).and_then(|data| ppp(data, left)),
        192 => {
            let Some((inner, len)) = wireless::after_ppi(data) else { return Ok(None) };
            let Some(data) = data.get(len..) else { return Ok(None) };
            return on_link(inner, data, left);
        }
        219 => mpls(data, left),
        239 => nflog(data),
        240 => after(4).and_then(|data| ethernet(data, left)),
        241 => after(12).and_then(|data| ethernet(data, left)),
        // Apple's pktap has the link's number in its header.
        149 | 258 => {
            let (Some(len), Some(inner)) = (le32(data, 0), le32(data, 8)) else { return Ok(None) };
            let Some(data) = data.get(len as usize..) else { return Ok(None) };
            return on_link(inner.cast_signed(), data, left);
        }
        // Tags of switches, before the type of Ethernet or before all of it.
        281 | 284 => tagged(data, 4, left),
        285 => tagged(data, 8, left),
        282 => after(4).and_then(|data| ethernet(data, left)),
        _ => return Err(Unknown),
    })
}

/// A packet of IP, if it begins like one.
fn version(data: &[u8]) -> Option<&[u8]> {
    matches!(data.first()? >> 4, 4 | 6).then_some(data)
}

/// What a frame of Ethernet has after its addresses.
pub(super) fn in_ethernet(data: &[u8]) -> Option<&[u8]> {
    ethernet(data, MAX_HEADERS)
}

/// What follows a type of Ethernet's.
pub(super) fn in_ethertype(kind: u16, data: &[u8]) -> Option<&[u8]> {
    ethertype(kind, data, MAX_HEADERS)
}

fn ethernet(data: &[u8], left: u8) -> Option<&[u8]> {
    ethertype(at16(data, 12)?, data.get(14..)?, left)
}

fn tagged(data: &[u8], tag_len: usize, left: u8) -> Option<&[u8]> {
    ethertype(at16(data, 12 + tag_len)?, data.get(14 + tag_len..)?, left)
}

fn ethertype(kind: u16, data: &[u8], left: u8) -> Option<&[u8]> {
    let left = left.checked_sub(1)?;
    match kind {
        0x0800 | 0x86dd => version(data),
        // VLAN tags, the outer ones too.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => ethertype(at16(data, 2)?, data.get(4..)?, left),
        0x8847 | 0x8848 => mpls(data, left),
        0x8864 => pppoe(data, left),
        0x880b => ppp(data, left),
        // Ethernet in something else.
        0x6558 => ethernet(data, left),
        0..MIN_ETHERTYPE => llc(data, left),
        _ => None,
    }
}

/// What Linux says of the protocol where it captures on all interfaces: a type of Ethernet's, or one of its own.
fn cooked(kind: u16, data: &[u8], left: u8) -> Option<&[u8]> {
    match kind {
        // IEEE 802.2.
        0x0004 => llc(data, left),
        // PPP, and frames without a type.
        0x0009 => ppp(data, left),
        0x0001 => version(data),
        kind => ethertype(kind, data, left),
    }
}

/// IEEE 802.2, with a type of Ethernet's in its SNAP header or with the number that IP has itself.
fn llc(data: &[u8], left: u8) -> Option<&[u8]> {
    match data.get(..3)? {
        [0xaa, 0xaa, 0x03] => match data.get(3..6)? {
            // Those of Ethernet, of tunnelled bridges, and of Cisco's VLANs.
            [0, 0, 0 | 0xf8] => ethertype(at16(data, 6)?, data.get(8..)?, left),
            _ => None,
        },
        [0x06, 0x06, 0x03] => version(&data[3..]),
        _ => None,
    }
}

/// Labels (RFC 3032), up to the last one; the first bits after it tell what follows.
fn mpls(data: &[u8], left: u8) -> Option<&[u8]> {
    let labels = data.chunks_exact(4).take(usize::from(MAX_HEADERS));
    let count = 1 + labels.take_while(|label| label[2] & 1 == 0).count();
    let inner = data.get(4 * count..)?;
    // The control word of a pseudowire begins with zeros (RFC 4385).
    if inner.first()? >> 4 == 0 { ethernet(inner.get(4..)?, left.checked_sub(1)?) } else { version(inner) }
}

pub(super) fn in_mpls(data: &[u8]) -> Option<&[u8]> {
    mpls(data, MAX_HEADERS)
}

fn pppoe(data: &[u8], left: u8) -> Option<&[u8]> {
    ppp(data.get(6..)?, left)
}

/// PPP (RFC 1661), with or without the HDLC-like header (RFC 1662), and Cisco's HDLC instead of it.
fn ppp(data: &[u8], left: u8) -> Option<&[u8]> {
    let data = match data.get(..2)? {
        [0x0f | 0x8f, _] => return ethertype(at16(data, 2)?, data.get(4..)?, left.checked_sub(1)?),
        [0xff, 0x03] => &data[2..],
        _ => data,
    };
    // A number whose first byte is odd has one byte only.
    let (kind, data) = match *data.first()? {
        odd if odd & 1 == 1 => (u16::from(odd), &data[1..]),
        _ => (at16(data, 0)?, data.get(2..)?),
    };
    match kind {
        0x0021 | 0x0057 => version(data),
        0x0281 | 0x0283 => mpls(data, left.checked_sub(1)?),
        _ => None,
    }
}

pub(super) fn in_ppp(data: &[u8]) -> Option<&[u8]> {
    ppp(data, MAX_HEADERS)
}

/// Frame Relay (RFC 2427): an address of two to four bytes, and the number of what follows.
fn frame_relay(data: &[u8], left: u8) -> Option<&[u8]> {
    let address_len = 1 + data.iter().take(4).position(|byte| byte & 1 == 1)?;
    let data = data.get(address_len..)?;
    // Cisco's own has a type of Ethernet's there.
    if matches!(at16(data, 0)?, 0x0800 | 0x86dd) {
        return version(data.get(2..)?);
    }
    let data = data.strip_prefix(&[0x03])?;
    let data = data.strip_prefix(&[0x00]).unwrap_or(data);
    match data.first()? {
        0xcc | 0x8e => version(&data[1..]),
        // SNAP, as after the three bytes of IEEE 802.2.
        0x80 if data.get(1..4)? == [0, 0, 0] => {
            ethertype(at16(data, 4)?, data.get(6..)?, left.checked_sub(1)?)
        }
        _ => None,
    }
}

/// Linux's log of its filter: attributes, one of which is the packet.
fn nflog(data: &[u8]) -> Option<&[u8]> {
    /// The kind of attribute that has the packet.
    const PAYLOAD: u16 = 9;
    let mut rest = data.get(4..)?;
    loop {
        // In the byte order of the machine, which nearly always is this one.
        let number = |at: usize| Some(u16::from_le_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let (len, kind) = (usize::from(number(0)?), number(2)?);
        if kind & 0x7fff == PAYLOAD {
            return version(rest.get(4..)?);
        }
        rest = rest.get(len.max(4).next_multiple_of(4)..)?;
    }
}

fn at8(data: &[u8], at: usize) -> Option<u8> {
    data.get(at).copied()
}

/// A number in network byte order.
pub(super) fn at16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn le32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}
