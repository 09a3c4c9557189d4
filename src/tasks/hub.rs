//! What the tasks of one host share: its sockets, its timers, and what it wants done.

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::executor::Queue;
use super::facts::Facts;
use super::places::Places;
use super::sockets::{Datagrams, Listener, Spawned, Standing, Stream, Waiting};
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::machine::{Bound, BoundDatagrams, Conn, ConnMap, Ecn, Effects, Input, Peer, limits};
use crate::time::Instant;

/// How many bytes of datagrams a socket holds that nobody has received yet; further ones are lost, as with an operating
/// system (Linux: `rmem_default`).
pub const MAX_INBOX_LEN: usize = 212_992;
/// How many bytes of a stream a host holds that nobody has read yet; then the peer has to wait.
pub const MAX_UNREAD_LEN: usize = 64 * 1024;
/// How many connections a listener holds that nobody has accepted yet; further ones are reset.
pub const MAX_BACKLOG: usize = 1024;

/// All that the tasks of one incarnation of a host share.
pub(super) struct Hub {
    pub(super) now: Instant,
    /// What is to be done. It is the outbox's while the host has its turn.
    pub(super) effects: Effects,
    pub(super) is_attached: bool,
    pub(super) tasks: Arc<Queue>,
    pub(super) spawned: VecDeque<Spawned>,
    /// How many tasks there are now.
    pub(super) alive_count: usize,
    /// How many tasks were spawned.
    pub(super) task_count: u32,
    /// What is done as soon as it is the host's turn.
    later: Later,
    pub(super) datagrams: Places<Datagrams>,
    pub(super) listeners: Places<Listener>,
    pub(super) streams: Places<Stream>,
    by_conn: ConnMap<usize>,
    /// When who is woken: by moment, then in the order in which they were asked for.
    pub(super) timers: BTreeMap<(Instant, u64), Waker>,
    pub(super) timer_count: u64,
    /// What was told and is not in the outbox yet: a list of the host's type of events.
    pub(super) told: Box<dyn Any>,
    /// The index of the next event.
    pub(super) next_event: usize,
    /// Commands that nobody has taken yet, of the host's type.
    pub(super) commands: VecDeque<Box<dyn Any>>,
    pub(super) commanded: Waiting,
    pub(super) is_stopped: bool,
    pub(super) stopping: Waiting,
    pub(super) facts: Facts,
    /// How many numbers were drawn at random.
    pub(super) drawn_count: u64,
    pub(super) next_port: u16,
}

/// What is done as soon as it is the host's turn: its tasks may also run in a runtime that others share, and be woken by
/// its clock.
#[derive(Default)]
struct Later {
    is_wanted: bool,
    /// Tasks that want something of the network then.
    deferred: Waiting,
    /// Streams that are closed, or reset.
    dropped: Vec<(Conn, bool)>,
    /// Streams on which nothing more is written.
    shut: Vec<Conn>,
    /// Sockets were opened or closed, which the world does not know yet.
    is_rebound: bool,
    /// What is saved.
    unsaved: Option<Vec<u8>>,
}

impl Hub {
    pub(super) fn new(facts: Facts, told: Box<dyn Any>, tasks: Arc<Queue>) -> Self {
        Self {
            now: Instant::START,
            effects: Effects::new(),
            is_attached: false,
            tasks,
            spawned: VecDeque::new(),
            alive_count: 0,
            task_count: 0,
            later: Later::default(),
            datagrams: Places::default(),
            listeners: Places::default(),
            streams: Places::default(),
            by_conn: ConnMap::default(),
            timers: BTreeMap::new(),
            timer_count: 0,
            told,
            next_event: 0,
            commands: VecDeque::new(),
            commanded: Waiting::default(),
            is_stopped: false,
            stopping: Waiting::default(),
            facts,
            drawn_count: 0,
            next_port: FIRST_EPHEMERAL_PORT,
        }
    }

    /// Begins the host's turn: `effects` are those of its outbox, and `told_len` events were told
    /// before it.
    pub(super) fn attach(&mut self, told_len: usize) {
        self.is_attached = true;
        if !self.later.is_wanted {
            return;
        }
        let Later { mut deferred, dropped, shut, is_rebound, unsaved, .. } = mem::take(&mut self.later);
        (0..told_len).for_each(|_| self.note_event());
        for conn in shut {
            self.effects.shutdown(conn);
        }
        for (conn, aborts) in dropped {
            self.end_stream(conn, aborts);
        }
        if is_rebound {
            self.rebind();
        }
        if let Some(bytes) = unsaved {
            self.effects.save(&bytes);
        }
        deferred.wake();
    }

