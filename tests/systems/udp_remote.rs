//! udp-remote in simulation.

use lossproof::fault::Chance;
use lossproof::machine::Effect;
use lossproof::parts::backoff::Backoff;
use lossproof::systems::Options;
use lossproof::systems::udp_remote::{Client, Event, MESSAGE, Server, UdpRemote};
use lossproof::{Input, Instant, Machine, Outbox, Peer};

use crate::support::{assert_held, assert_run, stormy};

/// S11, S12.
#[test]
fn it_recovers_at_the_fourth_try() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 drop";
    assert_run::<UdpRemote>("udp-remote", &Options::default(), plan);
}

/// S12, S14.
#[test]
fn it_gives_up_behind_a_partition() {
    let plan = "at 0ms partition client|server";
    assert_run::<UdpRemote>("udp-remote-partition", &Options::default(), plan);
}

/// S17.
#[test]
fn with_ids_it_outlives_a_duplicate_a_flip_and_a_crash() {
    let plan = "client>server #0 duplicate; client>server #1 flip 3:0x80; at 50ms crash server; at 150ms restart server";
    assert_run::<UdpRemote>("udp-remote-ids", &Options { ids: true, ..Options::default() }, plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held::<UdpRemote>(&Options::default(), "", stormy(), 5_000);
    assert_held::<UdpRemote>(&Options { ids: true, ..Options::default() }, "", stormy(), 5_000);
}

/// S09: as likely as it is told, and what is not dropped is answered.
#[test]
fn about_half_of_the_requests_is_dropped() {
    let peer: Peer = "127.0.0.1:50000".parse().unwrap();
    let (mut server, mut out) = (Server::new(Chance::percent(50), false, 7), Outbox::default());
    for _ in 0..1_000 {
        server.handle(Input::Datagram { peer, bytes: b"abc" }, Instant::START, &mut out);
    }
    let (mut dropped, mut answered) = (0, 0);
    out.drain(|effect| match effect {
        Effect::Event(Event::Dropping(from)) => dropped += i32::from(from == peer),
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
        let mut out = Outbox::default();
        client.handle(Input::Start { local: server }, Instant::START, &mut out);
        while let Some(due_at) = client.deadline() {
            client.handle(Input::Timeout, due_at, &mut out);
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
