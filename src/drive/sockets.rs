//! The sockets of one machine: reading, writing, accepting, connecting. What happens on them is reported raw; what it
//! means to the machine is decided by who holds them.

mod fixed;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::datagrams::Datagrams;
use super::gathered::{Gathered, Last};
use super::inbox::Inbox;
use super::listener::Listener;
use super::net::{Binding, DatagramSocket as _, Manner, Net, Stream as _};
use super::ready::{Ready, SocketWaker};
use super::stream::{Socket, Spare, Stream};
use super::{DriveError, Endpoint};
use crate::machine::{Peer, limits};

/// Something that happened on a socket. Streams are named by dense ids of their own.
#[derive(Debug)]
pub(super) enum Raw {
    /// Datagrams are in the inbox that [`Sockets::lend_inbox`] lends.
    Datagrams,
    /// A datagram of a connected socket was refused.
    Refused { peer: Peer, local: Peer },
    /// A stream was accepted, at this address if it is known.
    Accepted { id: u32, peer: Peer, local: Option<Peer> },
    /// A stream cannot be accepted, for the process or the system has no descriptor left.
    Crowded { listener: usize },
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

/// The ids of sockets that are no streams begin here, in the order in which they were opened.
const FIRST_FIXED: u32 = 1 << 31;

/// A socket that a machine has from its start.
enum Fixed<N: Net> {
    Datagrams(Box<Datagrams<N::Datagrams>>),
    Listener(Listener<N::Listener>),
    /// It accepts nothing more.
    Closed,
}

/// All sockets of one machine.
pub(super) struct Sockets<N: Net> {
    fixed: Vec<(Fixed<N>, SocketWaker)>,
    streams: Vec<Option<Stream<N::Stream>>>,
    /// What each of them has of what was gathered, beside them: where one message goes to many, nothing else is touched.
    parts: Vec<Range<u32>>,
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
    /// What a datagram socket has received last.
    inbox: Inbox,
    /// What was written to streams since the last [`Sockets::flush_all`].
    gathered: Gathered,
    spare: Spare,
}

impl<N: Net> Sockets<N> {
    /// Opens what a machine gets before it starts.
    pub(super) async fn open(endpoints: &[Endpoint], manner: Manner) -> Result<Self, DriveError> {
        let ready = Arc::default();
        let (mut fixed, mut look, mut has_datagrams) = (Vec::new(), VecDeque::new(), false);
        // One IPv6 socket takes both families, unless the machine has one for the other.
        let has_v4 = endpoints.iter().any(|endpoint| matches!(endpoint.bind(), Peer::V4 { .. }));
        for (id, &endpoint) in (FIRST_FIXED..).zip(endpoints) {
            let local = endpoint.bind();
            let only_v6 = has_v4 && matches!(local, Peer::V6 { .. });
            let binding = Binding { local, broadcast: false, manner, only_v6 };
            let socket = match endpoint {
                Endpoint::Datagram { connect, broadcast, .. } => {
                    has_datagrams = true;
                    let opened = Datagrams::open::<N>(Binding { broadcast, ..binding }, connect).await?;
                    Fixed::Datagrams(Box::new(opened))
                }
                Endpoint::Listener { .. } => {
                    let open =
                        |source| DriveError::Open { action: "listen on", peer: Box::new(local), source };
                    Fixed::Listener(Listener::new(N::listen(binding).await.map_err(open)?))
                }
            };
            fixed.push((socket, SocketWaker::new(id, &ready)));
            look.push_back(id);
        }
        Ok(Self {
            fixed,
            streams: Vec::new(),
            parts: Vec::new(),
            vacant: Vec::new(),
            ready,
            task: None,
            look,
            dirty: Vec::new(),
            caused: VecDeque::new(),
            buf: vec![0; limits::MAX_READ_LEN].into_boxed_slice(),
            inbox: if has_datagrams { Inbox::new(N::Datagrams::MAX_BATCH) } else { Inbox::default() },
            gathered: Gathered::default(),
            spare: Spare::default(),
        })
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
        mem::take(&mut self.inbox)
    }

    /// Takes the inbox back.
    pub(super) fn take_back_inbox(&mut self, inbox: Inbox) {
        self.inbox = inbox;
    }

    /// Begins to open a stream.
    pub(super) fn dial(&mut self, peer: Peer) -> u32 {
        self.insert(Socket::Dialing(N::connect(peer)))
    }

    /// Adds bytes to what is to be written by [`Sockets::flush_all`].
    #[inline]
    pub(super) fn write<'e>(&mut self, id: u32, bytes: &'e [u8], last: &mut Last<'e>) {
        if let Some(part) = self.parts.get_mut(id as usize)
            && part.start < part.end
        {
            let more = self.gathered.put(bytes, last);
            if more.start == part.end {
                part.end = more.end;
            } else {
                self.write_apart(id, more);
            }
        } else {
            self.write_first(id, bytes, last);
        }
    }

