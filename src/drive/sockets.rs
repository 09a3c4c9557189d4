//! The sockets of one machine: reading, writing, accepting, connecting. What happens on them is reported raw; what it
//! means to the machine is decided by who holds them.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tracing::{debug, trace};

use super::error::needs_broadcast;
use super::net::{Datagrams, Listen, Net, Pending, Stream as _};
use super::ready::{Ready, StreamWaker};
use super::stream::Stream;
use super::{DriveError, Endpoint};
use crate::machine::{Peer, limits};

/// How many datagrams wait at most for the socket to take them; what comes on top is lost, as datagrams may be.
const MAX_UNSENT_DATAGRAMS: usize = 1024;
/// How long no connection is accepted after the system could not hand one over, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Something that happened on a socket. Streams are named by dense ids of their own.
#[derive(Debug)]
pub(super) enum Raw {
    /// A datagram of this length is in the buffer that [`Sockets::lend`] lends.
    Datagram { from: Peer, len: usize },
    /// A datagram of the connected socket was refused.
    Refused,
    /// A stream was accepted.
    Accepted { id: u32, peer: Peer },
    /// A stream that was asked for stands, or does not.
    Dialed { id: u32, result: io::Result<()> },
    /// So many bytes of a stream are in the buffer that [`Sockets::lend`] lends.
    Read { id: u32, len: usize },
    /// The peer's direction has ended.
    Eof { id: u32 },
    /// The system has taken so many bytes.
    Wrote { id: u32, len: usize },
    /// Everything is written and this direction has ended.
    ShutDown { id: u32 },
    /// The stream is broken.
    Broken { id: u32 },
}

/// All sockets of one machine.
pub(super) struct Sockets<N: Net> {
    datagrams: Option<N::Datagrams>,
    unsent: VecDeque<(Peer, Vec<u8>)>,
    /// A datagram that could not be sent, where that is no loss but a mistake.
    failure: Option<DriveError>,
    listener: Option<N::Listener>,
    accept_pause: Option<Pending<()>>,
    streams: Vec<Option<Stream<N::Stream>>>,
    vacant: Vec<u32>,
    dialing: Vec<(u32, Pending<io::Result<N::Stream>>)>,
    ready: Arc<Ready>,
    /// Streams that want to be looked at.
    look: VecDeque<u32>,
    /// What calls from outside have caused, to be reported first.
    caused: VecDeque<Raw>,
    buf: Box<[u8]>,
    /// The peer of the connected datagram socket.
    connected: Option<Peer>,
    /// Whether the datagram socket may send broadcasts.
    broadcast: bool,
}

impl<N: Net> Sockets<N> {
    /// Opens what a machine gets before it starts.
    pub(super) async fn open(endpoint: Endpoint) -> Result<Self, DriveError> {
        let mut sockets = Self {
            datagrams: None,
            unsent: VecDeque::new(),
            failure: None,
            listener: None,
            accept_pause: None,
            streams: Vec::new(),
            vacant: Vec::new(),
            dialing: Vec::new(),
            ready: Arc::default(),
            look: VecDeque::new(),
            caused: VecDeque::new(),
            buf: vec![0; limits::MAX_READ_LEN].into_boxed_slice(),
            connected: None,
            broadcast: false,
        };
        match endpoint {
            Endpoint::Datagram { bind, connect, broadcast } => {
                let open = |source| DriveError::Open { action: "bind", peer: Box::new(bind), source };
                let mut datagrams = N::bind(bind, broadcast).await.map_err(open)?;
                if let Some(to) = connect {
                    let open = |source| DriveError::Open { action: "connect to", peer: Box::new(to), source };
                    datagrams.connect(to).await.map_err(open)?;
                }
                sockets.datagrams = Some(datagrams);
                sockets.connected = connect;
                sockets.broadcast = broadcast;
            }
            Endpoint::Listener { bind } => {
                let open = |source| DriveError::Open { action: "listen on", peer: Box::new(bind), source };
                sockets.listener = Some(N::listen(bind).await.map_err(open)?);
            }
            Endpoint::Dialer => {}
        }
        Ok(sockets)
    }

    /// The address that is bound, if one is.
    pub(super) fn local(&self) -> Option<Peer> {
        let bound = self.datagrams.as_ref().and_then(|socket| socket.local_addr().ok());
        bound.or_else(|| self.listener.as_ref().and_then(|socket| socket.local_addr().ok()))
    }

    /// Lends the buffer in which what came in last is, to be given back before anything else comes in.
    pub(super) fn lend(&mut self) -> Box<[u8]> {
        std::mem::take(&mut self.buf)
    }

