//! The line between smoltcp and the network: packets in, packets out, and how addresses and moments are called.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as Tick;
use smoltcp::wire::{
    IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpAddress, IpEndpoint, Ipv4Packet, Ipv6Packet, TcpPacket, TcpSeqNumber,
};

use crate::machine::Peer;
use crate::time::Instant;

/// The line of one end while it is polled: at most one packet comes in, any number goes out.
pub(super) struct Line<'a> {
    pub(super) mtu: u16,
    pub(super) incoming: Option<&'a [u8]>,
    pub(super) outgoing: &'a mut Vec<Vec<u8>>,
}

pub(super) struct Incoming<'a>(&'a [u8]);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

pub(super) struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let written = write(&mut packet);
        self.0.push(packet);
        written
    }
}

impl Device for Line<'_> {
    type RxToken<'b>
        = Incoming<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Outgoing<'b>
    where
        Self: 'b;

    fn receive(&mut self, _now: Tick) -> Option<(Incoming<'_>, Outgoing<'_>)> {
        let packet = self.incoming.take()?;
        Some((Incoming(packet), Outgoing(self.outgoing)))
    }

    fn transmit(&mut self, _now: Tick) -> Option<Outgoing<'_>> {
        Some(Outgoing(self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(self.mtu);
        capabilities
    }
}

/// A moment as smoltcp has it, in whole microseconds.
pub(super) fn tick(now: Instant) -> Tick {
    // 2^64 nanoseconds are fewer than 2^63 microseconds.
    Tick::from_micros((now.as_nanos() / 1_000).cast_signed())
}

/// A moment of smoltcp's.
pub(super) const fn moment(tick: Tick) -> Instant {
    Instant::from_nanos(tick.total_micros().cast_unsigned().saturating_mul(1_000))
}

/// An address as smoltcp has it; `None` for that of a Unix socket.
pub(super) const fn endpoint(peer: &Peer) -> Option<IpEndpoint> {
    match *peer {
        Peer::V4 { ip, port } => Some(IpEndpoint { addr: IpAddress::Ipv4(ip), port }),
        Peer::V6 { ip, port, .. } => Some(IpEndpoint { addr: IpAddress::Ipv6(ip), port }),
        Peer::Unix(_) => None,
    }
}

/// How long the header before the segment is, in bytes. smoltcp writes neither options nor extensions.
pub(crate) const fn ip_header_len(packet: &[u8]) -> usize {
    match packet {
        [first, ..] if *first >> 4 == 6 => IPV6_HEADER_LEN,
        _ => IPV4_HEADER_LEN,
    }
}

fn segment(packet: &[u8]) -> Option<TcpPacket<&[u8]>> {
    TcpPacket::new_checked(packet.get(ip_header_len(packet)..)?).ok()
}

/// Whether a packet asks for a connection: it has SYN and no ACK.
pub(super) fn is_syn(packet: &[u8]) -> bool {
    segment(packet).is_some_and(|segment| segment.syn() && !segment.ack())
}

/// With which number a direction begins, if a packet says so: it has SYN.
pub(crate) fn sequence_number(packet: &[u8]) -> Option<u32> {
    segment(packet).filter(TcpPacket::syn).map(|segment| segment.seq_number().0.cast_unsigned())
}

/// What a packet acknowledges.
pub(super) fn ack_number(packet: &[u8]) -> Option<u32> {
    segment(packet).filter(TcpPacket::ack).map(|segment| segment.ack_number().0.cast_unsigned())
}

/// The acknowledgement in a whole packet that neither opens nor resets a connection, as a packet of its own with this
/// sequence number, and whether the packet has nothing else; `None` if it has that number itself, and nothing else.
pub(super) fn bare_ack(packet: &[u8], number: u32) -> Option<(Vec<u8>, bool)> {
    let segment = segment(packet)?;
    let (header_len, ip_len) = (usize::from(segment.header_len()), ip_header_len(packet));
    let [source, peer] = addresses(packet)?;
    let is_ack = segment.ack() && !segment.syn() && !segment.rst() && segment.verify_checksum(&source, &peer);
    let is_bare = segment.payload().is_empty() && !segment.fin();
    let number = TcpSeqNumber(number.cast_signed());
    if !is_ack || is_bare && segment.seq_number() == number {
        return None;
    }
    let mut bare = packet[..ip_len + header_len].to_vec();
    let (ip, tcp) = bare.split_at_mut(ip_len);
    if ip_len == IPV6_HEADER_LEN {
        Ipv6Packet::new_unchecked(ip).set_payload_len(header_len as u16);
    } else {
        let mut ip = Ipv4Packet::new_unchecked(ip);
        ip.set_total_len((ip_len + header_len) as u16);
        ip.fill_checksum();
    }
    let mut tcp = TcpPacket::new_unchecked(tcp);
    tcp.set_seq_number(number);
    tcp.set_fin(false);
    tcp.fill_checksum(&source, &peer);
    Some((bare, is_bare))
}

