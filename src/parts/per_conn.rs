//! One machine for each connection.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::deadlines::Deadlines;
use crate::machine::{Conn, ConnMap, Input, Machine, Outbox, Peer};
use crate::time::Instant;

/// Runs a machine of its own for each connection of a stream server, so that the machine can be written as if there
/// were one connection in the world.
///
/// A child is made when its connection stands, is given what concerns it, with its own timeouts, and is dropped after
/// its `Closed`. It ends by closing its connection; [`done`](crate::machine::Effects::done) would end the whole server.
/// `Start`, `Command` and `Stop` are the server's own and reach no child.
///
/// ```
/// use lossproof::parts::per_conn::PerConn;
/// use lossproof::{Input, Instant, Machine, Outbox};
///
/// /// Sends one text and closes.
/// struct Greeting;
///
/// impl Machine for Greeting {
///     type Command = ();
///     type Event = ();
///
///     fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
///         if let Input::Connected { conn, .. } = input {
///             let _fits_len = out.write(conn, b"Thank you for connecting"); // into a buffer that is empty
///             out.close(conn);
///         }
///     }
/// }
///
/// let server = PerConn::new(|_peer| Greeting);
/// assert_eq!(server.len(), 0);
/// ```
pub struct PerConn<M> {
    make: Box<dyn FnMut(Peer) -> M>,
    children: ConnMap<Child<M>>,
    deadlines: Deadlines<Conn>,
}

struct Child<M> {
    machine: M,
    /// As it stands in `deadlines`.
    due_at: Option<Instant>,
}

impl<M: Machine> PerConn<M> {
    /// A server without connections; `make` makes the machine for the connection of a peer.
    pub fn new(make: impl FnMut(Peer) -> M + 'static) -> Self {
        Self { make: Box::new(make), children: ConnMap::default(), deadlines: Deadlines::default() }
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    fn feed(&mut self, conn: Conn, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        let Some(child) = self.children.get_mut(conn) else { return };
        out.pass_on(&mut child.machine, input, now);
        let due_at = child.machine.deadline();
        self.deadlines.change(conn, child.due_at, due_at);
        child.due_at = due_at;
    }
}

impl<M: Machine> Machine for PerConn<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        match input {
            Input::Connected { conn, peer, .. } => {
                let machine = (self.make)(peer);
                self.children.insert(conn, Child { machine, due_at: None });
                self.feed(conn, input, now, out);
            }
            Input::Received { conn, .. } | Input::Eof { conn } | Input::Writable { conn } => {
                self.feed(conn, input, now, out);
            }
            Input::Closed { conn, .. } => {
                self.feed(conn, input, now, out);
                if let Some(child) = self.children.remove(conn) {
                    self.deadlines.change(conn, child.due_at, None);
                }
            }
            Input::Timeout => {
                // Those that are due now; a child that wants another timeout at once gets it next time.
                for conn in self.deadlines.due(now) {
                    self.feed(conn, Input::Timeout, now, out);
                }
            }
            Input::Start { .. }
            | Input::Command(_)
            | Input::Stop
            | Input::Datagram { .. }
            | Input::Unreachable { .. }
            | Input::ConnectFailed { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        self.children.len().hash(&mut to);
        self.children.iter().all(|(conn, child)| {
            conn.hash(&mut to);
            child.machine.fingerprint(now, to)
        })
    }
}

impl<M> fmt::Debug for PerConn<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PerConn({} connections)", self.children.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::machine::{CloseReason, Effect, Outlet};

    /// Says "late" a second after it was connected to, unless it heard something before.
    struct Impatient(Option<Instant>);

    impl Machine for Impatient {
        type Command = ();
        type Event = Conn;

        fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Conn>) {
            match input {
                Input::Connected { .. } => self.0 = Some(now + Duration::from_secs(1)),
                Input::Received { .. } => self.0 = None,
                Input::Timeout => {
                    self.0 = None;
                    out.event(Conn { index: 7, generation: 0 });
                }
                _ => {}
            }
        }

        fn deadline(&self) -> Option<Instant> {
            self.0
        }
    }

    #[test]
    fn children_have_their_own_deadlines_and_go_with_their_connections() {
        let mut server = PerConn::new(|_| Impatient(None));
        let mut out = Outlet::new();
        let peer = "127.0.0.1:1".parse().unwrap();
        let conns = [0, 1, 2].map(|millis| {
            let conn = out.accept(100);
            let input = Input::Connected { conn, peer, local: peer };
            out.feed(&mut server, input, Instant::from_millis(millis));
            conn
        });
        assert_eq!((server.deadline(), server.len()), (Some(Instant::from_millis(1_000)), 3));

        let heard = Input::Received { conn: conns[0], bytes: b"x" };
        out.feed(&mut server, heard, Instant::from_millis(10));
        assert_eq!(server.deadline(), Some(Instant::from_millis(1_001)));

        out.feed(&mut server, Input::Timeout, Instant::from_millis(1_001));
        assert_eq!(out.effects().filter(|effect| matches!(effect, Effect::Event(_))).count(), 1);
        assert_eq!(server.deadline(), Some(Instant::from_millis(1_002)));

        let closed = Input::Closed { conn: conns[2], reason: CloseReason::Reset };
        out.feed(&mut server, closed, Instant::from_millis(1_001));
        assert_eq!((server.deadline(), server.len()), (None, 2));
    }
}
