//! Every system keeps what it promises on every named network.

use lossproof::fault::Profile;
use lossproof::systems::{
    Options, System, greet::Greet, greeter::Greeter, hello_tcp::HelloTcp, hello_udp::HelloUdp, http::Http,
    select_echo::SelectEcho, suffix_echo::SuffixEcho, tcp_chat::TcpChat, tcp_deadlock::TcpDeadlock,
    tcp_sixteen::TcpSixteen, udp_broadcast::UdpBroadcast, udp_chat::UdpChat, udp_local::UdpLocal,
    udp_remote::UdpRemote,
};

use crate::support::assert_held;

fn assert_held_everywhere<S: System>() {
    for (_, profile) in Profile::NAMED {
        assert_held::<S>(&Options::default(), "", profile, 50);
    }
}

#[test]
fn systems_of_datagrams_hold_on_every_network() {
    assert_held_everywhere::<HelloUdp>();
    assert_held_everywhere::<UdpBroadcast>();
    assert_held_everywhere::<UdpChat>();
    assert_held_everywhere::<UdpLocal>();
    assert_held_everywhere::<UdpRemote>();
}

#[test]
fn systems_of_streams_hold_on_every_network() {
    assert_held_everywhere::<Greet>();
    assert_held_everywhere::<Greeter>();
    assert_held_everywhere::<HelloTcp>();
    assert_held_everywhere::<Http>();
    assert_held_everywhere::<SelectEcho>();
    assert_held_everywhere::<SuffixEcho>();
    assert_held_everywhere::<TcpChat>();
    assert_held_everywhere::<TcpDeadlock>();
    assert_held_everywhere::<TcpSixteen>();
}
