//! greet in simulation.

use lossproof::machine::{CloseReason, Effect, Outlet, limits};
use lossproof::systems::Options;
use lossproof::systems::greet::{self, Client, ClientEvent, MAX_TEXT_LEN, Server, ServerEvent, TEXT};
use lossproof::{Input, Instant, Net, Peer, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, config, plan_of_others, stormy};

fn net() -> Net {
    greet::net(&Options::default())
}

fn saying(text: &str) -> Options {
    Options { text: Some(text.to_owned()), ..Options::default() }
}

fn peer() -> Peer {
    "127.0.0.1:9999".parse().unwrap()
}

/// S47, S48, S49: cut inside its characters, and held up there; the other client is reset and says so.
#[test]
fn a_text_that_comes_in_pieces_is_decoded_whole() {
    let plan = "server>client-1 cut every 8 bytes; server>client-1 @10 stall 2s; server>client-2 @9 reset";
    assert_run("greet", net(), plan);
}

#[test]
fn a_crash_and_a_partition_are_no_hang() {
    let plan = "at 12ms crash server; at 3ms partition server|client-2; at 1s restart server; at 2s heal";
    assert_run("greet-crash", net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 2_000);
    assert_held(greet::net(&saying("x")), "server>client-1 cut every 1 byte", stormy(), 1_000);
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn its_properties_hold_under_any_plan(plan in plan_of_others(net())) {
        assert_held(net(), &plan.to_string(), stormy(), 2);
    }
}

#[cfg(feature = "turmoil")]
mod parity {
    use lossproof::fault::Profile;
    use lossproof::fault::strategy::stream_plan;

    use super::*;
    use crate::support::{assert_parity, clients_both_ways};

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(plan in stream_plan(&clients_both_ways(2), 28, 6), seed in any::<u64>()) {
            assert_parity(net(), &plan, stormy(), seed);
        }
    }

    #[test]
    fn partitions_and_resets_are_the_same_in_both_worlds() {
        for plan in [
            "at 12ms partition client-1|server; at 3s heal",
            "at 1ms partition client-1>server; at 3s heal",
            "server>client-2 @20 reset",
            "server>client-1 cut every 1 byte; at 16ms skew client-1 +3s",
            "server>client-1 @0 stall 9s",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

/// S47: a text that does not fit is written as there is room, and the close comes after all of it.
#[test]
fn a_long_text_waits_for_room() {
    let text = "长".repeat(30);
    let mut server = Server::new(text.clone());
    let mut out = Outlet::new();
    let (slow, gone) = (out.accept(7), out.accept(7));
    for conn in [slow, gone] {
        out.feed(&mut server, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    }
    out.feed(&mut server, Input::Closed { conn: gone, reason: CloseReason::Reset }, Instant::START);
    let (mut said, mut closed) = (Vec::new(), false);
    while !closed {
        out.drain(|effect| match effect {
            Effect::Write { conn, bytes } if conn == slow => {
                assert!(!closed && bytes.len() <= 7);
                said.extend_from_slice(bytes);
            }
            Effect::Close { conn } => closed = conn == slow,
            _ => {}
        });
        if out.credit(slow, 7) {
            out.feed(&mut server, Input::Writable { conn: slow }, Instant::START);
        }
    }
    assert_eq!(String::from_utf8(said).unwrap(), text);
}

/// What a client makes of these bytes and the end.
fn heard(len: usize) -> Vec<(ClientEvent, Status)> {
    let mut client = Client::new(peer(), std::time::Duration::from_secs(5));
    let mut out = Outlet::new();
    out.feed(&mut client, Input::Start { local: peer() }, Instant::START);
    let mut conn = None;
    out.drain(|effect| {
        if let Effect::Connect { conn: dialed, .. } = effect {
            conn = Some(dialed);
        }
    });
    let conn = conn.unwrap();
    out.connected(conn, limits::SEND_BUFFER_LEN as u32);
    out.feed(&mut client, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    for slice in vec![b'x'; len].chunks(1000) {
        out.feed(&mut client, Input::Received { conn, bytes: slice }, Instant::START);
    }
    out.feed(&mut client, Input::Eof { conn }, Instant::START);
    let (mut told, mut ended) = (Vec::new(), Vec::new());
    out.drain(|effect| match effect {
        Effect::Event(event) => told.push(event),
        Effect::Done(status) => ended.push(status),
        _ => {}
    });
    told.into_iter().zip(ended).collect()
}

/// S49: its bound.
#[test]
fn a_text_may_have_its_full_length_and_not_one_byte_more() {
    assert_eq!(heard(MAX_TEXT_LEN), [(ClientEvent::Heard(vec![b'x'; MAX_TEXT_LEN]), Status::Success)]);
    assert_eq!(heard(MAX_TEXT_LEN + 1), [(ClientEvent::TooLong, Status::Failure)]);
    assert_eq!(heard(0), [(ClientEvent::NoText(peer()), Status::Failure)]);
}

/// S48, S49.
#[test]
fn what_is_printed_is_the_text_with_its_bad_bytes_replaced() {
    let shown = |text: &[u8]| ClientEvent::Heard(text.to_vec()).to_string();
    assert_eq!(shown(format!("{TEXT}\r\n").as_bytes()), TEXT);
    assert_eq!(shown(b"a\xff\r\n"), "a\u{fffd}");
    assert_eq!(shown(b"two\nlines"), "two\nlines");
    assert_eq!(ServerEvent::Accepted(peer()).to_string(), "连接地址: 127.0.0.1:9999");
}