    /// The same for what does not follow what the stream has: that is copied.
    fn write_apart(&mut self, id: u32, more: Range<u32>) {
        let part = mem::replace(&mut self.parts[id as usize], more);
        if let Some(Some(stream)) = self.streams.get_mut(id as usize) {
            stream.keep(self.gathered.get(&part), &mut self.spare);
        }
    }

    /// The same for a stream that has nothing yet.
    fn write_first<'e>(&mut self, id: u32, mut bytes: &'e [u8], last: &mut Last<'e>) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        if stream.is_direct(bytes.len()) {
            let len = stream.write_now(bytes);
            if len > 0 {
                self.caused.push_back(Raw::Wrote { id, len });
                bytes = &bytes[len..];
            }
        }
        if !bytes.is_empty() && !stream.is_failed() {
            self.parts[id as usize] = self.gathered.put(bytes, last);
            if !mem::replace(&mut stream.is_dirty, true) {
                self.dirty.push(id);
            }
        }
    }

    /// Writes bytes with nothing that may come after them, and what is there already before them.
    pub(super) fn write_alone(&mut self, id: u32, bytes: &[u8]) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        let part = mem::take(&mut self.parts[id as usize]);
        stream.keep(self.gathered.get(&part), &mut self.spare);
        stream.keep(bytes, &mut self.spare);
        stream.is_dirty = true;
        self.flush(id);
    }

    /// Ends this direction once everything is written.
    pub(super) fn shutdown(&mut self, id: u32) {
        if let Some(Some(stream)) = self.streams.get_mut(id as usize) {
            stream.shutdown();
            if !mem::replace(&mut stream.is_dirty, true) {
                self.dirty.push(id);
            }
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

    /// This end's address of a stream that stands.
    pub(super) fn stream_local(&self, id: u32) -> io::Result<Peer> {
        let socket = self.streams.get(id as usize).and_then(|stream| stream.as_ref()?.socket.open());
        socket.ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// Whether something is on its way out of a stream, or nobody listens to it.
    pub(super) fn is_busy(&self, id: u32) -> bool {
        let stream = self.streams.get(id as usize).and_then(Option::as_ref);
        stream.is_some_and(|stream| stream.is_busy() || !self.parts[id as usize].is_empty())
    }

    /// How many streams there are.
    pub(super) fn stream_count(&self) -> usize {
        self.streams.len() - self.vacant.len()
    }

    /// Writes as much of all streams as the system takes now: everything that has gathered for one in one call.
    pub(super) fn flush_all(&mut self) {
        for index in 0..self.dirty.len() {
            self.flush(self.dirty[index]);
        }
        self.dirty.clear();
        self.gathered.clear();
    }

    /// Writes as much of a stream as the system takes now.
    pub(super) fn flush(&mut self, id: u32) {
        let Some(Some(stream)) = self.streams.get_mut(id as usize) else { return };
        if !mem::take(&mut stream.is_dirty) {
            return;
        }
        let part = mem::take(&mut self.parts[id as usize]);
        let mut part = self.gathered.get(&part);
        while let Some(raw) = stream.poll_write(id, &mut part) {
            self.caused.push_back(raw);
        }
        stream.keep(part, &mut self.spare);
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
        self.parts[id as usize] = 0..0;
        self.vacant.push(id);
        self.caused.retain(|raw| raw.stream() != Some(id));
        Some(stream)
    }

    fn insert(&mut self, socket: Socket<N::Stream>) -> u32 {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.parts.push(0..0);
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
                FIRST_FIXED.. => self.poll_fixed((id - FIRST_FIXED) as usize),
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

    fn poll_fixed(&mut self, index: usize) -> Option<Result<Raw, DriveError>> {
        let (socket, waker) = self.fixed.get_mut(index)?;
        waker.taken();
        match socket {
            Fixed::Datagrams(socket) => ready(socket.poll(&mut waker.context(), &mut self.inbox)),
            Fixed::Listener(listener) => {
                let Some((stream, peer)) = ready(listener.poll(&mut waker.context()))? else {
                    return Some(Ok(Raw::Crowded { listener: index }));
                };
                let local = listener.only_local();
                Some(Ok(Raw::Accepted { id: self.insert(Socket::Open(stream)), peer, local }))
            }
            Fixed::Closed => None,
        }
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
            && let Some(raw) = stream.poll_write(id, &mut &[][..])
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
            Self::Datagrams | Self::Refused { .. } | Self::Crowded { .. } => None,
        }
    }
}
