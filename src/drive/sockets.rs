//! The sockets of one machine: reading, writing, accepting, connecting. What happens on them is reported raw; what it
//! means to the machine is decided by who holds them.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::datagrams::Datagrams;
use super::inbox::Inbox;
use super::listener::Listener;
use super::net::{Net, Stream as _};
use super::ready::{Ready, SocketWaker};
use super::stream::{Socket, Spare, Stream};
use super::{DriveError, Endpoint};
use crate::machine::{Peer, limits};

/// Something that happened on a socket. Streams are named by dense ids of their own.
#[derive(Debug)]
pub(super) enum Raw {
    /// Datagrams are in the inbox that [`Sockets::lend_inbox`] lends.
    Datagrams,
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

/// The ids of the sockets that are no streams.
const DATAGRAMS: u32 = u32::MAX;
const LISTENER: u32 = u32::MAX - 1;

/// All sockets of one machine.
pub(super) struct Sockets<N: Net> {
    datagrams: Option<(Datagrams<N::Datagrams>, SocketWaker)>,
    listener: Option<(Listener<N::Listener>, SocketWaker)>,
    streams: Vec<Option<Stream<N::Stream>>>,
    vacant: Vec<u32>,
    ready: Arc<Ready>,
    /// Whom `ready` wakes.
    task: Option<Waker>,
    /// Sockets that want to be looked at.
    look: VecDeque<u32>,
    /// Streams that want to be flushed.
    dirty: Vec<u32>,
    /// What calls from outside have caused, to be reported first.
    caused: VecDeque<Raw>,
    buf: Box<[u8]>,
    spare: Spare,
}

impl<N: Net> Sockets<N> {
    /// Opens what a machine gets before it starts. With `shared` others may be bound to the same address.
    pub(super) async fn open(endpoint: Endpoint, shared: bool) -> Result<Self, DriveError> {
        let ready = Arc::default();
        let (mut datagrams, mut listener, mut look) = (None, None, VecDeque::new());
        match endpoint {
            Endpoint::Datagram { bind, connect, broadcast } => {
                let opened = Datagrams::open::<N>(bind, connect, broadcast, shared).await?;
                datagrams = Some((opened, SocketWaker::new(DATAGRAMS, &ready)));
                look.push_back(DATAGRAMS);
            }
            Endpoint::Listener { bind } => {
                let open = |source| DriveError::Open { action: "listen on", peer: Box::new(bind), source };
                let opened = N::listen(bind, shared).await.map_err(open)?;
                listener = Some((Listener::new(opened), SocketWaker::new(LISTENER, &ready)));
                look.push_back(LISTENER);
            }
            Endpoint::Dialer => {}
        }
        Ok(Self {
            datagrams,
            listener,
            streams: Vec::new(),
            vacant: Vec::new(),
            ready,
            task: None,
            look,
            dirty: Vec::new(),
            caused: VecDeque::new(),
            buf: vec![0; limits::MAX_READ_LEN].into_boxed_slice(),
            spare: Spare::default(),
        })
    }

    /// The address that is bound, if one is.
    pub(super) fn local(&self) -> Option<Peer> {
        let bound = self.datagrams.as_ref().and_then(|(socket, _)| socket.local());
        bound.or_else(|| self.listener.as_ref().and_then(|(socket, _)| socket.local()))
    }

    /// Whether there is a datagram socket.
    pub(super) const fn has_datagrams(&self) -> bool {
        self.datagrams.is_some()
    }

    /// Lends the buffer in which what a stream brought last is, to be given back before anything else comes in.
    pub(super) fn lend(&mut self) -> Box<[u8]> {
        mem::take(&mut self.buf)
    }

    /// Takes the buffer back.
    pub(super) fn take_back(&mut self, buf: Box<[u8]>) {
        self.buf = buf;
    }

    /// Lends the datagrams that came in last, to be given back before anything else comes in.
    pub(super) fn lend_inbox(&mut self) -> Inbox {
        self.datagrams.as_mut().map(|(datagrams, _)| mem::take(&mut datagrams.inbox)).unwrap_or_default()
    }

    /// Takes the inbox back.
    pub(super) fn take_back_inbox(&mut self, inbox: Inbox) {
        if let Some((datagrams, _)) = &mut self.datagrams {
            datagrams.inbox = inbox;
        }
    }

    /// Accepts nothing more.
    pub(super) fn stop_listening(&mut self) {
        self.listener = None;
    }

