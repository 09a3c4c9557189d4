//! The systems that ship with this crate, as the command line knows them.

use super::app::App;
use crate::specimens::protocols;
use crate::systems::{
    election, geocode, greet, greeter, hello_tcp, hello_udp, http, select_echo, suffix_echo, tcp_chat,
    tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};

/// The systems that ship with this crate, in the order in which they are listed: for a command line that has them beside
/// others.
pub fn systems() -> [App; 16] {
    [
        App::of(udp_local::ABOUT, udp_local::net),
        App::of(udp_remote::ABOUT, udp_remote::net).share(udp_remote::success_share),
        App::of(udp_broadcast::ABOUT, udp_broadcast::net)
            .print::<udp_broadcast::Client>(udp_broadcast::print_client),
        App::of(tcp_sixteen::ABOUT, tcp_sixteen::net).lines::<tcp_sixteen::Server>(),
        App::of(tcp_deadlock::ABOUT, tcp_deadlock::net)
            .lines::<tcp_deadlock::Server>()
            .lines::<tcp_deadlock::Client>(),
        App::of(greeter::ABOUT, greeter::net)
            .client("client-1")
            .print::<greeter::StreamServer>(greeter::print_server)
            .print::<greeter::DatagramServer>(greeter::print_server),
        App::of(select_echo::ABOUT, select_echo::net)
            .tls::<select_echo::Server, select_echo::Client>()
            .lines::<select_echo::Server>()
            .lines::<select_echo::Client>(),
        App::of(greet::ABOUT, greet::net)
            .tls::<greet::Server, greet::Client>()
            .client("client-1")
            .lines::<greet::Server>()
            .lines::<greet::Client>(),
        App::of(http::ABOUT, http::net)
            .tls::<http::Server, http::Client>()
            .print::<http::Server>(http::print_server)
            .print::<http::Client>(http::print_client)
            .file::<http::Client>(http::file),
        App::of(hello_tcp::ABOUT, hello_tcp::net)
            .client("client-1")
            .print::<hello_tcp::Server>(hello_tcp::print_server),
        App::of(hello_udp::ABOUT, hello_udp::net).print::<hello_udp::Client>(hello_udp::print_client),
        App::of(tcp_chat::ABOUT, tcp_chat::net)
            .client("client-1")
            .typed::<tcp_chat::Client>(|typed| Some(tcp_chat::typed(typed)))
            .wants_line::<tcp_chat::Client>(tcp_chat::wants_line)
            .print::<tcp_chat::Server>(tcp_chat::print_server)
            .print::<tcp_chat::Client>(tcp_chat::print_client),
        App::of(udp_chat::ABOUT, udp_chat::net)
            .client("client-1")
            .typed::<udp_chat::Client>(|typed| Some(udp_chat::typed(typed)))
            .wants_line::<udp_chat::Client>(udp_chat::wants_line)
            .print::<udp_chat::Server>(udp_chat::print_server)
            .print::<udp_chat::Client>(udp_chat::print_client),
        App::of(suffix_echo::ABOUT, suffix_echo::net)
            .tls::<suffix_echo::Server, suffix_echo::Client>()
            .typed::<suffix_echo::Client>(|typed| Some(suffix_echo::typed(typed)))
            .wants_line::<suffix_echo::Client>(suffix_echo::wants_line)
            .print::<suffix_echo::Server>(suffix_echo::print_server)
            .print::<suffix_echo::Client>(suffix_echo::print_client),
        App::of(geocode::ABOUT, geocode::net)
            .tls::<geocode::Server, geocode::Client>()
            .print::<geocode::Server>(geocode::print_server)
            .print::<geocode::Client>(geocode::print_client)
            .note::<geocode::Client>(geocode::note),
        App::of(election::ABOUT, election::net)
            .server("member-1")
            .client("client-1")
            .typed::<election::Client>(|line| Some(election::typed(line)))
            .wants_line::<election::Client>(election::wants_line)
            .print::<election::Member>(election::print_member)
            .print::<election::Client>(election::print_client),
    ]
}

/// The protocols that are there for their bugs. They are run as systems are, and not listed as such.
pub(super) fn protocols() -> impl Iterator<Item = App> {
    let clients = ["client", "sender", "client", "client", "left", "left", "client-0", "client"];
    let servers = ["server", "receiver", "server", "server", "server", "right", "server", "server"];
    let all = protocols::ALL.iter().copied().zip(clients.into_iter().zip(servers));
    all.map(|((about, net), (client, server))| App::of(about, net).client(client).server(server).unlisted())
}
