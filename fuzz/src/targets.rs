//! The targets by name, and what each system is exempt from.

use lossproof::Instant;
use lossproof::systems::{
    Options, election, geocode, greet, greeter, hello_tcp, hello_udp, http as http_client, select_echo,
    suffix_echo, tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};

use super::systems::{Trial, guest, guest_of, holds, impostor, impostor_of};
use super::{chat, http, plan, schedule, transcript, wire};

/// A property of all inputs: it panics where it does not hold.
pub type Target = fn(&[u8]);

/// All targets: what `fuzz_targets/` has a file for, and `corpus/` a directory.
pub const TARGETS: [(&str, Target); 28] = [
    ("chat_datagram", chat::chat_datagram),
    ("election", |input| holds(&ELECTION, input)),
    ("exact", wire::exact),
    ("frame", wire::frame),
    ("geocode", |input| holds(&GEOCODE, input)),
    ("greet", |input| holds(&GREET, input)),
    ("greeter", |input| holds(&GREETER, input)),
    ("hello_tcp", |input| holds(&HELLO_TCP, input)),
    ("hello_udp", |input| holds(&HELLO_UDP, input)),
    ("http", |input| holds(&HTTP, input)),
    ("http_body", http::http_body),
    ("http_head", http::http_head),
    ("lines", wire::lines),
    ("plan_print", plan::plan_print),
    ("plan_text", plan::plan_text),
    ("request_id", wire::request_id),
    ("schedule", schedule::schedule),
    ("select_echo", |input| holds(&SELECT_ECHO, input)),
    ("suffix_echo", |input| holds(&SUFFIX_ECHO, input)),
    ("tcp_chat", |input| holds(&TCP_CHAT, input)),
    ("tcp_deadlock", |input| holds(&TCP_DEADLOCK, input)),
    ("tcp_sixteen", |input| holds(&TCP_SIXTEEN, input)),
    ("transcript_json", transcript::transcript_json),
    ("udp_broadcast", |input| holds(&UDP_BROADCAST, input)),
    ("udp_chat", |input| holds(&UDP_CHAT, input)),
    ("udp_local", |input| holds(&UDP_LOCAL, input)),
    ("udp_remote", |input| holds(&UDP_REMOTE, input)),
    ("utf8", wire::utf8),
];

/// The systems by which [`schedule`] counts. Their order stays, or the corpus means something else.
pub(super) static SYSTEMS: [&Trial; 16] = [
    &GREET,
    &GREETER,
    &HELLO_TCP,
    &HELLO_UDP,
    &HTTP,
    &SELECT_ECHO,
    &SUFFIX_ECHO,
    &TCP_CHAT,
    &TCP_DEADLOCK,
    &TCP_SIXTEEN,
    &UDP_BROADCAST,
    &UDP_CHAT,
    &UDP_LOCAL,
    &UDP_REMOTE,
    &ELECTION,
    &GEOCODE,
];

/// The first byte of an input of [`schedule`](schedule::schedule) that is for the system of this name.
pub fn first_byte(system: &str) -> Option<u8> {
    SYSTEMS.iter().position(|trial| trial.about.name == system).map(|index| index as u8)
}

/// The names of exempt properties that no property has.
pub fn outdated_exemptions() -> Vec<&'static str> {
    let unknown = |trial: &&Trial| {
        let net = (trial.net)(&Options::default());
        let exempt = [
            trial.not_with_a_guest,
            trial.not_with_an_impostor,
            trial.not_with_any_line,
            trial.not_with_changed_bytes,
            trial.not_with_jumps,
        ];
        exempt.concat().into_iter().filter(move |name| !net.has_property(name))
    };
    SYSTEMS.iter().flat_map(unknown).collect()
}

/// The trial of election. A guest may write what no client tells of, and an impostor votes as often as he likes.
pub static ELECTION: Trial = Trial {
    guest: |net, script, is_stream| guest_of::<election::Member>(net, "member-1", script, is_stream),
    impostor: |net, script, is_stream| impostor_of::<election::Member>(net, "member-1", script, is_stream),
    type_at: |net, at, client, typed| {
        let client = net.find::<election::Client>(["client-1", "client-2"][client % 2]);
        net.command(at, client, election::typed(typed.clone()));
    },
    not_with_a_guest: &["reads and writes are linearizable"],
    not_with_an_impostor: &[
        "a term has at most one leader",
        "at most one member holds a lease at a moment",
        "a member leads once nothing goes wrong",
        "reads and writes are linearizable",
    ],
    not_with_jumps: &["at most one member holds a lease at a moment", "reads and writes are linearizable"],
    calm_at: Some(Instant::from_millis(11_000)),
    ..Trial::of::<election::Member>(election::ABOUT, election::net)
};

/// The trial of geocode.
pub static GEOCODE: Trial = Trial {
    not_with_an_impostor: &[
        "what is found is the first of the places in the table",
        "a place is found only after the server was asked for it",
    ],
    ..Trial::of::<geocode::Server>(geocode::ABOUT, geocode::net)
};

/// The trial of greet.
pub static GREET: Trial = Trial {
    not_with_an_impostor: &[
        "what a client prints is the whole text",
        "a client hears only what the server has said to it",
    ],
    ..Trial::of::<greet::Server>(greet::ABOUT, greet::net)
};

