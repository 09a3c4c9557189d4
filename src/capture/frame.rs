//! Packets as bytes.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{
    Icmpv4Type, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, PacketBuilder, PacketBuilderStep, TcpHeader,
};

use crate::host::HostId;
use crate::machine::limits;

/// How many bytes a TCP segment carries at most: those of IPv4 without the two headers. The loopback of Linux has it
/// as its maximum segment size, too.
pub(super) const MAX_SEGMENT_LEN: usize = 65_495;
/// How much of a datagram comes back with a refusal: the headers (RFC 792).
const QUOTED_LEN: usize = 28;
/// Where the IP header begins.
const ETHERNET_LEN: usize = 14;
/// How many routers a packet may pass.
const HOPS: u8 = 64;

/// Makes frames, and counts those of each sender.
#[derive(Default)]
pub(super) struct Framer {
    identifications: Vec<u16>,
}

impl Framer {
    /// A datagram; a receiver of `None` is everybody. What IPv4 cannot carry is cut off.
    pub(super) fn datagram(
        &mut self,
        from: HostId,
        to: Option<HostId>,
        ports: [u16; 2],
        payload: &[u8],
    ) -> Vec<u8> {
        let payload = &payload[..payload.len().min(limits::MAX_DATAGRAM_LEN)];
        let step = self.ip(from, to, IpNumber::UDP).udp(ports[0], ports[1]);
        let mut bytes = Vec::with_capacity(step.size(payload.len()));
        // It has at most as many bytes as there may be.
        let _ = step.write(&mut bytes, payload);
        bytes
    }

    /// Word that nobody takes what is sent to a port, with the datagram that was.
    pub(super) fn refusal(&mut self, from: HostId, to: HostId, refused: &[u8]) -> Vec<u8> {
        let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
        let quoted = refused.get(ETHERNET_LEN..ETHERNET_LEN + QUOTED_LEN).unwrap_or_default();
        let mut bytes = Vec::new();
        let _ = self.ip(from, Some(to), IpNumber::ICMP).icmpv4(kind).write(&mut bytes, quoted);
        bytes
    }

    /// A segment of at most [`MAX_SEGMENT_LEN`] bytes.
    pub(super) fn segment(&mut self, from: HostId, to: HostId, header: TcpHeader, payload: &[u8]) -> Vec<u8> {
        let step = self.ip(from, Some(to), IpNumber::TCP).tcp_header(header);
        let mut bytes = Vec::with_capacity(step.size(payload.len()));
        let _ = step.write(&mut bytes, payload);
        bytes
    }

    fn ip(&mut self, from: HostId, to: Option<HostId>, protocol: IpNumber) -> PacketBuilderStep<IpHeaders> {
        if self.identifications.len() <= from.index() {
            self.identifications.resize(from.index() + 1, 0);
        }
        let identification = &mut self.identifications[from.index()];
        *identification = identification.wrapping_add(1);
        let destination = to.map_or(Ipv4Addr::BROADCAST, address);
        let header = Ipv4Header {
            identification: *identification,
            dont_fragment: true,
            time_to_live: HOPS,
            protocol,
            source: address(from).octets(),
            destination: destination.octets(),
            ..Ipv4Header::default()
        };
        let to_station = to.map_or([0xff; 6], station);
        PacketBuilder::ethernet2(station(from), to_station)
            .ip(IpHeaders::Ipv4(header, Ipv4Extensions::default()))
    }
}

/// The address of a host.
pub(super) fn address(host: HostId) -> Ipv4Addr {
    match host.v4(0).inet().map(|addr| addr.ip()) {
        Some(IpAddr::V4(ip)) => ip,
        // Simulated hosts have addresses of IPv4.
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

/// The address of a host's network card: one of those that nobody assigns (IEEE 802, bit 2 of the first byte), with
/// the host's address in it.
fn station(host: HostId) -> [u8; 6] {
    let [a, b, c, d] = address(host).octets();
    [0x02, 0, a, b, c, d]
}
