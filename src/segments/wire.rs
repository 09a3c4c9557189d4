//! The line between smoltcp and the network: packets in, packets out, and how addresses and moments are called.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as Tick;
use smoltcp::wire::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpAddress, IpEndpoint, TcpPacket};

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
