//! The targets by name, and what each system is exempt from.

use lossproof::systems::greet::Greet;
use lossproof::systems::greeter::Greeter;
use lossproof::systems::hello_tcp::HelloTcp;
use lossproof::systems::hello_udp::HelloUdp;
use lossproof::systems::http::Http;
use lossproof::systems::select_echo::SelectEcho;
use lossproof::systems::suffix_echo::SuffixEcho;
use lossproof::systems::tcp_chat::TcpChat;
use lossproof::systems::tcp_deadlock::TcpDeadlock;
use lossproof::systems::tcp_sixteen::TcpSixteen;
use lossproof::systems::udp_broadcast::UdpBroadcast;
use lossproof::systems::udp_chat::UdpChat;
use lossproof::systems::udp_local::UdpLocal;
use lossproof::systems::udp_remote::UdpRemote;

use super::schedule::run;
use super::systems::{Trial, holds, unknown};
use super::{chat, http, plan, schedule, transcript, wire};

/// A property of all inputs: it panics where it does not hold.
pub type Target = fn(&[u8]);

/// All targets: what `fuzz_targets/` has a file for, and `corpus/` a directory.
pub const TARGETS: [(&str, Target); 26] = [
    ("chat_datagram", chat::chat_datagram),
    ("exact", wire::exact),
    ("frame", wire::frame),
    ("greet", holds::<Greet>),
    ("greeter", holds::<Greeter>),
    ("hello_tcp", holds::<HelloTcp>),
    ("hello_udp", holds::<HelloUdp>),
    ("http", holds::<Http>),
    ("http_body", http::http_body),
    ("http_head", http::http_head),
    ("lines", wire::lines),
    ("plan_print", plan::plan_print),
    ("plan_text", plan::plan_text),
    ("request_id", wire::request_id),
    ("schedule", schedule::schedule),
    ("select_echo", holds::<SelectEcho>),
    ("suffix_echo", holds::<SuffixEcho>),
    ("tcp_chat", holds::<TcpChat>),
    ("tcp_deadlock", holds::<TcpDeadlock>),
    ("tcp_sixteen", holds::<TcpSixteen>),
    ("transcript_json", transcript::transcript_json),
    ("udp_broadcast", holds::<UdpBroadcast>),
    ("udp_chat", holds::<UdpChat>),
    ("udp_local", holds::<UdpLocal>),
    ("udp_remote", holds::<UdpRemote>),
    ("utf8", wire::utf8),
];

/// What can be done to a system without knowing which it is.
pub(super) struct Known {
    name: &'static str,
    /// Runs it with a plan of these bytes.
    pub(super) run: fn(u8, &[u8]),
    unknown: fn() -> Vec<&'static str>,
}

const fn known<S: Trial>() -> Known {
    Known { name: S::ABOUT.name, run: run::<S>, unknown: unknown::<S> }
}

/// The systems by which [`schedule`] counts. Their order stays, or the corpus means something else.
pub(super) const SYSTEMS: [Known; 14] = [
    known::<Greet>(),
    known::<Greeter>(),
    known::<HelloTcp>(),
    known::<HelloUdp>(),
    known::<Http>(),
    known::<SelectEcho>(),
    known::<SuffixEcho>(),
    known::<TcpChat>(),
    known::<TcpDeadlock>(),
    known::<TcpSixteen>(),
    known::<UdpBroadcast>(),
    known::<UdpChat>(),
    known::<UdpLocal>(),
    known::<UdpRemote>(),
];

/// The first byte of an input of [`schedule`](schedule::schedule) that is for the system of this name.
pub fn first_byte(system: &str) -> Option<u8> {
    SYSTEMS.iter().position(|known| known.name == system).map(|index| index as u8)
}

/// The names of exempt properties that no property has.
pub fn outdated_exemptions() -> Vec<&'static str> {
    SYSTEMS.iter().flat_map(|known| (known.unknown)()).collect()
}

impl Trial for Greet {
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["what a client prints is the whole text", "a client hears only what the server has said to it"];
}

impl Trial for Greeter {
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "a client hears only after the server has begun to handle it",
        "what a client hears is the text, whole",
    ];
}

impl Trial for HelloTcp {}

impl Trial for HelloUdp {
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["every greeting has cost the server one request"];
}

impl Trial for Http {
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["what is saved is the page, whole", "a head comes only after the server was asked for this page"];
}

impl Trial for SelectEcho {
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["each reply is the whole message that it answers"];
}

impl Trial for SuffixEcho {
    const NOT_WITH_ANY_LINE: &[&str] = &["what comes back without the suffixes is what was sent"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "what comes back without the suffixes is what was sent",
        "a reply comes only when the server has taken all that was sent",
    ];
}

impl Trial for TcpChat {
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["a member hears all that is said while it is there, whole and in one order"];
}

impl Trial for TcpDeadlock {
    const NOT_WITH_A_GUEST: &[&str] = &["the server processes no more than was sent"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["the client gets back something else than it has sent"];
}

impl Trial for TcpSixteen {
    const NOT_WITH_A_GUEST: &[&str] = &["what is read is what was said, whole"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "what is read is what was said, whole",
        "the client hears the farewell only after the server has read",
    ];
}

impl Trial for UdpBroadcast {
    const NOT_WITH_A_GUEST: &[&str] = &[
        "what a listener hears is the broadcast, and comes from the client",
        "a listener hears a broadcast no more than twice, and none that was not sent",
    ];
}

impl Trial for UdpChat {
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a member hears what was said while it was one"];
}

impl Trial for UdpLocal {
    const NOT_WITH_CHANGED_BYTES: &[&str] = &["a reply tells the length of what the server was asked"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a reply tells the length of what the server was asked"];
}

impl Trial for UdpRemote {
    const NOT_WITH_CHANGED_BYTES: &[&str] = &["a reply answers the request it is for"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a reply answers the request it is for"];
}