    /// Sends datagrams, or keeps them until the socket takes them.
    pub(super) fn send<'a>(&mut self, datagrams: impl Iterator<Item = (Peer, &'a [u8])> + Clone) {
        if let Some((socket, _)) = &mut self.datagrams
            && socket.send(datagrams)
        {
            self.look.push_back(DATAGRAMS);
        }
    }

    /// Why a broadcast could not be sent, if that has happened.
    pub(super) fn take_failure(&mut self) -> Option<DriveError> {
        self.datagrams.as_mut().and_then(|(socket, _)| socket.take_failure())
    }

    /// Begins to open a stream.
    pub(super) fn dial(&mut self, peer: Peer) -> u32 {
        self.insert(Socket::Dialing(N::connect(peer)))
    }

    /// Adds bytes to what is to be written when the stream is flushed.
    pub(super) fn write(&mut self, id: u32, mut bytes: &[u8]) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        if stream.is_direct(bytes.len()) {
            let len = stream.write_now(bytes);
            if len > 0 {
                self.caused.push_back(Raw::Wrote { id, len });
                bytes = &bytes[len..];
            }
        }
        if !bytes.is_empty() {
            stream.write(bytes, &mut self.spare);
            self.soil(id);
        }
    }

    /// Ends this direction once everything is written.
    pub(super) fn shutdown(&mut self, id: u32) {
        if let Some(stream) = self.stream(id) {
            stream.shutdown();
            self.soil(id);
        }
    }

    /// Notes that a stream is to be flushed.
    fn soil(&mut self, id: u32) {
        if let Some(stream) = self.stream(id)
            && !mem::replace(&mut stream.is_dirty, true)
        {
            self.dirty.push(id);
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
        if let Some(Socket::Open(socket)) = self.take(id).map(|stream| stream.socket) {
            socket.abort();
        }
    }

    /// Closes a stream and forgets it.
    pub(super) fn remove(&mut self, id: u32) {
        drop(self.take(id));
    }

    /// This end's address of a stream that was accepted. The system has to be asked only where the listener takes
    /// streams at several.
    pub(super) fn accepted_local(&self, id: u32) -> io::Result<Peer> {
        let local = self.listener.as_ref().and_then(|(listener, _)| listener.only_local());
        local.map_or_else(|| self.stream_local(id), Ok)
    }

    /// This end's address of a stream that stands.
    pub(super) fn stream_local(&self, id: u32) -> io::Result<Peer> {
        let socket = self.streams.get(id as usize).and_then(|stream| stream.as_ref()?.socket.open());
        socket.ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// How many streams there are.
    pub(super) fn stream_count(&self) -> usize {
        self.streams.len() - self.vacant.len()
    }

    /// Whether no datagram waits for the socket.
    pub(super) fn is_flushed(&self) -> bool {
        self.datagrams.as_ref().is_none_or(|(socket, _)| socket.is_flushed())
    }

    /// Writes as much of all streams as the system takes now: everything that has gathered for one in one call.
    pub(super) fn flush_all(&mut self) {
        for index in 0..self.dirty.len() {
            self.flush(self.dirty[index]);
        }
        self.dirty.clear();
    }

    /// Writes as much of a stream as the system takes now.
    pub(super) fn flush(&mut self, id: u32) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        if !mem::take(&mut stream.is_dirty) {
            return;
        }
        while let Some(raw) = stream.poll_write(id) {
            self.caused.push_back(raw);
        }
        stream.rest(&mut self.spare);
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
        self.caused.retain(|raw| raw.stream() != Some(id));
        Some(stream)
    }

    fn insert(&mut self, socket: Socket<N::Stream>) -> u32 {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() as u32 - 1
        });
        let waker = SocketWaker::new(id, &self.ready);
        self.streams[id as usize] = Some(Stream::new(socket, waker));
        self.look.push_back(id);
        id
    }

    /// The next thing that happens. Each socket is looked at in turn for as long as it has more.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Raw, DriveError>> {
        if let Some(raw) = self.caused.pop_front() {
            return Poll::Ready(Ok(raw));
        }
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.ready.register(cx.waker());
            self.task = Some(cx.waker().clone());
        }
        self.ready.take(&mut self.look);
        while let Some(id) = self.look.pop_front() {
            let raw = match id {
                DATAGRAMS => self.poll_datagrams(),
                LISTENER => self.poll_accept().map(Ok),
                id => self.poll_stream(id).map(Ok),
            };
            if let Some(raw) = raw {
                // There may be more: it is looked at again, after the others.
                self.look.push_back(id);
                return Poll::Ready(raw);
            }
        }
        Poll::Pending
    }

    fn poll_datagrams(&mut self) -> Option<Result<Raw, DriveError>> {
        let (socket, waker) = self.datagrams.as_mut()?;
        waker.taken();
        ready(socket.poll(&mut waker.context()))
    }

    fn poll_accept(&mut self) -> Option<Raw> {
        let (listener, waker) = self.listener.as_mut()?;
        waker.taken();
        let (socket, peer) = ready(listener.poll(&mut waker.context()))?;
        Some(Raw::Accepted { id: self.insert(Socket::Open(socket)), peer })
    }

    /// Writes what is left and reads one slice.
    fn poll_stream(&mut self, id: u32) -> Option<Raw> {
        let stream = self.streams.get_mut(id as usize)?.as_mut()?;
        stream.waker.taken();
        if let Some(dialed) = stream.poll_dial(id) {
            return Some(dialed);
        }
        // What is dirty is flushed with all that gathers for it until then.
        if !stream.is_dirty
            && let Some(raw) = stream.poll_write(id)
        {
            stream.rest(&mut self.spare);
            return Some(raw);
        }
        stream.poll_read(id, &mut self.buf)
    }
}

fn ready<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(ready) => Some(ready),
        Poll::Pending => None,
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
            Self::Datagrams | Self::Refused => None,
        }
    }
}