    /// Whether something is done as soon as it is the host's turn.
    pub(super) const fn wants_turn(&self) -> bool {
        self.later.is_wanted
    }

    /// Has the host get a turn at this moment.
    fn ask_for_turn(&mut self) {
        self.later.is_wanted = true;
        self.tasks.ring();
    }

    /// Has a task go on when it is the host's turn.
    pub(super) fn defer(&mut self, waker: &Waker) {
        self.later.deferred.add(waker);
        self.ask_for_turn();
    }

    /// An event was told.
    pub(super) fn tell(&mut self) {
        if self.is_attached { self.note_event() } else { self.ask_for_turn() }
    }

    fn note_event(&mut self) {
        self.effects.note_event(self.next_event);
        self.next_event += 1;
    }

    /// Makes bytes the durable state.
    pub(super) fn save(&mut self, bytes: &[u8]) {
        if self.is_attached {
            self.effects.save(bytes);
        } else {
            self.later.unsaved = Some(bytes.to_vec());
            self.ask_for_turn();
        }
    }

    /// Takes an input in, and wakes the tasks that wait for it. Commands are taken in by whoever knows their type.
    pub(super) fn take<C>(&mut self, input: &Input<'_, C>) {
        match *input {
            Input::Stop => {
                self.is_stopped = true;
                self.stopping.wake();
            }
            Input::Datagram { peer, local, bytes, ecn } => self.take_datagram(peer, local, (bytes, ecn)),
            Input::Unreachable { peer, local } => {
                let mut sockets = self.datagrams.iter_mut();
                let refused = sockets.find(|at| at.local == local && at.connected == Some(peer));
                if let Some(socket) = refused {
                    socket.is_refused = true;
                    socket.readers.wake();
                }
            }
            Input::Connected { conn, peer, local } => self.take_connection(conn, [peer, local]),
            Input::ConnectFailed { conn, reason, .. } => {
                self.with_conn(conn, |stream, _| {
                    stream.standing = Standing::Failed(reason);
                    stream.readers.wake();
                });
                self.by_conn.remove(conn);
            }
            Input::Received { conn, bytes } => self.with_conn(conn, |stream, effects| {
                stream.unread.extend(bytes);
                if stream.unread.len() >= MAX_UNREAD_LEN && !stream.is_paused {
                    stream.is_paused = true;
                    effects.pause(conn);
                }
                stream.readers.wake();
            }),
            Input::Eof { conn } => self.with_conn(conn, |stream, _| {
                stream.has_eof = true;
                stream.readers.wake();
            }),
            Input::Writable { conn } => self.with_conn(conn, |stream, _| stream.writers.wake()),
            Input::Closed { conn, reason } => {
                self.with_conn(conn, |stream, _| {
                    stream.standing = Standing::Closed(reason);
                    stream.readers.wake();
                    stream.writers.wake();
                });
                self.by_conn.remove(conn);
            }
            _ => {}
        }
    }

    fn take_datagram(&mut self, peer: Peer, local: Peer, (bytes, ecn): (&[u8], Ecn)) {
        let mut sockets = self.datagrams.iter_mut();
        let Some(socket) = sockets.find(|socket| socket.local == local) else { return };
        if socket.bytes.len() + bytes.len() <= MAX_INBOX_LEN {
            socket.bytes.extend(bytes);
            socket.came.push_back((peer, bytes.len(), ecn));
            socket.readers.wake();
        }
    }

    /// A stream stands: one that was dialed, or one for a listener.
    fn take_connection(&mut self, conn: Conn, addresses: [Peer; 2]) {
        if self.by_conn.get(conn).is_some() {
            return self.with_conn(conn, |stream, _| {
                (stream.standing, stream.addresses) = (Standing::Open, addresses);
                stream.readers.wake();
            });
        }
        let [peer, local] = addresses;
        let place = self.listeners.find(|at| at.local == local && at.backlog.len() < MAX_BACKLOG);
        let Some(place) = place else { return self.effects.abort(conn) };
        let stream = self.keep_stream(conn, Standing::Open, addresses);
        if let Some(listener) = self.listeners.get_mut(place) {
            listener.backlog.push_back((stream, peer));
            listener.accepting.wake();
        }
    }

    fn with_conn(&mut self, conn: Conn, work: impl FnOnce(&mut Stream, &mut Effects)) {
        let place = self.by_conn.get(conn).copied();
        if let Some(stream) = place.and_then(|place| self.streams.get_mut(place)) {
            work(stream, &mut self.effects);
        }
    }