    /// Takes the buffer back.
    pub(super) fn take_back(&mut self, buf: Box<[u8]>) {
        self.buf = buf;
    }

    /// Accepts nothing more.
    pub(super) fn stop_listening(&mut self) {
        self.listener = None;
    }

    /// Sends a datagram, or keeps it until the socket takes it.
    pub(super) fn send(&mut self, peer: Peer, bytes: &[u8]) {
        if self.unsent.is_empty()
            && self.send_now(&mut Context::from_waker(Waker::noop()), peer, bytes).is_ready()
        {
            return;
        }
        if self.unsent.len() < MAX_UNSENT_DATAGRAMS {
            self.unsent.push_back((peer, bytes.to_vec()));
        } else {
            debug!(%peer, len = bytes.len(), "send failed: too many datagrams wait");
        }
    }

    /// Offers a datagram to the socket. What the system refuses for another reason than being busy is lost, but for a
    /// broadcast: nobody would ever hear one.
    fn send_now(&mut self, cx: &mut Context<'_>, peer: Peer, bytes: &[u8]) -> Poll<()> {
        let Some(socket) = &mut self.datagrams else { return Poll::Ready(()) };
        let mut sent = ready!(socket.poll_send(cx, bytes, peer));
        match sent {
            Err(error) if is_mistake(self.broadcast, peer, &error) => {
                debug!(%peer, %error, "send failed");
                self.failure.get_or_insert(DriveError::Send { peer: Box::new(peer), source: error });
                return Poll::Ready(());
            }
            Err(error) if is_refusal(&error) => {
                // The refusal of a datagram before: this one has not been sent yet.
                self.caused.push_back(Raw::Refused);
                sent = ready!(socket.poll_send(cx, bytes, peer));
            }
            _ => {}
        }
        match sent {
            Ok(()) => trace!(%peer, len = bytes.len(), "sent"),
            Err(error) => debug!(%peer, %error, "send failed"),
        }
        Poll::Ready(())
    }

    /// Why a broadcast could not be sent, if that has happened.
    pub(super) fn take_failure(&mut self) -> Option<DriveError> {
        self.failure.take()
    }

    /// Begins to open a stream.
    pub(super) fn dial(&mut self, peer: Peer) -> u32 {
        let id = self.insert(None);
        self.dialing.push((id, N::connect(peer)));
        id
    }

    /// Adds bytes to what is to be written; [`Sockets::flush`] writes it.
    pub(super) fn write(&mut self, id: u32, bytes: &[u8]) {
        if let Some(stream) = self.stream(id) {
            stream.write(bytes);
        }
    }

    /// Ends this direction once everything is written.
    pub(super) fn shutdown(&mut self, id: u32) {
        if let Some(stream) = self.stream(id) {
            stream.shutdown();
        }
    }

    /// Reads from a stream, or not.
    pub(super) fn set_reading(&mut self, id: u32, reading: bool) {
        if let Some(stream) = self.stream(id) {
            stream.reading = reading;
            self.look.push_back(id);
        }
    }

    /// Resets a stream and forgets it.
    pub(super) fn abort(&mut self, id: u32) {
        if let Some(socket) = self.take(id).and_then(|stream| stream.socket) {
            socket.abort();
        }
    }

    /// Closes a stream and forgets it.
    pub(super) fn remove(&mut self, id: u32) {
        drop(self.take(id));
    }

    /// This end's address of a stream that stands.
    pub(super) fn stream_local(&self, id: u32) -> io::Result<Peer> {
        let socket = self.streams.get(id as usize).and_then(|stream| stream.as_ref()?.socket.as_ref());
        socket.ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// How many streams there are.
    pub(super) fn stream_count(&self) -> usize {
        self.streams.len() - self.vacant.len()
    }

    /// Whether no datagram waits for the socket.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Writes as much of a stream as the system takes now.
    pub(super) fn flush(&mut self, id: u32) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        while let Some(raw) = stream.poll_write(id) {
            self.caused.push_back(raw);
        }
        if stream.is_failed() {
            // What the peer had sent before is still to be read.
            self.look.push_back(id);
        }
    }

    fn stream(&mut self, id: u32) -> Option<&mut Stream<N::Stream>> {
        self.streams.get_mut(id as usize)?.as_mut()
    }

    fn take(&mut self, id: u32) -> Option<Stream<N::Stream>> {
        let stream = self.streams.get_mut(id as usize)?.take()?;
        self.vacant.push(id);
        self.dialing.retain(|(dialed, _)| *dialed != id);
        self.caused.retain(|raw| raw.stream() != Some(id));
        Some(stream)
    }

