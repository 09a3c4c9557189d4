//! Bugs of tcp-sixteen.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Specimen, System};
use crate::machine::{Conn, Input, Machine, Outbox, Peer, Status};
use crate::scenario::Net;
use crate::systems::Options;
use crate::systems::tcp_sixteen::{self, Client, ClientEvent, FAREWELL, HELLO, Server, ServerEvent};
use crate::time::Instant;
use crate::wire::exact::Exact;

/// The client reads fifteen bytes.
const READS_ONE_BYTE_SHORT: &str = "reads-one-byte-short";
/// The client takes what one read brings for the whole: `recv(16)` instead of a loop.
const TAKES_ONE_READ_FOR_ALL: &str = "takes-one-read-for-all";
/// The server keeps what it has read when the connection goes, and so begins the next message with the last one's
/// rest: state that is kept across a reconnect.
const REMEMBERS_THE_LAST_CALL: &str = "remembers-the-last-call";

const SYSTEM: System = (tcp_sixteen::ABOUT.name, tcp_sixteen::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(SYSTEM, READS_ONE_BYTE_SHORT, "the client reads fifteen bytes", "", |net, options| {
        hasty(net, options, FAREWELL.len() - 1..=FAREWELL.len() - 1);
    }),
    Specimen::new(
        SYSTEM,
        TAKES_ONE_READ_FOR_ALL,
        "the client takes what one read brings for the whole answer",
        "",
        |net, options| hasty(net, options, 1..=FAREWELL.len()),
    ),
    Specimen::new(
        SYSTEM,
        REMEMBERS_THE_LAST_CALL,
        "what was read of a connection that broke is taken for the begin of the next",
        "client>server @7 reset; at 1s restart client",
        |net, _| {
            let server = net.find::<Server>("server");
            net.replace(server, |_| Remembering { message: Exact::new(HELLO.len()) });
        },
    ),
];

/// Has the client take so many bytes for the whole answer: at least, and at most.
fn hasty(net: &Net, options: &Options, enough: RangeInclusive<usize>) {
    let (server, timeout) = (net.find::<Server>("server"), options.timeout);
    net.replace(net.find::<Client>("client"), move |boot| {
        let (server, enough) = (boot.peer(server), enough.clone());
        Hasty { server, timeout, enough, got: Vec::new(), conn: None, give_up_at: None }
    });
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
    fn end(&mut self, event: ClientEvent, status: Status, out: &mut Outbox<ClientEvent>) {
        self.give_up_at = None;
        out.event(event);
        out.done(status);
    }
}

impl Machine for Hasty {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match input {
            Input::Start { .. } => {
                self.conn = Some(out.connect(self.server));
                self.give_up_at = Some(now + self.timeout);
            }
            Input::Connected { conn, local, .. } => {
                out.event(ClientEvent::Assigned(local));
                let _fits_len = out.write(conn, HELLO);
                self.give_up_at = Some(now + self.timeout);
            }
            Input::ConnectFailed { peer, reason, .. } => {
                self.end(ClientEvent::NoConnection(peer, reason), Status::Failure, out);
            }
            Input::Received { conn, bytes } => {
                self.got.extend_from_slice(bytes);
                if self.got.len() >= *self.enough.start() {
                    self.got.truncate(*self.enough.end());
                    out.close(conn);
                    self.end(ClientEvent::ServerSaid(self.got.clone()), Status::Success, out);
                }
            }
            Input::Eof { .. } | Input::Closed { .. } if self.give_up_at.is_some() => {
                self.end(ClientEvent::Reset(self.server), Status::Failure, out);
            }
            Input::Timeout => {
                if let Some(conn) = self.conn {
                    out.abort(conn);
                }
                self.end(ClientEvent::NoAnswer(self.timeout), Status::Failure, out);
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
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Connected { peer, local, .. } => out.event(ServerEvent::Accepted { peer, local }),
            Input::Received { conn, bytes } => {
                let _surplus = self.message.push(bytes);
                if let Some(sixteen) = self.message.message() {
                    out.event(ServerEvent::Incoming(sixteen.to_vec()));
                    self.message.restart(HELLO.len());
                    let _fits_len = out.write(conn, FAREWELL);
                    out.close(conn);
                }
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}
