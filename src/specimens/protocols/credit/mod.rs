//! credit: pipelined requests over one stream, answered in order, as far as the credit for the connection goes.
//!
//! ```text
//! client ── ? LEN PAD "request 0" ──►  server     costs LEN and one more: the byte that says how long the padding is
//!        ── ? LEN PAD "request 1" ──►
//!        ◄── + COST ──────────────────            the credit comes back when a request was read
//!        ◄── ! LEN "answer to request 0" ──
//! ```
//!
//! A client that is not answered in time, or whose connection breaks, asks all that is not answered on a new one.

mod client;
mod server;

use std::time::Duration;

pub use client::{Client, ClientEvent};
pub use server::Server;

use crate::machine::Status;
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "credit",
    1060,
    Transport::Tcp,
    "pipelined requests over one stream, with credit for all of it",
);

/// How many requests the client has.
const REQUESTS: usize = 16;
/// How much may be on its way to the server: two requests, and less than three.
const CREDIT: usize = 24;
/// The first byte of a request, of an answer, and of credit that comes back.
const ASK: u8 = b'?';
const ANSWER: u8 = b'!';
const RETURN: u8 = b'+';
/// How long the client waits for an answer, or to be connected.
const TIMEOUT: Duration = Duration::from_secs(2);
/// By when the client has ended.
const BOUND: Duration = Duration::from_hours(1);

const SYSTEM: System = (ABOUT.name, net);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// The client gives a request up that was not answered in time, and keeps the connection. The answer comes late, and is
    /// taken for the next one's, and so are all that follow (CVE-2023-28858: redis-py, after a request was cancelled).
    KeepsTheConnection,
    /// A read of a frame's header that times out is begun anew. What was read of the header is lost, and the next read begins
    /// in the middle
    /// (tokio documents of `read_exact` that it is not cancellation safe).
    TimesOutInTheHeader,
    /// The server gives the credit for the text back, and not that for the byte that says how long the padding is. What is
    /// held back is of no request, so that all stop in the end (RFC 9113, 6.1 and 6.9.1; h2 pull request 894).
    HoldsOneByteBack,
}

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        "keeps-the-connection",
        "a late answer is taken for that of the next request, and so are all after it",
        "server>client @0 stall 3s",
        |net, _| in_client(net, Bug::KeepsTheConnection),
    ),
    Specimen::new(
        SYSTEM,
        "times-out-in-the-header",
        "a read that times out within a header forgets what was read of it",
        "server>client @1 stall 3s",
        |net, _| in_client(net, Bug::TimesOutInTheHeader),
    ),
    Specimen::new(
        SYSTEM,
        "holds-one-byte-back",
        "one byte of each request's credit never comes back",
        "",
        |net, _| net.replace(net.find::<Server>("server"), |_| Server::new(Some(Bug::HoldsOneByteBack))),
    ),
];

fn in_client(net: &Net, bug: Bug) {
    let server = net.find::<Server>("server");
    net.replace(net.find::<Client>("client"), move |boot| Client::new(boot.peer(server), Some(bug)));
}

/// A server and a client of it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(BOUND);
    let server = net.host("server").listen(ABOUT.port).machine(|_| Server::new(None));
    let client = net.host("client").machine(move |boot| Client::new(boot.peer(server), None));
    net.fold("an answer is of the request that it is taken for", || ()).on(
        client,
        |(), event, _| match event {
            ClientEvent::Answered(number, text) => *text == format!("answer to request {number}"),
            _ => true,
        },
    );
    net.never("the client takes for a frame what is none", move |run| {
        run.events(client).contains(&ClientEvent::NoFrame)
    });
    net.eventually_within("all is answered", BOUND, move |run| run.status(client) == Some(Status::Success));
    net
}
