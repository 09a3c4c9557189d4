//! transfer: a connection over datagrams, with a handshake of three flights and a window that the receiver shuts.
//!
//! ```text
//! client ── syn ID ───────────► server     the client's timer
//!        ◄── syn-ack ID NAME ──            the server's timer, until it is confirmed
//!        ── confirm ID NAME ──►            again for each syn-ack that comes
//!        ── data ID 0 ID-0 ───►            the client's timer
//!        ◄── ack ID 1 3 ───────            next is 1, and there is room for 3
//!        ◄── ack ID 4 4 ───────            the reader has read: once, and after each probe
//!        ── probe ID ─────────►            the client's timer, while there is no room
//!        ◄── no ID ────────────            either end, of what it does not know
//! ```
//!
//! NAME is another one after each start of the server. A client that hears a new one begins anew, for what it sent is lost.

mod client;
mod server;

use std::time::Duration;

pub use client::Client;
pub use server::{Server, ServerEvent};

use crate::machine::Status;
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "transfer",
    1060,
    Transport::Udp,
    "a connection over datagrams: handshake, window, retransmission, and what goes wrong in them",
);

/// How many messages the client has.
const MESSAGES: u32 = 12;
/// How many messages the server holds until they are read.
const ROOM: u32 = 4;
/// The first wait of either end's timer.
const RESEND_AFTER: Duration = Duration::from_millis(100);
/// By when the client has ended.
const BOUND: Duration = Duration::from_mins(10);

const SYSTEM: System = (ABOUT.name, net);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// The client confirms once. If that is lost, the server sends its flight for ever and takes no data: whoever sends the
    /// last flight of a handshake has to send it again (RFC 6347, 4.2.4).
    ConfirmsOnce,
    /// The client confirms twice at most: the same with two losses. A count of tries is not the answer to a loss.
    ConfirmsTwice,
    /// The timer begins anew with each acknowledgement, also with one that acknowledges nothing new. The server repeats its
    /// acknowledgement while something is missing, so what is missing is never sent again (RFC 6298, 5.3: only an
    /// acknowledgement of new data restarts the timer).
    EveryAckRestartsTheTimer,
    /// The client waits for the window to reopen, and the one acknowledgement that says so may be lost: zero windows have to
    /// be probed (RFC 9293, 3.8.6.1).
    NeverProbes,
    /// The client takes an acknowledgement of nothing new for a double, and its window with it, so that it never hears that
    /// the window has reopened (RFC 9293, 3.10.7.4: SND.WND is updated by acknowledgements of nothing new, too).
    SkipsWindowUpdates,
    /// The wait doubles in a number of sixteen bits, and is zero after the sixteenth time (aws-sdk-java issue 874: a shift that
    /// overflows, and retries without a delay).
    BackoffOverflows,
    /// The server does not compare the connection's id: what is left of an earlier connection is taken for data of this one
    /// (RFC 9293, 3.4.1 and 3.4.3: the quiet time; RFC 1337).
    TakesAnyIncarnation,
    /// The server keeps the number of each message that came, to know doubles, and never forgets one (RFC 9000, 13.2.3: what
    /// is retained of received packets has to be limited).
    RemembersEveryNumber,
}

const fn bug(
    name: &'static str,
    what: &'static str,
    plan: &'static str,
    plant: fn(&Net, &Options),
) -> Specimen {
    Specimen::new(SYSTEM, name, what, plan, plant)
}

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[
    bug(
        "confirms-once",
        "the last flight of the handshake is not sent again",
        "client>server #1 drop",
        |net, _| {
            in_client(net, Bug::ConfirmsOnce);
        },
    ),
    bug(
        "confirms-twice",
        "the last flight of the handshake is sent again, once",
        "client>server #1 drop; client>server #6 drop",
        |net, _| {
            in_client(net, Bug::ConfirmsTwice);
        },
    ),
    bug(
        "acks-put-the-timer-off",
        "an acknowledgement of nothing new puts the retransmission off, for ever",
        "client>server #2 drop",
        |net, _| {
            in_client(net, Bug::EveryAckRestartsTheTimer);
        },
    ),
    bug(
        "never-probes",
        "nobody asks whether a window that was shut is open again",
        "server>client #5 drop",
        |net, _| {
            in_client(net, Bug::NeverProbes);
        },
    ),
    bug(
        "skips-window-updates",
        "an acknowledgement of nothing new is skipped, and the window that it brings",
        "",
        |net, _| {
            in_client(net, Bug::SkipsWindowUpdates);
        },
    ),
    bug(
        "backoff-overflows",
        "the doubled wait overflows, and is zero",
        "at 0ms partition client>server",
        |net, _| {
            in_client(net, Bug::BackoffOverflows);
        },
    ),
    bug(
        "takes-any-incarnation",
        "data of an earlier connection is taken for data of this one",
        "crash server after recv #0 for 1ms; client>server #5 delay 32ms; client>server #11 drop",
        |net, _| {
            in_server(net, Bug::TakesAnyIncarnation);
        },
    ),
    bug("remembers-every-number", "the number of each message that came is kept for ever", "", |net, _| {
        in_server(net, Bug::RemembersEveryNumber);
    }),
];

fn in_client(net: &Net, bug: Bug) {
    let server = net.find::<Server>("server");
    net.replace(net.find::<Client>("client"), move |boot| {
        Client::new(boot.peer(server), boot.seed() as u32, Some(bug))
    });
}

fn in_server(net: &Net, bug: Bug) {
    net.replace(net.find::<Server>("server"), move |boot| Server::new(boot.seed() as u32, Some(bug)));
}

/// A server and a client of it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(BOUND);
    let server = net.host("server").udp(ABOUT.port).machine(|boot| Server::new(boot.seed() as u32, None));
    let client = net
        .host("client")
        .udp(0)
        .machine(move |boot| Client::new(boot.peer(server), boot.seed() as u32, None));
    net.fold("what is read of a connection was sent on it, once and in order", || (0, 0)).on(
        server,
        |(id, next), event: &ServerEvent, _| match event {
            ServerEvent::Opened(opened) => {
                (*id, *next) = (*opened, 0);
                true
            }
            ServerEvent::Read(text) => {
                *next += 1;
                *text == client::text(*id, *next - 1)
            }
        },
    );
    net.always("the server keeps no more than it has room for", move |run| {
        run.state(server).is_none_or(|server| server.kept() <= ROOM as usize)
    });
    net.eventually_within("all is acknowledged, unless the client is cut off", BOUND, move |run| {
        run.status(client) == Some(Status::Success) || run.state(client).is_some_and(Client::is_cut_off)
    });
    net
}