    fn insert(&mut self, socket: Option<N::Stream>) -> u32 {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() as u32 - 1
        });
        let waker = StreamWaker::new(id, &self.ready);
        self.streams[id as usize] = Some(Stream::new(socket, waker));
        self.look.push_back(id);
        id
    }

    /// The next thing that happens. Datagrams go before connections, and those before what streams bring.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Raw, DriveError>> {
        if let Some(raw) = self.caused.pop_front() {
            return Poll::Ready(Ok(raw));
        }
        self.ready.register(cx.waker());
        if let Poll::Ready(raw) = self.poll_datagrams(cx) {
            return Poll::Ready(raw);
        }
        if let Some(raw) = self.poll_accept(cx).or_else(|| self.poll_dialing(cx)) {
            return Poll::Ready(Ok(raw));
        }
        self.ready.take(&mut self.look);
        while let Some(id) = self.look.pop_front() {
            if let Some(raw) = self.poll_stream(id) {
                return Poll::Ready(Ok(raw));
            }
        }
        Poll::Pending
    }

    fn poll_datagrams(&mut self, cx: &mut Context<'_>) -> Poll<Result<Raw, DriveError>> {
        while let Some((peer, bytes)) = self.unsent.pop_front() {
            if self.send_now(cx, peer, &bytes).is_pending() {
                self.unsent.push_front((peer, bytes));
                break;
            }
        }
        if let Some(failure) = self.take_failure() {
            return Poll::Ready(Err(failure));
        }
        let Some(socket) = &mut self.datagrams else { return Poll::Pending };
        match ready!(socket.poll_recv(cx, &mut self.buf)) {
            Ok((len, from)) => Poll::Ready(Ok(Raw::Datagram { from, len })),
            Err(error) if self.connected.is_some() && is_refusal(&error) => Poll::Ready(Ok(Raw::Refused)),
            Err(error) => Poll::Ready(Err(DriveError::Socket(error))),
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Option<Raw> {
        let listener = self.listener.as_mut()?;
        if let Some(pause) = &mut self.accept_pause {
            if pause.as_mut().poll(cx).is_pending() {
                return None;
            }
            self.accept_pause = None;
        }
        loop {
            match listener.poll_accept(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok((socket, peer))) => {
                    return Some(Raw::Accepted { id: self.insert(Some(socket)), peer });
                }
                // The client has gone before it was its turn: nothing is lost.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Poll::Ready(Err(error)) => {
                    debug!(%error, "accept paused");
                    let mut pause: Pending<()> = Box::pin(tokio::time::sleep(ACCEPT_PAUSE));
                    if pause.as_mut().poll(cx).is_pending() {
                        self.accept_pause = Some(pause);
                        return None;
                    }
                }
            }
        }
    }

    fn poll_dialing(&mut self, cx: &mut Context<'_>) -> Option<Raw> {
        for index in 0..self.dialing.len() {
            let (id, dialed) = &mut self.dialing[index];
            if let Poll::Ready(result) = dialed.as_mut().poll(cx) {
                let id = *id;
                drop(self.dialing.swap_remove(index));
                let result = result.map(|socket| {
                    if let Some(stream) = self.stream(id) {
                        stream.socket = Some(socket);
                    }
                    self.look.push_back(id);
                });
                return Some(Raw::Dialed { id, result });
            }
        }
        None
    }

    /// Writes what is left and reads one slice.
    fn poll_stream(&mut self, id: u32) -> Option<Raw> {
        let stream = self.streams.get_mut(id as usize)?.as_mut()?;
        stream.waker.taken();
        let raw = stream.poll_write(id).or_else(|| stream.poll_read(id, &mut self.buf))?;
        // There may be more: it is looked at again, after the others.
        self.look.push_back(id);
        Some(raw)
    }
}

impl Raw {
    const fn stream(&self) -> Option<u32> {
        match *self {
            Self::Accepted { id, .. }
            | Self::Dialed { id, .. }
            | Self::Read { id, .. }
            | Self::Eof { id }
            | Self::Wrote { id, .. }
            | Self::ShutDown { id }
            | Self::Broken { id } => Some(id),
            Self::Datagram { .. } | Self::Refused => None,
        }
    }
}

/// Whether an error of a datagram socket tells what became of a datagram before, by ICMP or by a Unix socket that is no
/// longer connected here, and not of the socket.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}

/// Whether a datagram that was refused is a broadcast. The broadcast address of one network only the system knows, and
/// shows it where the socket lacks the option.
fn is_mistake(may_broadcast: bool, peer: Peer, error: &io::Error) -> bool {
    let Some(SocketAddr::V4(addr)) = peer.inet() else { return false };
    *addr.ip() == Ipv4Addr::BROADCAST || (!may_broadcast && needs_broadcast(error))
}
