//! greeter in simulation.

use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::machine::{CloseReason, Conn, Effect, Outlet, limits};
use lossproof::systems::greeter::{
    self, ClientEvent, MAX_WAITING, ServerEvent, StreamServer, TEXT, print_server,
};
use lossproof::systems::{Kind, Options};
use lossproof::{Input, Instant, Machine, Peer, Scenario};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, config, plan_of_others, stormy};

const HOLD: Duration = Duration::from_secs(1);

fn holding(kind: Kind) -> Options {
    Options { kind, hold: HOLD, ..Options::default() }
}

fn datagrams() -> Options {
    Options { datagram: true, ..Options::default() }
}

fn forms() -> [Options; 4] {
    [Options::default(), holding(Kind::Sync), holding(Kind::Concurrent), datagrams()]
}

/// S34: the second waits for the first, which is reset; the third for the second, which is held.
#[test]
fn one_at_a_time_each_waits_for_the_one_before() {
    let plan = "server>client-1 @9 reset; server>client-2 @0 stall 300ms";
    assert_run("greeter-sync", greeter::net(&holding(Kind::Sync)), plan);
}

/// S32, S34: all are thanked at once, and a stall of one is nothing to the others.
#[test]
fn all_together_nobody_waits() {
    let plan = "server>client-1 @5 stall 2s; at 30ms crash server";
    assert_run("greeter-concurrent", greeter::net(&holding(Kind::Concurrent)), plan);
}

