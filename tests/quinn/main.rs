//! The QUIC of `quinn-proto`, a state machine that knows nothing of this crate, under searched loss.
//!
//! All nine laws are held to both its ends, the twin's equal answers among them, and none is exempted. For that, what is
//! random or a clock in it was put into the machine's hands:
//!
//! - its own generator, ids and keys: by `EndpointConfig::rng_seed`, a generator of connection ids, fixed keys;
//! - the randomness of its TLS: by a provider of our own (`tls`), for rustls and ring draw from the system;
//! - the calendar: stopped, for certificates, tickets and tokens;
//! - its clock, the standard library's `Instant`: read once for each machine as the start of the run, then counted on.
//!
//! What cannot be taken over is named here: the base of the clock is a real moment, for the standard library makes no
//! other. No answer depends on it, as law 5 holds. With the provider that rustls brings, its randomness cannot be taken over
//! either, and laws 2, 4, 5 and 6 have to be exempted by [`Promises::repeatable`]; one test does so.
#![cfg(feature = "sansio")]

mod quic;
mod shown;
mod tls;

use std::fmt::Write as _;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::machine::{BoxedMachine, Law};
use lossproof::polled::{Clock, Output, Polled};
use lossproof::{
    Binding, Chance, Check, Input, Instant, Peer, Profile, Promises, Property, Scenario, Status,
};
use quic::{Datagram, Heard, Quic, Say};
use sansio::Protocol;
use tls::Randomness;

const TEXT: &str = "hello";

fn machine(quic: Quic, to: Peer, is_server: bool) -> BoxedMachine<&'static str, Heard> {
    #[expect(clippy::disallowed_methods, reason = "any moment will do as that at which the run starts")]
    let base = std::time::Instant::now();
    let inet = |peer: Peer| peer.inet().expect("an internet address");
    let machine = Polled::new(
        quic,
        Clock::since(base),
        move |quic, input, now| match input {
            Input::Command(text) => quic.handle_write(Say { now, to: inet(to), text }),
            Input::Datagram { peer, bytes } => {
                quic.handle_read(Datagram { now, from: inet(peer), bytes: bytes.to_vec() })
            }
            _ => Ok(()),
        },
        move |output, out| match output {
            Output::Write((to, bytes)) => out.send(to.into(), &bytes),
            Output::Read(Heard::Drained) if !is_server => out.done(Status::Success),
            Output::Read(heard) => out.event(heard),
            Output::Error(error) => out.event(Heard::Lost(error.to_string())),
            Output::Event(()) => {}
        },
    );
    Box::new(machine)
}

/// A client that says something to a server, 50 ms away there and back, and leaves when it hears the echo.
fn scenario(randomness: Randomness, promises: Promises) -> Scenario<&'static str, Heard> {
    let mut scenario = Scenario::new("quic");
    scenario.latency = Duration::from_millis(25);
    scenario.max_time = Instant::from_millis(300_000);
    scenario.decode = Some(shown::packets);
    let nobody = "127.0.0.1:1".parse().expect("an address");
    let server = scenario.host_promising("server", Binding::datagram(443), promises, move |boot| {
        machine(Quic::server(boot.seed, randomness), nobody, true)
    });
    let server = scenario.peer(server);
    let client = scenario.host_promising("client", Binding::datagram(50_000), promises, move |boot| {
        machine(Quic::client(boot.seed, randomness), server, false)
    });
    scenario.command(Instant::START, client, TEXT);
    scenario
}

fn properties(scenario: &Scenario<&'static str, Heard>) -> [Property<Heard>; 3] {
    let [client, server] = ["client", "server"].map(|name| scenario.find(name).expect("a host"));
    [
        Property::never("an echo is not what was said", move |view| {
            view.of(client).any(|heard| matches!(heard, Heard::Echo(text) if text != TEXT))
        }),
        Property::never("an end is connected twice", move |view| {
            let times = |host| view.of(host).filter(|heard| **heard == Heard::Connected).count();
            times(client) > 1 || times(server) > 1
        }),
        Property::eventually_within("the client leaves", Duration::from_secs(200), move |view| {
            view.status(client).is_some()
        }),
    ]
}

fn loss() -> Profile {
    Profile { loss: Chance::percent(30), ..Profile::default() }
}

