//! Turmoil's sockets, with the polling that they lack.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use crate::drive::net::{Datagrams, Listen, Net, Pending, Stream};

/// Turmoil's simulated network.
#[derive(Debug)]
pub(super) struct Turmoil;

impl Net for Turmoil {
    type Udp = Udp;
    type Listener = Listener;
    type Stream = TcpStream;

    async fn bind(local: SocketAddr, broadcast: bool) -> io::Result<Udp> {
        let socket = UdpSocket::bind(local).await?;
        socket.set_broadcast(broadcast)?;
        Ok(Udp { socket: Rc::new(socket), readable: None })
    }

    async fn listen(local: SocketAddr) -> io::Result<Listener> {
        Ok(Listener { socket: Rc::new(TcpListener::bind(local).await?), accepted: None })
    }

    fn connect(peer: SocketAddr) -> Pending<io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(peer))
    }
}

/// A datagram socket, and the wait for the next datagram.
pub(super) struct Udp {
    socket: Rc<UdpSocket>,
    readable: Option<Pending<io::Result<()>>>,
}

impl Datagrams for Udp {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    async fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        loop {
            match self.socket.try_recv_from(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
            let socket = &self.socket;
            let wait = self.readable.get_or_insert_with(|| {
                let socket = Rc::clone(socket);
                Box::pin(async move { socket.readable().await })
            });
            let woken = ready!(wait.as_mut().poll(cx));
            self.readable = None;
            woken?;
        }
    }

    fn poll_send(&mut self, _cx: &mut Context<'_>, bytes: &[u8], peer: SocketAddr) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.try_send_to(bytes, peer).map(|_| ()))
    }
}

/// A listening socket, and the wait for the next connection.
pub(super) struct Listener {
    socket: Rc<TcpListener>,
    accepted: Option<Pending<io::Result<(TcpStream, SocketAddr)>>>,
}

impl Listen for Listener {
    type Stream = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let socket = &self.socket;
        let wait = self.accepted.get_or_insert_with(|| {
            let socket = Rc::clone(socket);
            Box::pin(async move { socket.accept().await })
        });
        let accepted = ready!(wait.as_mut().poll(cx));
        self.accepted = None;
        Poll::Ready(accepted)
    }
}

impl Stream for TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn abort(self) {}
}
