//! What a NAT reads and writes in a packet of TCP over IPv4.

use std::ops::Range;

use super::Flags;
use crate::machine::Peer;

/// How long the IP header is: smoltcp writes no options.
const IP_HEADER_LEN: usize = 20;
const IP_CHECKSUM: Range<usize> = 10..12;
const SOURCE: Range<usize> = 12..16;
const DESTINATION: Range<usize> = 16..20;
const SOURCE_PORT: Range<usize> = IP_HEADER_LEN..IP_HEADER_LEN + 2;
const DESTINATION_PORT: Range<usize> = IP_HEADER_LEN + 2..IP_HEADER_LEN + 4;
const FLAGS: usize = IP_HEADER_LEN + 13;
const TCP_CHECKSUM: Range<usize> = IP_HEADER_LEN + 16..IP_HEADER_LEN + 18;

/// The flags of a packet's segment; none if it was cut off before them.
pub(crate) fn flags(packet: &[u8]) -> Flags {
    let bits = packet.get(FLAGS).copied().unwrap_or_default();
    Flags { syn: bits & 0x02 != 0, fin: bits & 0x01 != 0, rst: bits & 0x04 != 0 }
}

/// Gives a packet another address: as its source, or as its destination. What is cut off stays so. The checksums follow the
/// change alone, so that a packet which was altered on its way does not become right by this.
pub(crate) fn translate(packet: &mut [u8], address: Peer, is_source: bool) {
    let Peer::V4 { ip, port } = address else { return };
    let (ip_at, port_at) = if is_source { (SOURCE, SOURCE_PORT) } else { (DESTINATION, DESTINATION_PORT) };
    replace(packet, ip_at, &ip.octets(), &[IP_CHECKSUM, TCP_CHECKSUM]);
    replace(packet, port_at, &port.to_be_bytes(), &[TCP_CHECKSUM]);
}

/// Puts whole words into a packet, and brings checksums up to date (RFC 1624, equation 3).
fn replace(packet: &mut [u8], at: Range<usize>, new: &[u8], checksums: &[Range<usize>]) {
    let words = |bytes: &[u8]| -> u32 {
        bytes.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum()
    };
    let Some(old) = packet.get_mut(at) else { return };
    // The sum of the old words with all their bits inverted, and of the new ones.
    let change = 0xffff * (old.len() as u32 / 2) - words(old) + words(new);
    old.copy_from_slice(new);
    for checksum in checksums {
        let Some(Ok(kept)) = packet.get(checksum.clone()).map(TryInto::try_into) else { continue };
        let mut sum = u32::from(!u16::from_be_bytes(kept)) + change;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        packet[checksum.clone()].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpAddress, Ipv4Packet, TcpPacket};

    use super::*;

    const SERVER: &str = "10.0.0.1:80";

    fn peer(text: &str) -> Peer {
        text.parse().unwrap()
    }

    /// A packet with right checksums, from 192.168.0.3:49152 to the server.
    fn packet(payload: &[u8]) -> Vec<u8> {
        use smoltcp::wire::{Ipv4Repr, TcpControl, TcpRepr, TcpSeqNumber};
        let segment = TcpRepr {
            src_port: 49_152,
            dst_port: 80,
            control: TcpControl::Psh,
            seq_number: TcpSeqNumber(77),
            ack_number: Some(TcpSeqNumber(99)),
            window_len: 1_000,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let ip = Ipv4Repr {
            src_addr: [192, 168, 0, 3].into(),
            dst_addr: [10, 0, 0, 1].into(),
            next_header: smoltcp::wire::IpProtocol::Tcp,
            payload_len: segment.buffer_len(),
            hop_limit: 64,
        };
        let mut bytes = vec![0; IP_HEADER_LEN + segment.buffer_len()];
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut bytes[..]), &ChecksumCapabilities::default());
        segment.emit(
            &mut TcpPacket::new_unchecked(&mut bytes[IP_HEADER_LEN..]),
            &ip.src_addr.into(),
            &ip.dst_addr.into(),
            &ChecksumCapabilities::default(),
        );
        bytes
    }

    /// Whether the checksums of IP and of TCP are right.
    fn are_right(bytes: &[u8]) -> [bool; 2] {
        let ip = Ipv4Packet::new_unchecked(bytes);
        let (source, destination) = (IpAddress::from(ip.src_addr()), IpAddress::from(ip.dst_addr()));
        let segment = TcpPacket::new_unchecked(&bytes[IP_HEADER_LEN..]);
        [ip.verify_checksum(), segment.verify_checksum(&source, &destination)]
    }

    #[test]
    fn checksums_stay_right_whatever_the_address() {
        for payload in [&b"even"[..], b"odd"] {
            for text in ["203.0.113.7:20000", "0.0.0.0:0", "255.255.255.255:65535", "192.168.0.3:49152"] {
                for is_source in [true, false] {
                    let mut bytes = packet(payload);
                    assert_eq!(are_right(&bytes), [true; 2]);
                    translate(&mut bytes, peer(text), is_source);
                    assert_eq!(are_right(&bytes), [true; 2], "{text} {is_source}");
                    let (ip, port) = (Ipv4Packet::new_unchecked(&bytes[..]), &bytes[IP_HEADER_LEN..]);
                    let port = TcpPacket::new_unchecked(port);
                    let [source, destination] = [
                        Peer::V4 { ip: ip.src_addr(), port: port.src_port() },
                        Peer::V4 { ip: ip.dst_addr(), port: port.dst_port() },
                    ];
                    let expected = if is_source {
                        [peer(text), peer(SERVER)]
                    } else {
                        [peer("192.168.0.3:49152"), peer(text)]
                    };
                    assert_eq!([source, destination], expected);
                }
            }
        }
    }

    #[test]
    fn what_was_altered_stays_wrong() {
        let whole = packet(b"bytes");
        for at in IP_HEADER_LEN..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            translate(&mut bytes, peer("203.0.113.7:20000"), false);
            assert_eq!(are_right(&bytes), [true, false], "{at}");
        }
    }

    #[test]
    fn what_was_cut_off_is_not_missed() {
        let whole = packet(b"bytes");
        for len in 0..whole.len() {
            let mut bytes = whole[..len].to_vec();
            translate(&mut bytes, peer("203.0.113.7:20000"), true);
            let is_reset = flags(&bytes).rst;
            assert_eq!((bytes.len(), is_reset), (len, false));
        }
    }

    #[test]
    fn flags_are_those_of_the_segment() {
        let mut bytes = packet(b"");
        for (bits, expected) in
            [(0x02, [true, false, false]), (0x11, [false, true, false]), (0x14, [false, false, true])]
        {
            bytes[FLAGS] = bits;
            let Flags { syn, fin, rst } = flags(&bytes);
            assert_eq!([syn, fin, rst], expected);
        }
    }
}
