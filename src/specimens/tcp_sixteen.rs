//! Bugs of tcp-sixteen.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Bug;
use crate::machine::{BoxedMachine, Conn, Input, Machine, Outbox, Peer, Status};
use crate::systems::Options;
use crate::systems::tcp_sixteen::{Event, FAREWELL, HELLO, Server};
use crate::time::Instant;
use crate::wire::exact::Exact;

/// The client reads fifteen bytes.
const READS_ONE_BYTE_SHORT: &str = "reads-one-byte-short";
/// The client takes what one read brings for the whole: `recv(16)` instead of a loop.
const TAKES_ONE_READ_FOR_ALL: &str = "takes-one-read-for-all";
/// The server keeps what it has read when the connection goes, and so begins the next message with the last one's
/// rest: state that is kept across a reconnect.
const REMEMBERS_THE_LAST_CALL: &str = "remembers-the-last-call";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[
    Bug::new(READS_ONE_BYTE_SHORT, "the client reads fifteen bytes", ""),
    Bug::new(TAKES_ONE_READ_FOR_ALL, "the client takes what one read brings for the whole answer", ""),
    Bug::planned(
        REMEMBERS_THE_LAST_CALL,
        "what was read of a connection that broke is taken for the begin of the next",
        "client>server @7 reset; at 1s restart client",
    ),
];

/// The client with the chosen bug, if that is one of the client's.
pub(in crate::systems) fn client(options: &Options, server: Peer) -> Option<BoxedMachine<(), Event>> {
    let enough = match options.bug? {
        READS_ONE_BYTE_SHORT => FAREWELL.len() - 1..=FAREWELL.len() - 1,
        TAKES_ONE_READ_FOR_ALL => 1..=FAREWELL.len(),
        _ => return None,
    };
    let (timeout, got) = (options.timeout, Vec::new());
    Some(Box::new(Hasty { server, timeout, enough, got, conn: None, give_up_at: None }))
}

/// The server with the chosen bug, if that is one of the server's.
pub(in crate::systems) fn server(bug: Option<&str>) -> BoxedMachine<(), Event> {
    match bug {
        Some(REMEMBERS_THE_LAST_CALL) => Box::new(Remembering { message: Exact::new(HELLO.len()) }),
        _ => Box::<Server>::default(),
    }
}

/// A client that does not wait for all of its answer.
struct Hasty {
    server: Peer,
    timeout: Duration,
    /// How many bytes it takes for the whole answer: at least, and at most.
    enough: RangeInclusive<usize>,
    got: Vec<u8>,
    conn: Option<Conn>,
    /// None before the start and after the end.
    give_up_at: Option<Instant>,
}

impl Hasty {
    fn end(&mut self, event: Event, status: Status, out: &mut Outbox<Event>) {
        self.give_up_at = None;
        out.event(event);
        out.done(status);
    }
}

impl Machine for Hasty {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { .. } => {
                self.conn = Some(out.connect(self.server));
                self.give_up_at = Some(now + self.timeout);
            }
            Input::Connected { conn, local, .. } => {
                out.event(Event::Assigned(local));
                out.write(conn, HELLO);
                self.give_up_at = Some(now + self.timeout);
            }
            Input::ConnectFailed { peer, reason, .. } => {
                self.end(Event::NoConnection(peer, reason), Status::Failure, out);
            }
            Input::Received { conn, bytes } => {
                self.got.extend_from_slice(bytes);
                if self.got.len() >= *self.enough.start() {
                    self.got.truncate(*self.enough.end());
                    out.close(conn);
                    self.end(Event::ServerSaid(self.got.clone()), Status::Success, out);
                }
            }
            Input::Eof { .. } | Input::Closed { .. } if self.give_up_at.is_some() => {
                self.end(Event::Reset(self.server), Status::Failure, out);
            }
            Input::Timeout if self.give_up_at.is_some_and(|at| at <= now) => {
                if let Some(conn) = self.conn {
                    out.abort(conn);
                }
                self.end(Event::NoAnswer(self.timeout), Status::Failure, out);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

/// A server with one buffer for all its connections.
struct Remembering {
    message: Exact,
}

impl Machine for Remembering {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { local } => out.event(Event::Listening(local)),
            Input::Connected { peer, local, .. } => out.event(Event::Accepted { peer, local }),
            Input::Received { conn, bytes } => {
                let _surplus = self.message.push(bytes);
                if let Some(sixteen) = self.message.message() {
                    out.event(Event::Incoming(sixteen.to_vec()));
                    self.message.restart(HELLO.len());
                    out.write(conn, FAREWELL);
                    out.close(conn);
                }
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