fn assert_snapshot(name: &str, description: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Nothing that a network does makes an end panic, break a law, or hear what was not said.
#[test]
fn a_handshake_and_an_echo_under_searched_faults() {
    let scenario = scenario(Randomness::OfTheMachine, Promises::DEFAULT);
    let stormy = Profile {
        duplicate: Chance::percent(10),
        corrupt: Chance::percent(5),
        jitter: Duration::from_millis(100),
        ..loss()
    };
    let properties = properties(&scenario);
    let tally = Check::new("a_handshake_and_an_echo_under_searched_faults", &scenario, &properties)
        .profile(stormy)
        .runs(300)
        .assert();
    // Lost, doubled, late, changed.
    assert_eq!(tally.fired_kinds().count(), 4);
}

/// The network that makes the handshake late is found, and made small: what is left is said in the snapshot.
#[test]
fn what_makes_a_handshake_late() {
    let scenario = scenario(Randomness::OfTheMachine, Promises::DEFAULT);
    let soon = Duration::from_secs(3);
    let client = scenario.find("client").expect("a host");
    let properties = [Property::eventually_within("the client is connected", soon, move |view| {
        view.of(client).any(|heard| *heard == Heard::Connected)
    })];
    let mut search = Search::new(&scenario, &properties, Prepared::default(), loss(), 0);
    let failure = search.runs(0..1_000).failure.expect("some handshake is late");
    let shrunk = search.shrink(&failure, 1_000);
    assert!(shrunk.is_minimal);
    assert_snapshot("quinn-late", &shrunk.failure.plan.to_string(), &shrunk.failure.transcript);
}

/// With the randomness of the system, which it has by default, two that should be the same are not; it has to be said
/// that it is so. The other laws are held all the same.
#[test]
fn the_laws_find_randomness_of_the_system() {
    let scenario_of = |promises| scenario(Randomness::OfTheSystem, promises);
    let scenario = scenario_of(Promises::DEFAULT);
    let mut search = Search::new(&scenario, &[], Prepared::default(), Profile::default(), 0);
    let failure = search.runs(0..1).failure.expect("its TLS draws from the system");
    assert_eq!(failure.broken, Law::SameInputsSameOutputs.to_string());

    let scenario = scenario_of(Promises { repeatable: false, ..Promises::DEFAULT });
    let properties = properties(&scenario);
    let name = "the_laws_find_randomness_of_the_system";
    Check::new(name, &scenario, &properties).profile(loss()).runs(100).assert();
}

/// Each of them hears its echo, or loses the connection by the idle timeout of 30 s.
#[test]
fn how_many_handshakes_complete_in_how_much_time() {
    const RUNS: u64 = 1_000;
    let scenario = scenario(Randomness::OfTheMachine, Promises::DEFAULT);
    let client = scenario.find("client").expect("a host");
    let mut search = Search::new(&scenario, &[], Prepared::default(), loss(), 0);
    let (mut connected_at, mut echoed, mut idle) = (Vec::new(), 0_u64, 0_u64);
    for run in 0..RUNS {
        search.once(search.seed_of(run)).expect("no law is broken");
        for it in search.engine().events().iter().filter(|it| it.host == client) {
            match &it.event {
                Heard::Connected => connected_at.push(it.at),
                Heard::Echo(text) => echoed += u64::from(text == TEXT),
                Heard::Lost(reason) => idle += u64::from(reason == "timed out"),
                Heard::Drained => {}
            }
        }
    }
    let percent = |count: u64| count as f64 / RUNS as f64 * 100.0;
    let mut text = String::new();
    for millis in [50, 1_050, 1_500, 3_000, 5_000, 10_000, 30_000] {
        let bound = Instant::from_millis(millis);
        let share = percent(connected_at.iter().filter(|at| **at <= bound).count() as u64);
        let _ = writeln!(text, "{share:5.1}% of the handshakes complete within {bound:>6} s");
    }
    let _ = writeln!(text, "{:5.1}% hear their echo", percent(echoed));
    let _ = writeln!(text, "{:5.1}% lose the connection by its idle timeout", percent(idle));
    assert_snapshot("quinn-loss", "1000 handshakes, 25 ms each way, 30% loss each way", &text);
}
