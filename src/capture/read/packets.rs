//! Packets of IP: what they carry, in fragments and in tunnels too.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{IpNumber, Ipv6ExtensionsSlice, LaxIpSlice, UdpHeaderSlice};

use super::Payload;
use super::fragments::{Fragments, Piece, Whole};
use super::links;
use crate::machine::Ecn;

/// How many packets stand in one another at most.
const MAX_DEPTH: u8 = 8;
const UDP_HEADER_LEN: usize = 8;
const TCP_HEADER_LEN: usize = 20;
/// The ports of tunnels through UDP: VXLAN (RFC 7348), as Linux had it before, and Geneve (RFC 8926).
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const GENEVE_PORT: u16 = 6081;
/// Ethernet in IP (RFC 3378): the number, and the length of its header.
const ETHER_IN_IP: IpNumber = IpNumber(97);
const ETHER_IN_IP_LEN: usize = 2;

/// What a packet comes to.
pub(super) enum Outcome {
    Found(Box<Found>),
    /// It is a piece of a packet that is not whole yet.
    Fragment,
    /// It was cut before its ports.
    Short,
    Other,
}

/// A packet of UDP or TCP.
pub(super) struct Found {
    /// When it was captured, or the first piece of it.
    pub(super) at: Duration,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) ecn: Ecn,
    pub(super) payload: Payload,
    pub(super) missing_len: usize,
}

/// What a packet carries, as far as it was captured.
#[derive(Clone, Copy)]
struct Carried<'a> {
    ends: (IpAddr, IpAddr),
    ecn: Ecn,
    number: IpNumber,
    bytes: &'a [u8],
    /// How many bytes follow that were not captured.
    missing_len: usize,
}

/// Reads packets, and keeps fragments until they are whole.
#[derive(Default)]
pub(super) struct Packets {
    fragments: Fragments,
}

impl Packets {
    /// Reads a packet of IP. The capture lacks its last `missing_len` bytes.
    pub(super) fn ip(&mut self, data: &[u8], missing_len: usize, at: Duration) -> Outcome {
        self.in_depth(data, missing_len, at, MAX_DEPTH)
    }

    /// How many fragments did not become a packet.
    pub(super) const fn useless_fragments(&self) -> usize {
        self.fragments.useless()
    }

    fn in_depth(&mut self, data: &[u8], missing_len: usize, at: Duration, depth: u8) -> Outcome {
        let Some(depth) = depth.checked_sub(1) else { return Outcome::Other };
        let lost = if missing_len > 0 { Outcome::Short } else { Outcome::Other };
        let Ok((ip, stop)) = LaxIpSlice::from_slice(data) else { return lost };
        if stop.is_some() {
            return lost;
        }
        // The length is not set yet where the network card is to cut a long packet: then all that there is belongs to it.
        let stated_len = match &ip {
            LaxIpSlice::Ipv4(ip) => {
                Some(usize::from(ip.header().total_len())).filter(|len| *len >= ip.header().slice().len())
            }
            LaxIpSlice::Ipv6(ip) => {
                let len = usize::from(ip.header().payload_length());
                (len > 0).then(|| len + ip.header().slice().len())
            }
        };
        let packet_len = stated_len.unwrap_or(data.len() + missing_len);
        let captured_len = data.len().min(packet_len);
        let carried = Carried {
            ends: (ip.source_addr(), ip.destination_addr()),
            ecn: ecn(&ip),
            number: ip.payload_ip_number(),
            bytes: ip.payload().payload,
            missing_len: packet_len - captured_len,
        };
        if !ip.is_fragmenting_payload() {
            return self.carried(carried, at, depth);
        }
        let Some(piece) = Piece::of(&ip, carried.missing_len) else { return Outcome::Other };
        let Some(whole) = self.fragments.add(piece, at) else { return Outcome::Fragment };
        let Whole { at, bytes, missing_len } = whole;
        let (number, bytes) = match ip {
            LaxIpSlice::Ipv4(_) => (carried.number, bytes.as_slice()),
            // Headers may stand behind that of the fragments.
            LaxIpSlice::Ipv6(_) => {
                let (_, number, rest, _) = Ipv6ExtensionsSlice::from_slice_lax(carried.number, &bytes);
                (number, rest)
            }
        };
        self.carried(Carried { number, bytes, missing_len, ..carried }, at, depth)
    }

    /// Reads what a whole packet carries.
    fn carried(&mut self, carried: Carried<'_>, at: Duration, depth: u8) -> Outcome {
        let Carried { bytes, missing_len, .. } = carried;
        let inner = match carried.number {
            IpNumber::UDP => return self.datagram(carried, at, depth),
            IpNumber::TCP => return segment(carried, at),
            IpNumber::IPV4 | IpNumber::IPV6 => Some(bytes),
            IpNumber::GRE => in_gre(bytes),
            IpNumber::MPLS_IN_IP => links::in_mpls(bytes),
            ETHER_IN_IP => bytes.get(ETHER_IN_IP_LEN..).and_then(links::in_ethernet),
            _ => None,
        };
        inner.map_or(Outcome::Other, |inner| self.in_depth(inner, missing_len, at, depth))
    }

