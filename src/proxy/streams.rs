//! The relay of streams: each that is accepted gets one to the server, and bytes pass both ways as the path lets them.

mod direction;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use tokio::task::spawn_local;
use tokio::time::sleep_until;
use tracing::debug;

use super::ledger::Shared;
use super::limits::{MAX_CHUNK_LEN, MAX_STREAMS};
use super::path::{CLIENT, Path, SERVER, Way, of_hosts};
use crate::drive::relayed::{Aborts as _, Listener, Listening, Net as _, Stream, System};
use crate::fault::{ConnectFault, Resolved};
use crate::host::HostId;
use crate::machine::{CloseReason, Conn, ConnectError, Peer};
use crate::network::{Segment, StreamEnd};
use crate::time::Instant;
use crate::transcript::{Link, Part, What};
use direction::Direction;

/// The relay of one pair of addresses.
pub(super) struct Streams {
    to: Peer,
    names: [String; 2],
    ledger: Shared,
    /// Where bytes are read to, of whichever stream.
    chunk: RefCell<Box<[u8]>>,
}

/// How a stream ends before both of its directions have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// One of its sides has broken it, or a fault has.
    Reset,
}

/// One stream from a client to the server.
struct Relayed<'a> {
    streams: &'a Streams,
    /// What lies between them, and which stream it is there, if something can happen to it.
    path: Option<(Rc<RefCell<Path>>, StreamEnd)>,
}

impl Streams {
    pub(super) fn new(to: Peer, names: [String; 2], ledger: &Shared) -> Self {
        let chunk = RefCell::new(vec![0; MAX_CHUNK_LEN].into_boxed_slice());
        Self { to, names, ledger: Rc::clone(ledger), chunk }
    }

    /// Accepts and relays until it is dropped.
    pub(super) async fn run(self: Rc<Self>, listening: Listening) {
        let mut listener = Listener::new(listening);
        let standing = Rc::new(());
        loop {
            // Without a descriptor it is asked again after a pause.
            let Some((stream, peer)) = poll_fn(|cx| listener.poll(cx)).await else { continue };
            // Each task has a handle of it, and so have this loop and the relay itself.
            if Rc::strong_count(&standing) > MAX_STREAMS {
                self.ledger.borrow_mut().counts.turned_away += 1;
                stream.abort();
                continue;
            }
            let (streams, standing) = (Rc::clone(&self), Rc::clone(&standing));
            spawn_local(async move {
                streams.relay(stream, peer).await;
                drop(standing);
            });
        }
    }

    /// Relays one stream from its beginning to its end.
    async fn relay(&self, near: Stream, source: Peer) {
        let [client, server] = &self.names;
        let (key, path) = {
            let mut ledger = self.ledger.borrow_mut();
            ledger.counts.streams += 1;
            ledger.last_at = Some(ledger.now());
            ledger.enter(client, server, source)
        };
        let mut relayed = Relayed { streams: self, path: None };
        if let Some(path) = path {
            relayed.dial(path, near, source).await;
        } else {
            relayed.connect(near).await;
        }
        self.ledger.borrow_mut().leave(key);
    }
}

