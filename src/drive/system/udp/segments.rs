//! Datagrams of one length to one peer, which the system takes as one and cuts at the end of its way (`UDP_SEGMENT`,
//! udp(7)). All that it does for each of them it does once: a third of the time, on the loopback.

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use nix::libc::{
    EINVAL, EIO, EOPNOTSUPP, IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, MSG_DONTWAIT, SOL_UDP,
    UDP_SEGMENT, in6_pktinfo,
};
use socket2::{MsgHdr, SockAddr, SockRef};
use tokio::net::UdpSocket;

use crate::machine::Peer;

/// How many datagrams make it pay.
const MIN_COUNT: usize = 4;
/// How many the system takes at most.
const MAX_COUNT: usize = 64;
/// How many bytes it takes at most, over either family.
const MAX_ALL_LEN: usize = 65_507;
/// How long a datagram is at most: every network carries so much, whereas a longer one might have to be cut itself.
const MAX_LEN: usize = 1_232;

/// Whether datagrams are sent so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segments {
    /// Wherever it pays.
    Tried,
    /// No: the socket is connected, and an error would be another datagram's; or the system has refused it.
    Off,
}

impl Segments {
    /// Sends the first of these datagrams together, if it pays, from this one of the socket's addresses if it is to be
    /// chosen; says how many. None if they are to be sent in another way.
    pub(super) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        source: Option<Peer>,
        mut datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> Option<io::Result<usize>> {
        if *self == Self::Off {
            return None;
        }
        let (peer, first) = datagrams.next().filter(|(_, bytes)| (1..=MAX_LEN).contains(&bytes.len()))?;
        let mut slices = [IoSlice::new(&[]); MAX_COUNT];
        slices[0] = IoSlice::new(first);
        let (mut count, mut all_len, mut is_last) = (1, first.len(), false);
        for (addr, bytes) in datagrams {
            let fits = (1..=first.len()).contains(&bytes.len()) && all_len + bytes.len() <= MAX_ALL_LEN;
            if addr != peer || !fits || is_last || count == MAX_COUNT {
                break;
            }
            slices[count] = IoSlice::new(bytes);
            (count, all_len) = (count + 1, all_len + bytes.len());
            // Only the last one may be shorter.
            is_last = bytes.len() < first.len();
        }
        if count < MIN_COUNT {
            return None;
        }
        let (addr, control) = (SockAddr::from(peer), Control::new(first.len() as u16, source));
        let header = MsgHdr::new().with_addr(&addr).with_buffers(&slices[..count]);
        let header = header.with_control(control.bytes());
        match SockRef::from(socket).sendmsg(&header, MSG_DONTWAIT) {
            Ok(_) => Some(Ok(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Err(error)),
            Err(error) => {
                // Nothing has gone out. What is wrong with a datagram is found when it is sent by itself.
                if matches!(error.raw_os_error(), Some(EIO | EINVAL | EOPNOTSUPP)) {
                    *self = Self::Off;
                }
                None
            }
        }
    }
}

/// Messages to the system beside the payload, as cmsg(3) has them: none of the crates here makes them without allocating.
struct Control {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl Control {
    const HEADER_LEN: usize = size_of::<usize>() + 2 * size_of::<i32>();
    /// Two of them, and room for what they end with.
    const MAX_LEN: usize = 2 * (Self::HEADER_LEN + size_of::<in6_pktinfo>() + size_of::<usize>());

    /// How long each datagram is, and where they leave.
    fn new(segment_len: u16, source: Option<Peer>) -> Self {
        let mut control = Self { bytes: [0; Self::MAX_LEN], len: 0 };
        control.put(SOL_UDP, UDP_SEGMENT, &segment_len.to_ne_bytes());
        match source {
            // The interface is the system's choice: four zeros. So is what comes last.
            Some(Peer::V4 { ip, .. }) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                control.put(IPPROTO_IP, IP_PKTINFO, &info);
            }
            Some(Peer::V6 { ip, scope, .. }) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&ip.octets());
                info[16..].copy_from_slice(&scope.to_ne_bytes());
                control.put(IPPROTO_IPV6, IPV6_PKTINFO, &info);
            }
            Some(Peer::Unix(_)) | None => {}
        }
        control
    }

    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let header_len = (Self::HEADER_LEN + data.len()).to_ne_bytes();
        for part in [&header_len[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data] {
            self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
            self.len += part.len();
        }
        // The next one begins where a word does.
        self.len = self.len.next_multiple_of(size_of::<usize>());
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as StdSocket;

    use tokio::runtime::Builder;

    use super::*;

    /// Sends datagrams of these lengths, and gives how many went together.
    fn sent_together(lens: &[usize], source: Option<Peer>) -> Option<usize> {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let (socket, peer) = (StdSocket::bind("0.0.0.0:0").unwrap(), StdSocket::bind("127.0.0.1:0").unwrap());
        socket.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(socket).unwrap();
        let addr = peer.local_addr().unwrap();
        let all: Vec<Vec<u8>> = (1..).zip(lens).map(|(fill, len)| vec![fill; *len]).collect();
        let datagrams = all.iter().map(|bytes| (addr, bytes.as_slice()));
        let count = Segments::Tried.send(&socket, source, datagrams).map(Result::unwrap);
        let mut buffer = [0; 2 * MAX_LEN];
        for bytes in &all[..count.unwrap_or(0)] {
            let (len, from) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], bytes);
            let ip = source.map_or(addr.ip(), |source| source.ip().unwrap());
            assert_eq!(from.ip(), ip);
        }
        count
    }

    #[test]
    fn what_goes_together_arrives_one_by_one() {
        assert_eq!(sent_together(&[5; 4], None), Some(4));
        assert_eq!(sent_together(&[5; 3], None), None, "too few to pay");
        assert_eq!(sent_together(&[5, 5, 5, 4, 5], None), Some(4), "the last may be shorter, and ends it");
        assert_eq!(sent_together(&[5, 5, 5, 5, 6], None), Some(4), "none may be longer");
        assert_eq!(sent_together(&[5, 5, 5, 5, 0], None), Some(4), "nor empty");
        assert_eq!(sent_together(&[1; MAX_COUNT + 1], None), Some(MAX_COUNT));
        assert_eq!(sent_together(&[MAX_LEN; MAX_COUNT], None), Some(MAX_ALL_LEN / MAX_LEN));
        assert_eq!(sent_together(&[MAX_LEN + 1; 4], None), None);
        let source = "127.0.0.7:9".parse().unwrap();
        assert_eq!(sent_together(&[5; 4], Some(source)), Some(4));
    }

    #[test]
    fn datagrams_to_several_peers_do_not_go_together() {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let socket = StdSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(socket).unwrap();
        let peers: [SocketAddr; 2] = ["127.0.0.1:9".parse().unwrap(), "127.0.0.1:10".parse().unwrap()];
        let datagrams = (0..8).map(|index| (peers[index % 2], &b"x"[..]));
        assert!(Segments::Tried.send(&socket, None, datagrams).is_none());
    }
}
