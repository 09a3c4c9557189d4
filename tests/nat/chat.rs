//! udp-chat behind a NAT that forgets a mapping before the next ping.

use std::time::Duration;

use lossproof::scenario::{Host, Nat, NatKind, Net};
use lossproof::systems::udp_chat::{Client, ClientEvent, Command, EXPIRY, PING_EVERY, Server};
use lossproof::{Check, Instant};

/// A member behind a NAT that says nothing, and one in the open that says something each second from the 2nd on, until the
/// 20th. Both ping so often.
fn net(ping_every: Duration, timeout: Duration) -> (Net, Host<Client>) {
    let net = Net::new("udp-chat");
    net.max_time(Duration::from_secs(22));
    let server = net.host("server").udp(9001).machine(|_| Server::new(EXPIRY, true));
    let home = net.nat("home", Nat::new(NatKind::PortRestricted).timeout(timeout));
    let listener = net.host("listener").udp(0).behind(home);
    let listener = listener.machine(move |boot| Client::new(boot.peer(server), ping_every));
    let speaker = net.host("speaker").udp(0).machine(move |boot| Client::new(boot.peer(server), PING_EVERY));
    for second in 2..=20 {
        let at = Instant::from_millis(1_000 * second);
        net.command(at, speaker, Command::Say(format!("line {second}").into_bytes()));
    }
    (net, listener)
}

fn holds(net: Net, listener: Host<Client>) -> lossproof::harness::Verdict {
    net.eventually_within(
        "the member behind the NAT hears every line",
        Duration::from_secs(21),
        move |run| {
            let heard = run.events(listener).iter().filter(|event| matches!(event, ClientEvent::Heard(_)));
            heard.count() == 19
        },
    );
    Check::new(net).runs(1).profile(lossproof::fault::Profile::CALM).verdict().unwrap()
}

/// A mapping lasts as long as its timeout after a ping; pings come every 5 s.
#[test]
fn a_mapping_that_dies_before_the_next_ping_loses_what_is_said() {
    let (net, listener) = net(PING_EVERY, Duration::from_secs(3));
    let verdict = holds(net, listener);
    assert!(!verdict.holds(), "{verdict}");
    let text = verdict.to_string();
    assert!(text.contains("the member behind the NAT hears every line"), "{text}");
    assert!(text.contains("3.010  home      drop  server>listener #1: no mapping"), "{text}");
}

#[test]
fn a_shorter_heartbeat_keeps_the_mapping() {
    let (net, listener) = net(Duration::from_secs(2), Duration::from_secs(3));
    let verdict = holds(net, listener);
    assert!(verdict.holds(), "{verdict}");
}