    fn keep_stream(&mut self, conn: Conn, standing: Standing, addresses: [Peer; 2]) -> usize {
        let stream = Stream {
            conn,
            standing,
            addresses,
            unread: VecDeque::new(),
            is_paused: false,
            has_eof: false,
            is_shut: false,
            readers: Waiting::default(),
            writers: Waiting::default(),
        };
        let place = self.streams.put(stream);
        self.by_conn.insert(conn, place);
        place
    }

    /// Opens a stream.
    pub(super) fn dial(&mut self, peer: Peer) -> usize {
        let conn = self.effects.connect(peer);
        self.keep_stream(conn, Standing::Dialing, [peer, peer])
    }

    /// Drops a stream of which no handle is left. One that was reset by this end (`aborts`) is given up at once.
    pub(super) fn drop_stream(&mut self, place: usize, aborts: bool) {
        let Some(stream) = self.streams.take(place) else { return };
        if !matches!(stream.standing, Standing::Dialing | Standing::Open) {
            return;
        }
        self.by_conn.remove(stream.conn);
        let aborts = aborts || stream.standing == Standing::Dialing;
        if !self.is_attached {
            self.later.dropped.push((stream.conn, aborts));
            return self.ask_for_turn();
        }
        if stream.is_paused && !aborts {
            self.effects.resume(stream.conn);
        }
        self.end_stream(stream.conn, aborts);
    }

    fn end_stream(&mut self, conn: Conn, aborts: bool) {
        if aborts {
            self.effects.abort(conn);
        } else {
            self.effects.close(conn);
        }
    }

    /// Writes nothing more on a stream.
    pub(super) fn shut_stream(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        let is_open = stream.standing == Standing::Open;
        if mem::replace(&mut stream.is_shut, true) || !is_open {
            return;
        }
        if self.is_attached {
            self.effects.shutdown(stream.conn);
        } else {
            self.later.shut.push(stream.conn);
            self.ask_for_turn();
        }
    }

    /// Tells the world which sockets there are.
    pub(super) fn rebind(&mut self) {
        if !self.is_attached {
            self.later.is_rebound = true;
            return self.ask_for_turn();
        }
        let datagrams = self.datagrams.iter().map(|socket| BoundDatagrams {
            local: socket.local,
            connected: socket.connected,
            hears_groups: socket.hears_groups,
            loops: socket.loops,
        });
        let listeners = self.listeners.iter().map(|listener| listener.local);
        let bound = Bound { datagrams: datagrams.collect(), listeners: listeners.collect() };
        self.effects.bind(bound);
        self.join_and_leave();
    }

    /// Wakes those whose time has come.
    pub(super) fn wake_due(&mut self) {
        while let Some(timer) = self.timers.first_entry() {
            if timer.key().0 > self.now {
                break;
            }
            timer.remove().wake();
        }
    }

    /// What the host waits for, for reports: nothing if its tasks have ended, or one of them waits for a moment.
    pub(super) fn waits_text(&self) -> Option<String> {
        if self.alive_count == 0 || !self.timers.is_empty() {
            return None;
        }
        let mut waits = self.waits();
        let others = self.alive_count.saturating_sub(waits.len());
        if others > 0 {
            let tasks = if others == 1 {
                "a lock, a channel or another task"
            } else {
                "locks, channels or one another"
            };
            waits.push(format!("{tasks} ({others} of {} tasks)", self.alive_count));
        }
        Some(format!("waits for {}", waits.join(", and for ")))
    }

    /// What tasks wait for of the network.
    pub(super) fn waits(&self) -> Vec<String> {
        let sockets = self.datagrams.iter().filter(|socket| !socket.readers.is_empty());
        let datagrams = sockets.map(|socket| format!("a datagram at {}", socket.local));
        let listeners = self.listeners.iter().filter(|listener| !listener.accepting.is_empty());
        let connections = listeners.map(|listener| format!("a connection at {}", listener.local));
        let streams = self.streams.iter();
        let reads = streams.clone().filter(|stream| !stream.readers.is_empty());
        let writes = streams.filter(|stream| !stream.writers.is_empty());
        let bytes = reads.map(|stream| match stream.standing {
            Standing::Dialing => format!("a connection to {}", stream.addresses[0]),
            _ => format!("bytes of {}", stream.addresses[0]),
        });
        let room = writes
            .map(|stream| format!("room for {} bytes to {}", limits::SEND_BUFFER_LEN, stream.addresses[0]));
        datagrams.chain(connections).chain(bytes).chain(room).collect()
    }
}