    fn datagram(&mut self, carried: Carried<'_>, at: Duration, depth: u8) -> Outcome {
        let Carried { ends, ecn, bytes, missing_len, .. } = carried;
        let Ok(header) = UdpHeaderSlice::from_slice(bytes) else {
            return if missing_len > 0 { Outcome::Short } else { Outcome::Other };
        };
        let there_len = bytes.len() + missing_len;
        let len = match usize::from(header.length()) {
            0 => there_len,
            len if (UDP_HEADER_LEN..=there_len).contains(&len) => len,
            _ => return Outcome::Other,
        };
        let payload = &bytes[UDP_HEADER_LEN..len.min(bytes.len())];
        let missing_len = len - UDP_HEADER_LEN - payload.len();
        if let Some(inner) = in_tunnel(header.destination_port(), payload) {
            let outcome = self.in_depth(inner, missing_len, at, depth);
            if !matches!(outcome, Outcome::Other) {
                return outcome;
            }
        }
        Outcome::Found(Box::new(Found {
            at,
            from: (ends.0, header.source_port()).into(),
            to: (ends.1, header.destination_port()).into(),
            ecn,
            payload: Payload::Datagram(payload.to_vec()),
            missing_len,
        }))
    }
}

/// The ECN field of a packet. A packet in fragments has the field of the fragment that completes it.
fn ecn(ip: &LaxIpSlice<'_>) -> Ecn {
    Ecn::from_bits(match ip {
        LaxIpSlice::Ipv4(ip) => ip.header().ecn().value(),
        LaxIpSlice::Ipv6(ip) => ip.header().ecn().value(),
    })
}

/// What a datagram to the port of a tunnel carries, if it looks like that.
fn in_tunnel(port: u16, payload: &[u8]) -> Option<&[u8]> {
    if VXLAN_PORTS.contains(&port) {
        let is_vxlan = payload.get(..8)?[0] == 0x08 && payload[1..4] == [0; 3] && payload[7] == 0;
        return if is_vxlan { links::in_ethernet(&payload[8..]) } else { None };
    }
    if port == GENEVE_PORT {
        let begin = *payload.first()?;
        let is_geneve = begin >> 6 == 0;
        let options_len = 4 * usize::from(begin & 0x3f);
        let inner = payload.get(8 + options_len..)?;
        return if is_geneve { links::in_ethertype(links::at16(payload, 2)?, inner) } else { None };
    }
    None
}

/// Generic Routing Encapsulation (RFC 2784, with the fields of RFC 2890 and of RFC 2637, which carries PPP).
fn in_gre(bytes: &[u8]) -> Option<&[u8]> {
    let (flags, kind) = (links::at16(bytes, 0)?, links::at16(bytes, 2)?);
    let has = |flag: u16| usize::from(flags & flag != 0);
    match flags & 7 {
        // Checksum, key and sequence number. Routes (RFC 1701) are of no fixed length.
        0 if flags & 0x4000 == 0 => {
            links::in_ethertype(kind, bytes.get(4 + 4 * (has(0x8000) + has(0x2000) + has(0x1000))..)?)
        }
        1 => links::in_ppp(bytes.get(8 + 4 * (has(0x1000) + has(0x0080))..)?),
        _ => None,
    }
}

/// Reads a segment of TCP, of whose header the first 20 bytes are enough.
fn segment(carried: Carried<'_>, at: Duration) -> Outcome {
    let Carried { ends, ecn, bytes, missing_len, .. } = carried;
    let Some(header) = bytes.first_chunk::<TCP_HEADER_LEN>() else {
        return if missing_len > 0 { Outcome::Short } else { Outcome::Other };
    };
    let number16 = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let number32 = |at: usize| u32::from(number16(at)) << 16 | u32::from(number16(at + 2));
    let header_len = 4 * usize::from(header[12] >> 4);
    let there_len = bytes.len() + missing_len;
    if !(TCP_HEADER_LEN..=there_len).contains(&header_len) {
        return Outcome::Other;
    }
    let payload = bytes.get(header_len..).unwrap_or_default();
    let has = |flag: u8| header[13] & flag != 0;
    Outcome::Found(Box::new(Found {
        at,
        from: (ends.0, number16(0)).into(),
        to: (ends.1, number16(2)).into(),
        ecn,
        payload: Payload::Segment {
            sequence: number32(4),
            acknowledgment: has(0x10).then(|| number32(8)),
            syn: has(0x02),
            fin: has(0x01),
            rst: has(0x04),
            bytes: payload.to_vec(),
        },
        missing_len: there_len - header_len - payload.len(),
    }))
}