impl Relayed<'_> {
    /// Asks the path what becomes of the dial, then connects.
    async fn dial(&mut self, path: Rc<RefCell<Path>>, near: Stream, source: Peer) {
        let now = self.now();
        let (at, due_at, fault) = {
            let network = &mut path.borrow_mut().network;
            let conn = Conn { index: 0, generation: 0 };
            let (local, peer) =
                (CLIENT.v4(source.port().unwrap_or(0)), SERVER.v4(self.streams.to.port().unwrap_or(0)));
            let at = network.connect(now, CLIENT, conn, local, Some(SERVER), peer);
            let syn = network.streams.sent.drain(..).find(|(_, _, segment)| *segment == Segment::Syn);
            let fault = network.streams.marks.drain(..).find_map(|fault| match fault {
                Resolved::Connect { fault, .. } => Some(fault),
                _ => None,
            });
            // Where nothing passes any more it never arrives.
            (at, syn.map(|(order, ..)| order.at()), fault)
        };
        self.path = Some((path, at));
        self.note(CLIENT, What::Connect);
        self.segment((now, due_at), Way::Up, Part::Syn);
        if let Some(fault) = fault {
            let number = self.number();
            self.fault(Resolved::Connect { from: CLIENT, to: SERVER, conn: number, fault });
        }
        let Some(due_at) = due_at else { return swallow(&near, &self.streams.chunk).await };
        let until = self.streams.ledger.borrow().runtime_at(due_at);
        sleep_until(until).await;
        if fault == Some(ConnectFault::Refuse) {
            self.note(CLIENT, |link| What::ConnectFailed(link, ConnectError::Refused));
            near.abort();
            return;
        }
        self.connect(near).await;
    }

    /// Connects to the server, and relays.
    async fn connect(&self, near: Stream) {
        let far = match System::connect(self.streams.to).await {
            Ok(far) => far,
            Err(error) => {
                // The client's system has accepted already, so this is as near to a refusal as can be.
                debug!(%error, server = %self.streams.to, "cannot connect");
                self.note(CLIENT, |link| What::ConnectFailed(link, ConnectError::Refused));
                near.abort();
                return;
            }
        };
        if let Some((path, at)) = &self.path {
            let network = &mut path.borrow_mut().network;
            network.opened(*at);
            network.streams.sent.clear();
        }
        let now = self.now();
        for (way, part) in [(Way::Down, Part::SynAck), (Way::Up, Part::Ack)] {
            self.segment((now, Some(now)), way, part);
        }
        self.note(CLIENT, What::Connected);
        self.note(SERVER, What::Connected);
        let up = Direction::new(self, Way::Up, &near, &far);
        let down = Direction::new(self, Way::Down, &far, &near);
        let ended = tokio::try_join!(up.read(), up.write(), down.read(), down.write());
        let reason = if ended.is_ok() { CloseReason::Finished } else { CloseReason::Reset };
        self.note(CLIENT, |link| What::Closed(link, reason));
        self.note(SERVER, |link| What::Closed(link, reason));
        if ended.is_err() {
            near.abort();
            far.abort();
        }
    }

    fn now(&self) -> Instant {
        self.streams.ledger.borrow().now()
    }

    /// Which stream between its two hosts it is.
    fn number(&self) -> u32 {
        self.path.as_ref().map_or(0, |(path, at)| path.borrow().network.streams.number(*at))
    }

    /// The hosts in the record, if it is kept.
    fn hosts(&self) -> Option<[HostId; 2]> {
        self.path.as_ref().and_then(|(path, _)| path.borrow().hosts)
    }

    /// Records something about the stream on one of its hosts.
    fn note(&self, host: HostId, what: impl FnOnce(Link) -> What) {
        let Some([client, server]) = self.hosts() else { return };
        let (host, peer) = if host == CLIENT { (client, server) } else { (server, client) };
        let (now, number) = (self.now(), self.number());
        if let Some(record) = &mut self.streams.ledger.borrow_mut().record {
            record.note(now, host, what(Link { peer, number }));
        }
    }

    /// Records a segment.
    fn segment(&self, times: (Instant, Option<Instant>), way: Way, part: Part) {
        let Some(hosts) = self.hosts() else { return };
        let number = self.number();
        if let Some(record) = &mut self.streams.ledger.borrow_mut().record {
            record.segment(times, way.order(hosts), (number, way == Way::Up), part);
        }
    }

    /// Records a fault.
    fn fault(&self, fault: Resolved) {
        let (Some(hosts), now) = (self.hosts(), self.now()) else { return };
        if let Some(record) = &mut self.streams.ledger.borrow_mut().record {
            record.fault(now, of_hosts(fault, hosts));
        }
    }
}

/// Takes all that comes, until the stream ends, and answers nothing.
async fn swallow(stream: &Stream, chunk: &RefCell<Box<[u8]>>) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut chunk.borrow_mut()) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
