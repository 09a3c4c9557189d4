//! The relay of datagrams: one socket that hears all clients, and for each of them one to the server.
//!
//! ```text
//!  client ──►  listening  ──► path: lost, doubled, changed, held ──►  socket of this client ──► server
//!         ◄──   socket    ◄──                path                ◄──                        ◄──
//! ```
//!
//! Where nothing can happen to a datagram it is not copied: what one call has received leaves by one call.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local, yield_now};
use tokio::time::sleep_until;
use tracing::{debug, trace};

use super::held::Held;
use super::ledger::Shared;
use super::limits::{MAX_HELD_LEN, MAX_SILENCE, MAX_SOURCES, MAX_TURNS, SWEEP};
use super::path::{Path, Way};
use crate::drive::relayed::{Calls, Inbox, Packet, Relayed};
use crate::machine::{Ecn, Marked, Peer};
use crate::time::Instant;

/// How many datagrams one call receives at most.
const MAX_BATCH: usize = crate::machine::limits::MAX_INPUTS_PER_LOOK as usize;

/// Who talks to the proxy: from where, and to which of its addresses.
type Source = (Peer, Peer);

/// One client.
struct Client {
    key: u64,
    source: Source,
    /// To the server.
    socket: Relayed,
    path: Option<Rc<RefCell<Path>>>,
    /// When something passed last.
    last_at: Cell<Instant>,
}

/// A datagram that is held back.
struct Release {
    client: Rc<Client>,
    way: Way,
    n: u64,
    bytes: Vec<u8>,
}

/// The relay of one pair of addresses.
pub(super) struct Datagrams {
    listening: Relayed,
    to: SocketAddr,
    names: [String; 2],
    calls: Calls,
    inbox: RefCell<Inbox>,
    clients: RefCell<BTreeMap<Source, (Rc<Client>, AbortHandle)>>,
    held: RefCell<Held<Release>>,
    held_len: Cell<usize>,
    /// Something is to be let go earlier than all before.
    earlier: Notify,
    ledger: Shared,
}

