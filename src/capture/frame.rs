//! Packets as bytes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Type, Icmpv6Type, IpEcn, IpHeaders, IpNumber, Ipv4Extensions,
    Ipv4Header, Ipv6Extensions, Ipv6Header, PacketBuilder, PacketBuilderStep, TcpHeader,
};

use crate::host::HostId;
use crate::machine::{Ecn, Peer, limits};
use crate::transcript::Packet;

/// How many bytes a TCP segment carries at most: those of IPv4 without the two headers. The loopback of Linux has it
/// as its maximum segment size, too, and IPv6 can carry more.
pub(super) const MAX_SEGMENT_LEN: usize = 65_495;
/// How much of a datagram comes back with a refusal over IPv4: the headers (RFC 792).
const QUOTED_LEN: usize = 28;
/// How much over IPv6: what a packet that every link can carry has room for (RFC 4443, 3.1).
const QUOTED_V6_LEN: usize = 1280 - 40 - 8;
/// Where the IP header begins.
const ETHERNET_LEN: usize = 14;
/// How many routers a packet may pass.
const HOPS: u8 = 64;
/// To one host, and without marks.
const PLAIN: (bool, Ecn) = (false, Ecn::NotEct);

/// Between whom a packet goes, over the internet. The sender stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) hosts: [HostId; 2],
    addresses: [SocketAddr; 2],
}

impl Ends {
    /// Those of a packet, unless it goes between Unix sockets: these have no packets.
    pub(super) fn of(packet: &Packet) -> Option<Self> {
        Self::between([packet.from, packet.to], packet.addresses)
    }

    pub(super) fn between(hosts: [HostId; 2], [from, to]: [Peer; 2]) -> Option<Self> {
        Some(Self { hosts, addresses: [from.inet()?, to.inet()?] })
    }

    /// The multicast group that it goes to, if it goes to one.
    pub(super) fn group(&self) -> Option<IpAddr> {
        Some(self.addresses[1].ip()).filter(IpAddr::is_multicast)
    }

    fn ports(&self) -> [u16; 2] {
        self.addresses.map(|address| address.port())
    }
}

/// Makes frames, and counts those of each sender.
#[derive(Default)]
pub(super) struct Framer {
    identifications: Vec<u16>,
}

impl Framer {
    /// A datagram with this ECN field, to everybody if `to_all`. What IP cannot carry is cut off.
    pub(super) fn datagram(&mut self, ends: Ends, to_all: bool, payload: &[u8], ecn: Ecn) -> Vec<u8> {
        let payload = &payload[..payload.len().min(limits::MAX_DATAGRAM_LEN)];
        let [from, to] = ends.ports();
        let step = self.ip(ends, (to_all, ecn), IpNumber::UDP).udp(from, to);
        let mut bytes = Vec::with_capacity(step.size(payload.len()));
        // It has at most as many bytes as there may be.
        let _ = step.write(&mut bytes, payload);
        bytes
    }

    /// Word that nobody takes what is sent to a port, with the datagram that was.
    pub(super) fn refusal(&mut self, ends: Ends, refused: &[u8]) -> Vec<u8> {
        let refused = refused.get(ETHERNET_LEN..).unwrap_or_default();
        let quoted = |len: usize| &refused[..refused.len().min(len)];
        let mut bytes = Vec::new();
        let _ = if ends.addresses[0].is_ipv6() {
            let kind = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Port);
            self.ip(ends, PLAIN, IpNumber::IPV6_ICMP).icmpv6(kind).write(&mut bytes, quoted(QUOTED_V6_LEN))
        } else {
            let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
            self.ip(ends, PLAIN, IpNumber::ICMP).icmpv4(kind).write(&mut bytes, quoted(QUOTED_LEN))
        };
        bytes
    }

    /// A segment of at most [`MAX_SEGMENT_LEN`] bytes.
    pub(super) fn segment(&mut self, ends: Ends, header: TcpHeader, payload: &[u8]) -> Vec<u8> {
        let step = self.ip(ends, PLAIN, IpNumber::TCP).tcp_header(header);
        let mut bytes = Vec::with_capacity(step.size(payload.len()));
        let _ = step.write(&mut bytes, payload);
        bytes
    }

    /// A packet that has its IP header already.
    pub(super) fn packet(ends: Ends, packet: &[u8]) -> Vec<u8> {
        let [from, to] = ends.hosts.map(station);
        let ether_type = if ends.addresses[0].is_ipv6() { EtherType::IPV6 } else { EtherType::IPV4 };
        let header = Ethernet2Header { source: from, destination: to, ether_type };
        [&header.to_bytes()[..], packet].concat()
    }

    fn ip(
        &mut self,
        ends: Ends,
        (to_all, ecn): (bool, Ecn),
        protocol: IpNumber,
    ) -> PacketBuilderStep<IpHeaders> {
        let [from, to] = ends.hosts;
        let group = ends.group();
        let to_station = if to_all { [0xff; 6] } else { group.map_or_else(|| station(to), group_station) };
        // What goes to a group stays on its network, unless more is asked for.
        let hops = if group.is_some() { 1 } else { HOPS };
        let link = PacketBuilder::ethernet2(station(from), to_station);
        match ends.addresses {
            [SocketAddr::V6(source), SocketAddr::V6(destination)] => {
                let header = Ipv6Header {
                    next_header: protocol,
                    hop_limit: hops,
                    traffic_class: ecn.bits(),
                    source: source.ip().octets(),
                    destination: destination.ip().octets(),
                    ..Ipv6Header::default()
                };
                link.ip(IpHeaders::Ipv6(header, Ipv6Extensions::default()))
            }
            [source, destination] => {
                let destination = if to_all { Ipv4Addr::BROADCAST } else { v4(destination) };
                let header = Ipv4Header {
                    identification: self.identify(from),
                    ecn: IpEcn::try_new(ecn.bits()).unwrap_or_default(),
                    dont_fragment: true,
                    time_to_live: hops,
                    protocol,
                    source: v4(source).octets(),
                    destination: destination.octets(),
                    ..Ipv4Header::default()
                };
                link.ip(IpHeaders::Ipv4(header, Ipv4Extensions::default()))
            }
        }
    }

    /// The number of the next packet of a host.
    fn identify(&mut self, from: HostId) -> u16 {
        if self.identifications.len() <= from.index() {
            self.identifications.resize(from.index() + 1, 0);
        }
        let identification = &mut self.identifications[from.index()];
        *identification = identification.wrapping_add(1);
        *identification
    }
}

fn v4(address: SocketAddr) -> Ipv4Addr {
    match address {
        SocketAddr::V4(address) => *address.ip(),
        // No packet goes from one family to the other.
        SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// The address of a host's network card: one of those that nobody assigns (IEEE 802, bit 2 of the first byte), with
/// the host's first address in it.
fn station(host: HostId) -> [u8; 6] {
    let [a, b, c, d] = host.v4(0).inet().map_or(Ipv4Addr::UNSPECIFIED, v4).octets();
    [0x02, 0, a, b, c, d]
}

/// The address to which network cards send what is for a group (RFC 1112, 6.4; RFC 2464, 7).
fn group_station(group: IpAddr) -> [u8; 6] {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
    }
}