/// Who sends a packet, and to whom.
fn addresses(packet: &[u8]) -> Option<[IpAddress; 2]> {
    if ip_header_len(packet) == IPV6_HEADER_LEN {
        let ip = Ipv6Packet::new_checked(packet).ok()?;
        return Some([ip.src_addr().into(), ip.dst_addr().into()]);
    }
    let ip = Ipv4Packet::new_checked(packet).ok()?;
    Some([ip.src_addr().into(), ip.dst_addr().into()])
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{IpProtocol, Ipv4Address, Ipv6Address};

    use super::*;

    /// A segment with an end and three bytes, numbered 5, which acknowledges 9.
    fn packet(is_v6: bool) -> Vec<u8> {
        let (source, peer) = (Ipv6Address::LOCALHOST, Ipv6Address::LOCALHOST);
        let ip_len = if is_v6 { IPV6_HEADER_LEN } else { IPV4_HEADER_LEN };
        let mut packet = vec![0; ip_len + 23];
        let mut tcp = TcpPacket::new_unchecked(&mut packet[ip_len..]);
        tcp.set_src_port(1);
        tcp.set_dst_port(2);
        tcp.set_header_len(20);
        tcp.set_seq_number(TcpSeqNumber(5));
        tcp.set_ack_number(TcpSeqNumber(9));
        tcp.set_ack(true);
        tcp.set_fin(true);
        tcp.payload_mut().copy_from_slice(b"abc");
        if is_v6 {
            tcp.fill_checksum(&source.into(), &peer.into());
            let mut ip = Ipv6Packet::new_unchecked(&mut packet);
            ip.set_version(6);
            ip.set_payload_len(23);
            ip.set_next_header(IpProtocol::Tcp);
            ip.set_src_addr(source);
            ip.set_dst_addr(peer);
        } else {
            let host = Ipv4Address::LOCALHOST;
            tcp.fill_checksum(&host.into(), &host.into());
            let mut ip = Ipv4Packet::new_unchecked(&mut packet);
            ip.set_version(4);
            ip.set_header_len(20);
            ip.set_total_len(43);
            ip.set_next_header(IpProtocol::Tcp);
            ip.set_src_addr(host);
            ip.set_dst_addr(host);
            ip.fill_checksum();
        }
        packet
    }

    #[test]
    fn an_acknowledgement_is_taken_out_of_a_whole_packet() {
        for is_v6 in [false, true] {
            let packet = packet(is_v6);
            let (bare, is_all) = bare_ack(&packet, 7).expect("it acknowledges");
            assert!(!is_all);
            let [source, peer] = addresses(&bare).expect("it is one of IP, and no longer than it says");
            let tcp = segment(&bare).expect("it has a segment");
            assert!(tcp.verify_checksum(&source, &peer) && !tcp.fin() && tcp.payload().is_empty());
            assert_eq!((tcp.seq_number().0, tcp.ack_number().0), (7, 9));
            // What has nothing else is all, and needs no other if it has the number.
            assert!(bare_ack(&bare, 8).is_some_and(|(_, is_all)| is_all));
            assert_eq!(bare_ack(&bare, 7), None);
            for at in ip_header_len(&packet)..packet.len() {
                let mut altered = packet.clone();
                altered[at] ^= 1;
                assert_eq!(bare_ack(&altered, 7), None, "byte {at}");
            }
        }
    }

    #[test]
    fn what_opens_or_resets_has_none() {
        let ip_len = IPV4_HEADER_LEN;
        let set: [fn(&mut TcpPacket<&mut [u8]>); 3] =
            [|tcp| tcp.set_syn(true), |tcp| tcp.set_rst(true), |tcp| tcp.set_ack(false)];
        for set in set {
            let mut packet = packet(false);
            let mut tcp = TcpPacket::new_unchecked(&mut packet[ip_len..]);
            set(&mut tcp);
            tcp.fill_checksum(&Ipv4Address::LOCALHOST.into(), &Ipv4Address::LOCALHOST.into());
            assert_eq!(bare_ack(&packet, 7), None);
        }
    }
}