impl Datagrams {
    /// Opens the socket that listens.
    pub(super) fn open(
        listen: SocketAddr,
        to: SocketAddr,
        names: [String; 2],
        ledger: &Shared,
    ) -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            listening: Relayed::bind(listen)?,
            to,
            names,
            calls: Calls::new(to)?,
            inbox: RefCell::new(Inbox::new(MAX_BATCH)),
            clients: RefCell::default(),
            held: RefCell::default(),
            held_len: Cell::new(0),
            earlier: Notify::new(),
            ledger: Rc::clone(ledger),
        }))
    }

    /// Where it listens.
    pub(super) const fn local(&self) -> Peer {
        self.listening.local()
    }

    /// Relays until it is dropped.
    pub(super) async fn run(self: Rc<Self>) {
        spawn_local(Rc::clone(&self).let_go());
        spawn_local(Rc::clone(&self).sweep());
        let mut turns = 0;
        loop {
            match poll_fn(|cx| self.listening.poll_recv(cx, &self.inbox)).await {
                Ok(()) => self.take_up(),
                // What comes back of a datagram to a client that has gone.
                Err(error) => debug!(%error, "on the socket that listens"),
            }
            turns += 1;
            if turns % MAX_TURNS == 0 {
                yield_now().await;
            }
        }
    }

    /// Relays what a client's server says.
    async fn run_down(self: Rc<Self>, client: Rc<Client>) {
        let mut turns = 0;
        loop {
            match poll_fn(|cx| client.socket.poll_recv(cx, &self.inbox)).await {
                Ok(()) => {
                    let now = self.begin_batch();
                    let inbox = self.inbox.borrow();
                    self.pass(&client, Way::Down, now, inbox.datagrams());
                }
                // Nobody listens there: the client's system does not hear of it.
                Err(error) => debug!(%error, server = %self.to, "no answer"),
            }
            turns += 1;
            if turns % MAX_TURNS == 0 {
                yield_now().await;
            }
        }
    }

    /// Relays what has come from clients.
    fn take_up(self: &Rc<Self>) {
        let now = self.begin_batch();
        let inbox = self.inbox.borrow();
        let mut left = inbox.datagrams().peekable();
        // Most of a batch is of one client.
        while let Some(&Packet { local, peer, .. }) = left.peek() {
            let count =
                left.clone().take_while(|packet| (packet.peer, packet.local) == (peer, local)).count();
            let together = left.clone().take(count);
            left.nth(count - 1);
            match self.client((peer, local), now) {
                Some(client) => self.pass(&client, Way::Up, now, together),
                None => self.ledger.borrow_mut().counts.turned_away += 1,
            }
        }
    }

    /// What is due leaves before what has come now.
    fn begin_batch(&self) -> Instant {
        let now = self.ledger.borrow().now();
        self.release(now);
        now
    }

    /// Relays datagrams of one client in one direction.
    fn pass<'a>(
        &self,
        client: &Rc<Client>,
        way: Way,
        now: Instant,
        datagrams: impl Iterator<Item = Packet<'a>> + Clone,
    ) {
        client.last_at.set(now);
        let count = datagrams.clone().count() as u64;
        let mut ledger = self.ledger.borrow_mut();
        ledger.counts.datagrams += count;
        ledger.last_at = Some(now);
        let Some(path) = &client.path else {
            ledger.counts.not_sent += self.send(client, way, datagrams.map(|packet| packet.bytes));
            return;
        };
        let mut path = path.borrow_mut();
        let mut altered = Vec::new();
        for Packet { bytes, .. } in datagrams {
            let (from, to) = way.ends();
            let departure = path.network.datagram(now, from, to, Marked::plain(bytes));
            ledger.sent(&path, way, now, bytes, &departure);
            let bytes = if departure.is_altered() {
                altered.clear();
                altered.extend_from_slice(bytes);
                departure.alter(&mut altered);
                &altered
            } else {
                bytes
            };
            for order in departure.arrivals.into_iter().flatten() {
                if order.at() <= now {
                    ledger.received(&path, way, departure.n, bytes);
                    ledger.counts.not_sent += self.send(client, way, [bytes].into_iter());
                } else if !self.hold(client, way, order.at(), (departure.n, bytes)) {
                    ledger.counts.not_sent += 1;
                }
            }
        }
        ledger.take_drawn(&mut path);
    }

    /// Sends datagrams on; says how many the system did not take.
    fn send<'a>(&self, client: &Client, way: Way, datagrams: impl Iterator<Item = &'a [u8]> + Clone) -> u64 {
        let (socket, local, peer) = match way {
            Way::Up => (&client.socket, client.socket.local(), self.to.into()),
            Way::Down => (&self.listening, client.source.1, client.source.0),
        };
        socket.send(datagrams.map(move |bytes| Packet { local, peer, bytes, ecn: Ecn::NotEct }))
    }

    /// Holds a datagram back, if there is room for it.
    fn hold(&self, client: &Rc<Client>, way: Way, due_at: Instant, (n, bytes): (u64, &[u8])) -> bool {
        if self.held_len.get() + bytes.len() > MAX_HELD_LEN {
            return false;
        }
        self.held_len.set(self.held_len.get() + bytes.len());
        let release = Release { client: Rc::clone(client), way, n, bytes: bytes.to_vec() };
        self.held.borrow_mut().push(due_at, release, &self.earlier);
        true
    }

    /// Lets go what is due.
    fn release(&self, now: Instant) {
        loop {
            let next = self.held.borrow_mut().pop(now);
            let Some(Release { client, way, n, bytes }) = next else { return };
            self.held_len.set(self.held_len.get() - bytes.len());
            let mut ledger = self.ledger.borrow_mut();
            ledger.last_at = Some(now);
            if let Some(path) = &client.path {
                ledger.received(&path.borrow(), way, n, &bytes);
            }
            ledger.counts.not_sent += self.send(&client, way, [bytes.as_slice()].into_iter());
        }
    }

    /// Lets go what is held back, each when it is due.
    async fn let_go(self: Rc<Self>) {
        loop {
            let due_at = self.held.borrow().due_at();
            match due_at {
                None => self.earlier.notified().await,
                Some(due_at) => {
                    let until = self.ledger.borrow().runtime_at(due_at);
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
            let now = self.ledger.borrow().now();
            self.release(now);
        }
    }

    /// The client of a source: one that is known, or a new one if there is a socket for it.
    fn client(self: &Rc<Self>, source: Source, now: Instant) -> Option<Rc<Client>> {
        if let Some((client, _)) = self.clients.borrow().get(&source) {
            return Some(Rc::clone(client));
        }
        if self.clients.borrow().len() >= MAX_SOURCES {
            self.forget_most_silent();
        }
        let socket = match Relayed::connect(self.to, &self.calls) {
            Ok(socket) => socket,
            Err(error) => {
                debug!(%error, "no socket for one more client");
                return None;
            }
        };
        let [client, server] = &self.names;
        let (key, path) = self.ledger.borrow_mut().enter(client, server, source.0);
        trace!(key, source = %source.0, "a client has come");
        let client = Rc::new(Client { key, source, socket, path, last_at: Cell::new(now) });
        let task = spawn_local(Rc::clone(self).run_down(Rc::clone(&client)));
        self.clients.borrow_mut().insert(source, (Rc::clone(&client), task.abort_handle()));
        Some(client)
    }

    fn forget(&self, source: Source) {
        let known = self.clients.borrow_mut().remove(&source);
        if let Some((client, task)) = known {
            task.abort();
            self.ledger.borrow_mut().leave(client.key);
        }
    }

    fn forget_most_silent(&self) {
        let most_silent = {
            let clients = self.clients.borrow();
            let all = clients.iter().map(|(source, (client, _))| (client.last_at.get(), *source));
            all.min()
        };
        if let Some((_, source)) = most_silent {
            self.forget(source);
        }
    }

    /// Forgets clients that have been silent for too long.
    async fn sweep(self: Rc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let now = self.ledger.borrow().now();
            let is_silent = |client: &Client| now.since(client.last_at.get()) > MAX_SILENCE;
            let silent: Vec<Source> = {
                let clients = self.clients.borrow();
                clients
                    .iter()
                    .filter(|(_, (client, _))| is_silent(client))
                    .map(|(source, _)| *source)
                    .collect()
            };
            for source in silent {
                self.forget(source);
            }
        }
    }
}
