//! udp-remote in simulation.

use lossproof::fault::Chance;
use lossproof::machine::{Effect, Outlet};
use lossproof::parts::backoff::Backoff;
use lossproof::systems::Options;
use lossproof::systems::udp_remote::{self, Client, MESSAGE, Server, ServerEvent};
use lossproof::{Input, Instant, Machine, Net, Peer};

use crate::support::{assert_held, assert_run, stormy};

fn net(ids: bool) -> Net {
    udp_remote::net(&Options { ids, ..Options::default() })
}

/// S11, S12.
#[test]
fn it_recovers_at_the_fourth_try() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 drop";
    assert_run("udp-remote", net(false), plan);
}

/// S12, S14.
#[test]
fn it_gives_up_behind_a_partition() {
    let plan = "at 0ms partition client|server";
    assert_run("udp-remote-partition", net(false), plan);
}

/// S17.
#[test]
fn with_ids_it_outlives_a_duplicate_a_flip_and_a_crash() {
    let plan = "client>server #0 duplicate; client>server #1 flip 3:0x80; at 50ms crash server; at 150ms restart server";
    assert_run("udp-remote-ids", net(true), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(false), "", stormy(), 5_000);
    assert_held(net(true), "", stormy(), 5_000);
}

/// S09: as likely as it is told, and what is not dropped is answered.
#[test]
fn about_half_of_the_requests_is_dropped() {
    let [local, peer] = ["127.0.0.1:1060", "127.0.0.1:50000"].map(|peer| peer.parse::<Peer>().unwrap());
    let (mut server, mut out) = (Server::new(Chance::percent(50), false, 7), Outlet::new());
    for _ in 0..1_000 {
        out.feed(&mut server, Input::Datagram { peer, local, bytes: b"abc" }, Instant::START);
    }
    let (mut dropped, mut answered) = (0, 0);
    out.drain(|effect| match effect {
        Effect::Event(ServerEvent::Dropping(from)) => dropped += i32::from(from == peer),
        Effect::Send { bytes, .. } => answered += i32::from(bytes == b"Your data was 3 bytes long"),
        _ => {}
    });
    assert_eq!(dropped + answered, 1_000);
    assert!((400..=600).contains(&dropped), "{dropped}");
}

/// S11, S17: the same again after each timeout, with the same id.
#[test]
fn a_request_stays_the_same_across_its_retries() {
    let server: Peer = "127.0.0.1:1060".parse().unwrap();
    for (first_id, expected) in [(None, MESSAGE.to_owned()), (Some(0x2a), format!("0000002a {MESSAGE}"))] {
        let mut client = Client::new(server, &[MESSAGE], first_id, Backoff::CLASSIC);
        let mut out = Outlet::new();
        out.feed(&mut client, Input::Start { local: server }, Instant::START);
        while let Some(due_at) = client.deadline() {
            out.feed(&mut client, Input::Timeout, due_at);
        }
        let mut sent = Vec::new();
        out.drain(|effect| {
            if let Effect::Send { bytes, .. } = effect {
                sent.push(String::from_utf8(bytes.to_vec()).unwrap());
            }
        });
        assert_eq!(sent, vec![expected; 5]);
    }
}
