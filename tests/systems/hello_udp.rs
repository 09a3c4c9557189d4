//! hello-udp in simulation.

use std::time::Duration;

use lossproof::fault::{Chance, Profile, strategy};
use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::systems::Options;
use lossproof::systems::hello_udp::{
    self, Client, ClientEvent, MAX_ANSWER_LEN, MAX_NAME_LEN, Server, ServerEvent,
};
use lossproof::{Input, Instant, Machine, Net, Peer, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, both_ways, config, stormy};

fn net() -> Net {
    hello_udp::net(&Options::default())
}

/// S62, S65, S66. Michael's greeting comes a second time, while Tracy's is waited for; Sarah's name is changed on its way.
#[test]
fn no_greeting_is_taken_for_another() {
    let plan = "server>client #0 duplicate; client>server #1 drop; client>server #3 flip 4:0x08; \
                at 700ms crash server; at 2100ms restart server";
    assert_run("hello-udp", net(), plan);
}

/// S66.
#[test]
fn it_gives_up_behind_a_partition() {
    assert_run("hello-udp-partition", net(), "at 8ms partition server>client");
}

#[test]
fn its_properties_hold_in_a_storm() {
    let corrupt = Profile { corrupt: Chance::percent(10), ..stormy() };
    assert_held(net(), "", corrupt, 3_000);
    let plan = "at 400ms crash server; at 3s restart server; at 4s crash server; at 6s restart server";
    assert_held(net(), plan, corrupt, 2_000);
    // A client that is started again begins anew.
    assert_held(net(), "at 600ms crash client; at 700ms restart client", stormy(), 500);
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn its_properties_hold_under_any_plan_for_datagrams(plan in strategy::datagram_plan(&both_ways(), 12, 10)) {
        assert_held(net(), &plan.to_string(), Profile::default(), 1);
    }
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use super::*;
    use crate::support::assert_parity;

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(plan in strategy::datagram_plan(&both_ways(), 8, 6)) {
            assert_parity(net(), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn storms_and_partitions_are_the_same_in_both_worlds() {
        for seed in 0..3 {
            assert_parity(net(), &"".parse().unwrap(), stormy(), seed);
        }
        for plan in [
            "at 0ms partition client|server",
            "at 8ms partition server>client; at 3s heal",
            "at 1s skew client +1s; client>server #0 drop; server>client #0 delay 4s",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

/// What the server sends for this.
fn answer(name: &[u8]) -> Vec<u8> {
    let mut out = Outlet::new();
    out.feed(
        &mut Server,
        Input::Datagram {
            peer: peer("192.0.2.1:7"),
            local: peer("192.0.2.2:9999"),
            bytes: name,
            ecn: Ecn::default(),
        },
        Instant::START,
    );
    let mut sent = Vec::new();
    out.drain(|effect| match effect {
        Effect::Send { peer: to, bytes, .. } if to == peer("192.0.2.1:7") => sent = bytes.to_vec(),
        Effect::Event(event) => assert_eq!(event.to_string(), "Received from 192.0.2.1:7."),
        other => panic!("{other:?}"),
    });
    sent
}

/// S62, S63.
#[test]
fn a_name_is_greeted_up_to_its_bound() {
    assert_eq!(answer(b"Tracy"), b"Hello, Tracy!");
    assert_eq!(answer(b""), b"Hello, !");
    assert_eq!(answer(b"\xff\n"), b"Hello, \xff\n!");
    let longest = [b"Hello, ".as_slice(), &[b'x'; MAX_NAME_LEN], b"!"].concat();
    assert_eq!(longest.len(), MAX_ANSWER_LEN);
    for len in [MAX_NAME_LEN, MAX_NAME_LEN + 1, 65_507] {
        assert_eq!(answer(&vec![b'x'; len]), longest, "{len}");
    }
    assert_ne!(answer(&[b'x'; MAX_NAME_LEN - 1]), longest);
}

/// S64.
#[test]
fn the_server_prints_its_port() {
    let listening = |local: &str| ServerEvent::Listening(peer(local)).to_string();
    assert_eq!(listening("127.0.0.1:9999"), "Bind UDP on 9999...");
    assert_eq!(listening("[::1]:4321"), "Bind UDP on 4321...");
}

/// What one input makes the client send and print, and how it ends.
fn step(client: &mut Client, input: Input<'_, ()>, millis: u64) -> (Vec<String>, Option<Status>) {
    let mut out = Outlet::new();
    out.feed(client, input, Instant::from_millis(millis));
    let (mut said, mut status) = (Vec::new(), None);
    out.drain(|effect| match effect {
        Effect::Send { bytes, .. } => said.push(format!("> {}", bytes.escape_ascii())),
        Effect::Event(ClientEvent::Asked { .. }) => {}
        Effect::Event(event) => said.push(event.to_string()),
        Effect::Done(done) => status = Some(done),
        other => panic!("{other:?}"),
    });
    (said, status)
}

/// S65, S66.
#[test]
fn only_the_servers_greeting_of_this_name_is_an_answer() {
    let server = peer("127.0.0.1:9999");
    let mut client = Client::new(server, Duration::from_secs(5));
    let start = Input::Start { local: peer("127.0.0.1:50000") };
    assert_eq!(step(&mut client, start, 0), (vec!["> Michael".to_owned()], None));
    let mut hear = |from: Peer, bytes: &[u8], millis| {
        let (said, status) = step(
            &mut client,
            Input::Datagram { peer: from, local: peer("127.0.0.1:50000"), bytes, ecn: Ecn::default() },
            millis,
        );
        (said.join(" "), status)
    };
    assert_eq!(hear(peer("127.0.0.1:9998"), b"Hello, Michael!", 1).0, "");
    assert_eq!(hear(server, b"Hello, Tracy!", 2).0, "");
    assert_eq!(hear(server, b"Hello, Michael", 3).0, "");
    assert_eq!(hear(server, b"Hello, Michael!", 4).0, "Hello, Michael! > Tracy");
    assert_eq!(hear(server, b"Hello, Michael!", 5).0, "", "a duplicate is no answer");
    assert_eq!(hear(server, b"Hello, Tracy!", 6).0, "Hello, Tracy! > Sarah");
    assert_eq!(hear(server, b"Hello, Sarah!", 7), ("Hello, Sarah!".to_owned(), Some(Status::Success)));
}

/// S66. All waits together are the timeout, to the nanosecond where it has ten equal parts.
#[test]
fn the_tries_are_within_the_timeout() {
    let mut client = Client::new(peer("127.0.0.1:9999"), Duration::from_secs(5));
    step(&mut client, Input::Start { local: peer("127.0.0.1:50000") }, 0);
    for millis in [500, 2_000, 3_500] {
        assert_eq!(client.deadline(), Some(Instant::from_millis(millis)));
        assert_eq!(step(&mut client, Input::Timeout, millis - 1).0.len(), 0, "it is not due");
        assert_eq!(step(&mut client, Input::Timeout, millis), (vec!["> Michael".to_owned()], None));
    }
    assert_eq!(client.deadline(), Some(Instant::from_millis(5_000)));
    let ended = step(&mut client, Input::Timeout, 5_000);
    assert_eq!(ended, (vec!["no answer within 5 seconds".to_owned()], Some(Status::Failure)));
    assert_eq!(client.deadline(), None);

    // However short it is, a wait is never nothing.
    let mut hurried = Client::new(peer("127.0.0.1:9999"), Duration::from_nanos(1));
    step(&mut hurried, Input::Start { local: peer("127.0.0.1:50000") }, 0);
    assert_eq!(hurried.deadline(), Some(Instant::from_nanos(1)));
}
