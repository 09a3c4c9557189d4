//! The sockets of a network, as the driver needs them: tokio's and turmoil's are nearly the same, and this is where they
//! are made equal.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UdpSocket;

/// A future that is kept beside others of its kind.
pub(super) type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// A network that has sockets.
pub(super) trait Net: 'static {
    type Udp: Datagrams;
    type Listener: Listen<Stream = Self::Stream>;
    type Stream: Stream;

    /// Opens a datagram socket; with `broadcast` it may send to everybody.
    fn bind(local: SocketAddr, broadcast: bool) -> impl Future<Output = io::Result<Self::Udp>>;

    /// Opens a listening stream socket.
    fn listen(local: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>>;

    /// Opens a stream.
    fn connect(peer: SocketAddr) -> Pending<io::Result<Self::Stream>>;
}

/// A datagram socket.
pub(super) trait Datagrams {
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Takes datagrams from this peer alone from now on.
    fn connect(&mut self, peer: SocketAddr) -> impl Future<Output = io::Result<()>>;
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>>;
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8], peer: SocketAddr) -> Poll<io::Result<()>>;
}

/// A listening stream socket.
pub(super) trait Listen {
    type Stream;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;
}

/// A stream socket.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Closes it so that the peer sees a reset.
    fn abort(self);
}

/// The operating system's sockets.
#[derive(Debug)]
pub(super) struct System;

impl Net for System {
    type Udp = Udp;
    type Listener = tokio::net::TcpListener;
    type Stream = tokio::net::TcpStream;

    async fn bind(local: SocketAddr, broadcast: bool) -> io::Result<Self::Udp> {
        // No SO_REUSEADDR: with it a second server would bind silently.
        let socket = UdpSocket::bind(local).await?;
        if broadcast {
            socket.set_broadcast(true)?;
        }
        Ok(Udp { socket: Rc::new(socket), refusal: None })
    }

    async fn listen(local: SocketAddr) -> io::Result<Self::Listener> {
        let socket = match local {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A restart at once works although connections of the run before are in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(local)?;
        socket.listen(1024)
    }

    fn connect(peer: SocketAddr) -> Pending<io::Result<Self::Stream>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(peer).await?;
            // What a machine writes is a message: it does not wait for more.
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// A datagram socket, and once it is connected the wait for the next refusal.
pub(super) struct Udp {
    socket: Rc<UdpSocket>,
    refusal: Option<Pending<io::Error>>,
}

impl Udp {
    /// Waits for the socket's error. A refusal does not make a socket readable, so whoever only waits to read hears of
    /// it no sooner than when sending again.
    fn next_refusal(&self) -> Pending<io::Error> {
        let socket = Rc::clone(&self.socket);
        let take = move || async move {
            loop {
                socket.ready(Interest::ERROR).await?;
                let taken = socket.try_io(Interest::ERROR, || {
                    socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
                });
                match taken {
                    // A send has taken it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    taken => return taken,
                }
            }
        };
        Box::pin(async move { take().await.unwrap_or_else(|error| error) })
    }
}

impl Datagrams for Udp {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    async fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer).await?;
        self.refusal = Some(self.next_refusal());
        Ok(())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buf = ReadBuf::new(buf);
        if let Poll::Ready(received) = self.socket.poll_recv_from(cx, &mut buf) {
            return Poll::Ready(received.map(|peer| (buf.filled().len(), peer)));
        }
        let Some(refusal) = &mut self.refusal else { return Poll::Pending };
        let refused = ready!(refusal.as_mut().poll(cx));
        self.refusal = Some(self.next_refusal());
        Poll::Ready(Err(refused))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8], peer: SocketAddr) -> Poll<io::Result<()>> {
        self.socket.poll_send_to(cx, bytes, peer).map_ok(|_| ())
    }
}

impl Listen for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        Self::poll_accept(self, cx).map(|accepted| {
            let (stream, peer) = accepted?;
            // A client that has gone already is found out by reading, not here.
            let _ = stream.set_nodelay(true);
            Ok((stream, peer))
        })
    }
}

impl Stream for tokio::net::TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn abort(self) {
        // Zero lingering makes the close a reset (socket(7)); where it cannot be set the close is an ordinary one.
        let _ = self.set_zero_linger();
    }
}
