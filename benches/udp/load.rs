//! What asks: one thread with one connected socket, the same for every server.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use crate::support::clock;

/// How many requests are outstanding where there are many.
pub(crate) const WINDOW: usize = 64;
/// How many replies are awaited before as many requests follow: the other half keeps the server busy meanwhile, and
/// a call for each half costs the load little.
const HALF: usize = WINDOW / 2;
/// After so long without a reply whatever is outstanding is taken for lost, and asked again.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a datagram is at most.
const MAX_LEN: usize = 128;

/// Asks one request again and again, with so many outstanding, and compares each reply with what is expected.
pub(crate) struct Load {
    socket: UdpSocket,
    window: usize,
    request: &'static [u8],
    reply: &'static [u8],
    sending: MultiHeaders<SockaddrIn>,
    receiving: MultiHeaders<SockaddrIn>,
    buffers: [[u8; MAX_LEN]; HALF],
}

impl Load {
    pub(crate) fn new(
        server: SocketAddr,
        window: usize,
        request: &'static [u8],
        reply: &'static [u8],
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
        socket.connect(server).expect("a datagram socket can be connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
        // The default of Linux holds some 250 datagrams as small as these; a larger one is a wish.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20);
        Self {
            socket,
            window,
            request,
            reply,
            sending: MultiHeaders::preallocate(WINDOW, None),
            receiving: MultiHeaders::preallocate(HALF, None),
            buffers: [[0; MAX_LEN]; HALF],
        }
    }

    /// How long so many requests take, up to the last reply.
    pub(crate) fn run(&mut self, requests: u64) -> Duration {
        let begin = clock();
        if self.window == 1 {
            for _ in 0..requests {
                self.ask_one();
            }
        } else {
            self.ask_many(requests as usize);
        }
        clock() - begin
    }

    fn ask_one(&mut self) {
        let [buffer, ..] = &mut self.buffers;
        loop {
            self.socket.send(self.request).expect("the loopback takes it");
            match self.socket.recv(buffer) {
                Ok(len) => return assert_eq!(&buffer[..len], self.reply),
                Err(error) if error.kind() == ErrorKind::WouldBlock => note_lost(1),
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    fn ask_many(&mut self, requests: usize) {
        let (mut asked, mut answered) = (0, 0);
        while answered < requests {
            let free = (self.window - (asked - answered)).min(requests - asked);
            if free > 0 {
                asked += self.send(free);
            }
            let outstanding = asked - answered;
            let wanted = outstanding.min(HALF);
            let came = self.receive(wanted);
            answered += came;
            if came < wanted {
                note_lost(outstanding - came);
                asked = answered;
            }
        }
    }

    /// Sends so many requests, and says how many went.
    fn send(&mut self, count: usize) -> usize {
        let slices = [[IoSlice::new(self.request)]; WINDOW];
        let (fd, to) = (self.socket.as_raw_fd(), [None::<SockaddrIn>; WINDOW]);
        let sent = sendmmsg(fd, &mut self.sending, &slices[..count], to, [], MsgFlags::empty());
        sent.expect("the loopback takes them").count()
    }

    /// Waits for so many replies; fewer come only if one is late.
    fn receive(&mut self, count: usize) -> usize {
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let fd = self.socket.as_raw_fd();
        match recvmmsg(fd, &mut self.receiving, &mut slices[..count], MsgFlags::empty(), None) {
            Ok(replies) => {
                let compared = replies.map(|reply| assert_eq!(reply.iovs().next(), Some(self.reply)));
                compared.count()
            }
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(error) => panic!("no replies: {error}"),
        }
    }
}

/// A loss makes a sample slow, and whoever reads the figures should know.
fn note_lost(count: usize) {
    eprintln!("up to {count} datagrams were lost");
}
