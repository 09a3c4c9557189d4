//! Every system keeps what it promises on every named network.

use lossproof::Net;
use lossproof::fault::Profile;
use lossproof::systems::{
    Options, election, geocode, greet, greeter, hello_tcp, hello_udp, http, select_echo, suffix_echo,
    tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};

use crate::support::assert_held;

fn assert_held_everywhere(systems: &[fn(&Options) -> Net]) {
    for net in systems {
        for (_, profile) in Profile::NAMED {
            assert_held(net(&Options::default()), "", profile, 50);
        }
    }
}

#[test]
fn systems_of_datagrams_hold_on_every_network() {
    assert_held_everywhere(&[
        election::net,
        hello_udp::net,
        udp_broadcast::net,
        udp_chat::net,
        udp_local::net,
        udp_remote::net,
    ]);
}

#[test]
fn systems_of_streams_hold_on_every_network() {
    assert_held_everywhere(&[
        geocode::net,
        greet::net,
        greeter::net,
        hello_tcp::net,
        http::net,
        select_echo::net,
        suffix_echo::net,
        tcp_chat::net,
        tcp_deadlock::net,
        tcp_sixteen::net,
    ]);
}