/// C15.
#[test]
fn datagrams_are_thanked_for_whatever_is_in_them() {
    let plan = "client-1>server #0 truncate 0; client-2>server #0 duplicate; client-3>server #0 drop; \
                server>client-2 #0 delay 40ms";
    assert_run("greeter-datagram", greeter::net(&datagrams()), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    for options in forms() {
        assert_held(greeter::net(&options), "", stormy(), 1_000);
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn its_properties_hold_under_any_plan(
        (options, plan) in prop::sample::select(forms().to_vec())
            .prop_flat_map(|options| (Just(options.clone()), plan_of_others(greeter::net(&options)))),
    ) {
        assert_held(greeter::net(&options), &plan.to_string(), stormy(), 2);
    }
}

#[cfg(feature = "turmoil")]
mod parity {
    use lossproof::fault::Profile;
    use lossproof::fault::strategy::{datagram_plan, stream_plan};

    use super::*;
    use crate::support::{assert_parity, clients_both_ways};

    proptest! {
        #![proptest_config(config(20))]

        #[test]
        fn streams_are_the_same_in_both_worlds(
            plan in stream_plan(&clients_both_ways(3), 25, 6),
            kind in prop_oneof![Just(Kind::Sync), Just(Kind::Concurrent)],
            seed in any::<u64>(),
        ) {
            assert_parity(greeter::net(&holding(kind)), &plan, stormy(), seed);
        }

        #[test]
        fn datagrams_are_the_same_in_both_worlds(
            plan in datagram_plan(&clients_both_ways(3), 2, 6),
            seed in any::<u64>(),
        ) {
            assert_parity(greeter::net(&datagrams()), &plan, stormy(), seed);
        }
    }

    #[test]
    fn partitions_and_resets_are_the_same_in_both_worlds() {
        for plan in [
            "at 12ms partition client-2|server; at 3s heal",
            "at 0ms partition server>client-1; at 700ms heal",
            "server>client-1 @9 reset; server>client-2 @0 reset",
            "at 100ms skew server +10s",
        ] {
            for options in [holding(Kind::Sync), holding(Kind::Concurrent)] {
                assert_parity(greeter::net(&options), &plan.parse().unwrap(), Profile::default(), 1);
            }
        }
    }
}

/// A server that a test feeds by hand.
struct Fed {
    server: StreamServer,
    out: Outlet<ServerEvent>,
}

impl Fed {
    fn new(kind: Kind, hold: Duration) -> Self {
        Self { server: StreamServer::new(kind, hold), out: Outlet::new() }
    }

    fn feed(&mut self, input: Input<'_, ()>, millis: u64) -> Vec<String> {
        self.out.feed(&mut self.server, input, Instant::from_millis(millis));
        let mut seen = Vec::new();
        self.out.drain(|effect| match effect {
            Effect::Write { conn, bytes } => {
                assert_eq!(bytes, TEXT);
                seen.push(format!("thank {}", conn.index()));
            }
            Effect::Close { conn } => seen.push(format!("close {}", conn.index())),
            Effect::Abort { conn } => seen.push(format!("abort {}", conn.index())),
            _ => {}
        });
        seen
    }

    fn connect(&mut self, millis: u64) -> (Conn, Vec<String>) {
        let conn = self.out.accept(limits::SEND_BUFFER_LEN as u32);
        let peer: Peer = "127.0.0.1:50000".parse().unwrap();
        (conn, self.feed(Input::Connected { conn, peer, local: peer }, millis))
    }
}

/// S34.
#[test]
fn a_handler_lasts_as_long_as_it_is_held_and_then_it_is_the_next_ones_turn() {
    let mut fed = Fed::new(Kind::Sync, HOLD);
    assert_eq!(fed.connect(0).1, ["thank 0"]);
    let (gone, seen) = fed.connect(10);
    assert_eq!(seen, [""; 0]);
    assert_eq!(fed.connect(20).1, [""; 0]);
    // One that leaves while it waits loses its turn, and nobody else's.
    assert_eq!(fed.feed(Input::Closed { conn: gone, reason: CloseReason::Reset }, 500), [""; 0]);
    assert_eq!(fed.server.deadline(), Some(Instant::from_millis(1_000)));
    assert_eq!(fed.feed(Input::Timeout, 999), [""; 0]);
    assert_eq!(fed.feed(Input::Timeout, 1_000), ["close 0", "thank 2"]);
    assert_eq!(fed.server.deadline(), Some(Instant::from_millis(2_000)));
    assert_eq!(fed.feed(Input::Timeout, 2_000), ["close 2"]);
    assert_eq!(fed.server.deadline(), None);
}

/// S34: what a client does not shorten the others' wait, but its own end does.
#[test]
fn a_client_that_is_gone_is_held_no_longer() {
    let mut fed = Fed::new(Kind::Sync, HOLD);
    let (first, _) = fed.connect(0);
    fed.connect(0);
    assert_eq!(fed.feed(Input::Received { conn: first, bytes: b"x" }, 100), [""; 0]);
    assert_eq!(fed.feed(Input::Eof { conn: first }, 200), [""; 0]);
    let seen = fed.feed(Input::Closed { conn: first, reason: CloseReason::Reset }, 300);
    assert_eq!(seen.last().map(String::as_str), Some("thank 1"));
    assert_eq!(fed.server.deadline(), Some(Instant::from_millis(1_300)));
}

/// S34.
#[test]
fn all_together_each_has_a_deadline_of_its_own() {
    let mut fed = Fed::new(Kind::Concurrent, HOLD);
    for millis in [0, 400, 800] {
        assert_eq!(fed.connect(millis).1.len(), 1);
    }
    assert_eq!(fed.feed(Input::Timeout, 1_400), ["close 0", "close 1"]);
    assert_eq!(fed.server.deadline(), Some(Instant::from_millis(1_800)));
}

/// S32: without a hold nobody waits, of either kind.
#[test]
fn without_a_hold_everybody_is_thanked_and_closed_at_once() {
    for kind in [Kind::Sync, Kind::Concurrent] {
        let mut fed = Fed::new(kind, Duration::ZERO);
        for index in 0..5 {
            assert_eq!(fed.connect(0).1, [format!("thank {index}"), format!("close {index}")]);
        }
        assert_eq!(fed.server.deadline(), None);
    }
}

/// S34: the line of those who wait is bounded, and the one beyond is turned away, not forgotten.
#[test]
fn so_many_may_wait_and_not_one_more() {
    let mut fed = Fed::new(Kind::Sync, HOLD);
    for _ in 0..=MAX_WAITING {
        assert!(fed.connect(0).1.iter().all(|seen| !seen.starts_with("abort")));
    }
    assert_eq!(fed.connect(0).1, [format!("abort {}", MAX_WAITING + 1)]);
    fed.feed(Input::Timeout, 1_000);
    assert_eq!(fed.connect(1_000).1, [""; 0]);
}

/// S33: what the original prints, and nothing else.
#[test]
fn a_terminal_shows_only_who_has_connected() {
    let peer: Peer = "[::1]:50000".parse().unwrap();
    let printed = |event: &ServerEvent| {
        let mut text = String::new();
        print_server(event, &mut text).unwrap();
        text
    };
    assert_eq!(printed(&ServerEvent::Connected(peer)), "Got connection from [::1]:50000\n");
    assert_eq!(printed(&ServerEvent::Listening(peer)) + &printed(&ServerEvent::LetGo(peer)), "");
    assert_eq!(ClientEvent::Heard(b"Thank\xff".to_vec()).to_string(), "Thank\\xff");
}

/// S34: `--time-scale` is for the hold, too.
#[test]
fn the_hold_is_scaled() {
    let options = Options { time_scale: 0.5, ..holding(Kind::Sync) };
    let net = greeter::net(&options);
    let server = net.find::<StreamServer>("server");
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let run = engine.view();
    let mut told = run.events(server).iter().zip(run.times(server));
    let mut when = |is_it: fn(&ServerEvent) -> bool| told.find(|(event, _)| is_it(event)).map(|(_, at)| *at);
    let connected_at = when(|event| matches!(event, ServerEvent::Connected(_))).unwrap();
    let let_go_at = when(|event| matches!(event, ServerEvent::LetGo(_))).unwrap();
    assert_eq!(let_go_at.since(connected_at), Duration::from_millis(500));
}