/// The trial of greeter.
pub static GREETER: Trial = Trial {
    not_with_an_impostor: &[
        "a client hears only after the server has begun to handle it",
        "what a client hears is the text, whole",
    ],
    guest: |net, script, is_stream| {
        let guest = if is_stream { guest::<greeter::StreamServer> } else { guest::<greeter::DatagramServer> };
        guest(net, script, is_stream);
    },
    impostor: |net, script, is_stream| {
        let impostor =
            if is_stream { impostor::<greeter::StreamServer> } else { impostor::<greeter::DatagramServer> };
        impostor(net, script, is_stream);
    },
    ..Trial::of::<greeter::StreamServer>(greeter::ABOUT, greeter::net)
};

/// The trial of hello-tcp.
pub static HELLO_TCP: Trial = Trial::of::<hello_tcp::Server>(hello_tcp::ABOUT, hello_tcp::net);

/// The trial of hello-udp.
pub static HELLO_UDP: Trial = Trial {
    not_with_an_impostor: &["every greeting has cost the server one request"],
    ..Trial::of::<hello_udp::Server>(hello_udp::ABOUT, hello_udp::net)
};

/// The trial of http.
pub static HTTP: Trial = Trial {
    not_with_an_impostor: &[
        "what is saved is the page, whole",
        "a head comes only after the server was asked for this page",
    ],
    ..Trial::of::<http_client::Server>(http_client::ABOUT, http_client::net)
};

/// The trial of select-echo.
pub static SELECT_ECHO: Trial = Trial {
    not_with_an_impostor: &["each reply is the whole message that it answers"],
    ..Trial::of::<select_echo::Server>(select_echo::ABOUT, select_echo::net)
};

/// The trial of suffix-echo.
pub static SUFFIX_ECHO: Trial = Trial {
    type_at: |net, at, _, typed| {
        net.command(at, net.find::<suffix_echo::Client>("client"), suffix_echo::typed(typed.clone()));
    },
    not_with_any_line: &["what comes back without the suffixes is what was sent"],
    not_with_an_impostor: &[
        "what comes back without the suffixes is what was sent",
        "a reply comes only when the server has taken all that was sent",
    ],
    ..Trial::of::<suffix_echo::Server>(suffix_echo::ABOUT, suffix_echo::net)
};

/// The trial of tcp-chat.
pub static TCP_CHAT: Trial = Trial {
    type_at: |net, at, client, typed| {
        let names = ["client-1", "client-2", "client-3"];
        let client = net.find::<tcp_chat::Client>(names[client % names.len()]);
        net.command(at, client, tcp_chat::typed(typed.clone()));
    },
    not_with_an_impostor: &["a member hears all that is said while it is there, whole and in one order"],
    ..Trial::of::<tcp_chat::Server>(tcp_chat::ABOUT, tcp_chat::net)
};

/// The trial of tcp-deadlock.
pub static TCP_DEADLOCK: Trial = Trial {
    not_with_a_guest: &["the server processes no more than was sent"],
    not_with_an_impostor: &["the client gets back something else than it has sent"],
    ..Trial::of::<tcp_deadlock::Server>(tcp_deadlock::ABOUT, tcp_deadlock::net)
};

/// The trial of tcp-sixteen.
pub static TCP_SIXTEEN: Trial = Trial {
    not_with_a_guest: &["what is read is what was said, whole"],
    not_with_an_impostor: &[
        "what is read is what was said, whole",
        "the client hears the farewell only after the server has read",
    ],
    ..Trial::of::<tcp_sixteen::Server>(tcp_sixteen::ABOUT, tcp_sixteen::net)
};

/// The trial of udp-broadcast.
pub static UDP_BROADCAST: Trial = Trial {
    not_with_a_guest: &[
        "what a listener hears is the broadcast, and comes from the client",
        "a listener hears a broadcast no more than twice, and none that was not sent",
    ],
    ..Trial::of::<udp_broadcast::Server>(udp_broadcast::ABOUT, udp_broadcast::net)
};

/// The trial of udp-chat.
pub static UDP_CHAT: Trial = Trial {
    type_at: |net, at, client, typed| {
        let names = ["client-1", "client-2", "client-3"];
        let client = net.find::<udp_chat::Client>(names[client % names.len()]);
        net.command(at, client, udp_chat::typed(typed.clone()));
    },
    not_with_an_impostor: &["a member hears what was said while it was one"],
    ..Trial::of::<udp_chat::Server>(udp_chat::ABOUT, udp_chat::net)
};

/// The trial of udp-local.
pub static UDP_LOCAL: Trial = Trial {
    not_with_changed_bytes: &["a reply tells the length of what the server was asked"],
    not_with_an_impostor: &["a reply tells the length of what the server was asked"],
    ..Trial::of::<udp_local::Server>(udp_local::ABOUT, udp_local::net)
};

/// The trial of udp-remote.
pub static UDP_REMOTE: Trial = Trial {
    not_with_changed_bytes: &["a reply answers the request it is for"],
    not_with_an_impostor: &["a reply answers the request it is for"],
    ..Trial::of::<udp_remote::Server>(udp_remote::ABOUT, udp_remote::net)
};
