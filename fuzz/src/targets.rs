//! The targets by name, and what each system is exempt from.

use lossproof::systems::{
    About, Options, Typed, greet, greeter, hello_tcp, hello_udp, http as web, select_echo, suffix_echo,
    tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};
use lossproof::{HostId, Instant, Net};

use super::schedule::run;
use super::systems::{Play, Trial, holds, unknown};
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

/// The system `greet`.
#[derive(Debug)]
pub struct Greet;

impl Trial for Greet {
    type Server = greet::Server;
    const ABOUT: About = greet::ABOUT;
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["what a client prints is the whole text", "a client hears only what the server has said to it"];

    fn net(options: &Options) -> Net {
        greet::net(options)
    }
}

/// The system `greeter`.
#[derive(Debug)]
pub struct Greeter;

impl Trial for Greeter {
    type Server = greeter::StreamServer;
    const ABOUT: About = greeter::ABOUT;
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "a client hears only after the server has begun to handle it",
        "what a client hears is the text, whole",
    ];

    fn net(options: &Options) -> Net {
        greeter::net(options)
    }

    fn server(net: &Net, options: &Options) -> HostId {
        if options.datagram {
            net.find::<greeter::DatagramServer>("server").id()
        } else {
            net.find::<greeter::StreamServer>("server").id()
        }
    }

    fn impose(net: &Net, options: &Options, play: &Play) {
        if options.datagram {
            play.instead_of::<greeter::DatagramServer>(net);
        } else {
            play.instead_of::<greeter::StreamServer>(net);
        }
    }
}

/// The system `hello_tcp`.
#[derive(Debug)]
pub struct HelloTcp;

impl Trial for HelloTcp {
    type Server = hello_tcp::Server;
    const ABOUT: About = hello_tcp::ABOUT;

    fn net(options: &Options) -> Net {
        hello_tcp::net(options)
    }
}

/// The system `hello_udp`.
#[derive(Debug)]
pub struct HelloUdp;

impl Trial for HelloUdp {
    type Server = hello_udp::Server;
    const ABOUT: About = hello_udp::ABOUT;
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["every greeting has cost the server one request"];

    fn net(options: &Options) -> Net {
        hello_udp::net(options)
    }
}

/// The system `http`.
#[derive(Debug)]
pub struct Http;

impl Trial for Http {
    type Server = web::Server;
    const ABOUT: About = web::ABOUT;
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["what is saved is the page, whole", "a head comes only after the server was asked for this page"];

    fn net(options: &Options) -> Net {
        web::net(options)
    }
}

/// The system `select_echo`.
#[derive(Debug)]
pub struct SelectEcho;

impl Trial for SelectEcho {
    type Server = select_echo::Server;
    const ABOUT: About = select_echo::ABOUT;
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["each reply is the whole message that it answers"];

    fn net(options: &Options) -> Net {
        select_echo::net(options)
    }
}

/// The system `suffix_echo`.
#[derive(Debug)]
pub struct SuffixEcho;

impl Trial for SuffixEcho {
    type Server = suffix_echo::Server;
    const ABOUT: About = suffix_echo::ABOUT;
    const CLIENTS: &[&str] = &["client"];
    const NOT_WITH_ANY_LINE: &[&str] = &["what comes back without the suffixes is what was sent"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "what comes back without the suffixes is what was sent",
        "a reply comes only when the server has taken all that was sent",
    ];

    fn net(options: &Options) -> Net {
        suffix_echo::net(options)
    }

    fn type_at(net: &Net, client: &str, at: Instant, typed: Typed) {
        net.command(at, net.find::<suffix_echo::Client>(client), suffix_echo::typed(typed));
    }
}

/// The system `tcp_chat`.
#[derive(Debug)]
pub struct TcpChat;

impl Trial for TcpChat {
    type Server = tcp_chat::Server;
    const ABOUT: About = tcp_chat::ABOUT;
    const CLIENTS: &[&str] = &["client-1", "client-2", "client-3"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] =
        &["a member hears all that is said while it is there, whole and in one order"];

    fn net(options: &Options) -> Net {
        tcp_chat::net(options)
    }

    fn type_at(net: &Net, client: &str, at: Instant, typed: Typed) {
        net.command(at, net.find::<tcp_chat::Client>(client), tcp_chat::typed(typed));
    }
}

/// The system `tcp_deadlock`.
#[derive(Debug)]
pub struct TcpDeadlock;

impl Trial for TcpDeadlock {
    type Server = tcp_deadlock::Server;
    const ABOUT: About = tcp_deadlock::ABOUT;
    const NOT_WITH_A_GUEST: &[&str] = &["the server processes no more than was sent"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["the client gets back something else than it has sent"];

    fn net(options: &Options) -> Net {
        tcp_deadlock::net(options)
    }
}

/// The system `tcp_sixteen`.
#[derive(Debug)]
pub struct TcpSixteen;

impl Trial for TcpSixteen {
    type Server = tcp_sixteen::Server;
    const ABOUT: About = tcp_sixteen::ABOUT;
    const NOT_WITH_A_GUEST: &[&str] = &["what is read is what was said, whole"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[
        "what is read is what was said, whole",
        "the client hears the farewell only after the server has read",
    ];

    fn net(options: &Options) -> Net {
        tcp_sixteen::net(options)
    }
}

/// The system `udp_broadcast`.
#[derive(Debug)]
pub struct UdpBroadcast;

impl Trial for UdpBroadcast {
    type Server = udp_broadcast::Server;
    const ABOUT: About = udp_broadcast::ABOUT;
    const NOT_WITH_A_GUEST: &[&str] = &[
        "what a listener hears is the broadcast, and comes from the client",
        "a listener hears a broadcast no more than twice, and none that was not sent",
    ];

    fn net(options: &Options) -> Net {
        udp_broadcast::net(options)
    }
}

/// The system `udp_chat`.
#[derive(Debug)]
pub struct UdpChat;

impl Trial for UdpChat {
    type Server = udp_chat::Server;
    const ABOUT: About = udp_chat::ABOUT;
    const CLIENTS: &[&str] = &["client-1", "client-2", "client-3"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a member hears what was said while it was one"];

    fn net(options: &Options) -> Net {
        udp_chat::net(options)
    }

    fn type_at(net: &Net, client: &str, at: Instant, typed: Typed) {
        net.command(at, net.find::<udp_chat::Client>(client), udp_chat::typed(typed));
    }
}

/// The system `udp_local`.
#[derive(Debug)]
pub struct UdpLocal;

impl Trial for UdpLocal {
    type Server = udp_local::Server;
    const ABOUT: About = udp_local::ABOUT;
    const NOT_WITH_CHANGED_BYTES: &[&str] = &["a reply tells the length of what the server was asked"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a reply tells the length of what the server was asked"];

    fn net(options: &Options) -> Net {
        udp_local::net(options)
    }
}

/// The system `udp_remote`.
#[derive(Debug)]
pub struct UdpRemote;

impl Trial for UdpRemote {
    type Server = udp_remote::Server;
    const ABOUT: About = udp_remote::ABOUT;
    const NOT_WITH_CHANGED_BYTES: &[&str] = &["a reply answers the request it is for"];
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &["a reply answers the request it is for"];

    fn net(options: &Options) -> Net {
        udp_remote::net(options)
    }
}
