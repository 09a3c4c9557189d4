//! The QUIC of `quinn-proto`, a state machine that knows nothing of this crate, under searched loss.
//!
//! All laws are held to both its ends, the twin's equal answers among them, and none is exempted. For that, what is
//! random or a clock in it was put into the machine's hands:
//!
//! - its own generator, ids and keys: by `EndpointConfig::rng_seed`, a generator of connection ids, fixed keys;
//! - the randomness of its TLS: by a provider of our own (`tls`), for rustls and ring draw from the system;
//! - the calendar: stopped, for certificates, tickets and tokens;
//! - its clock, the standard library's `Instant`: read once for each machine as the start of the run, then counted on.
//!
//! What cannot be taken over is named here: the base of the clock is a real moment, for the standard library makes no
//! other. No answer depends on it, as law 5 holds. With the provider that rustls brings, its randomness cannot be taken over
//! either, and laws 4, 5 and 6 have to be given up by [`Promises::not_repeatable`]; one test does so.

mod marks;
mod quic;
mod shown;
mod tls;

use std::fmt::Write as _;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::machine::Law;
use lossproof::{Chance, Check, Host, Instant, Net, Peer, Profile, Promises, Scenario};
use quic::{Heard, Quic};
use tls::Randomness;

const TEXT: &str = "hello";

/// A client that says something to a server, 50 ms away there and back, and leaves when it hears the echo.
fn net(randomness: Randomness, promises: Promises) -> (Net, Host<Quic>) {
    net_of(promises, move |seed, server| Quic::new(seed, randomness, server))
}

/// The same with ends that are made so.
fn net_of(
    promises: Promises,
    end: impl Fn(u64, Option<Peer>) -> Quic + Copy + Send + Sync + 'static,
) -> (Net, Host<Quic>) {
    let net = Net::new("quic");
    net.latency(Duration::from_millis(25));
    net.max_time(Duration::from_mins(5));
    net.decode(shown::packets);
    let place = net.host("server").udp(443).promises(promises);
    let server = place.machine(move |boot| end(boot.seed(), None));
    let place = net.host("client").udp(50_000).promises(promises);
    let client = place.machine(move |boot| end(boot.seed(), Some(boot.peer(server))));
    net.command(Instant::START, client, TEXT);
    net.never("an echo is not what was said", move |run| {
        run.events(client).iter().any(|heard| matches!(heard, Heard::Echo(text) if text != TEXT))
    });
    net.never("an end is connected twice", move |run| {
        [client, server]
            .iter()
            .any(|end| run.events(*end).iter().filter(|heard| **heard == Heard::Connected).count() > 1)
    });
    net.eventually_within("the client leaves", Duration::from_secs(200), move |run| {
        run.status(client).is_some()
    });
    (net, client)
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
    let stormy = Profile {
        duplicate: Chance::percent(10),
        corrupt: Chance::percent(5),
        jitter: Duration::from_millis(100),
        ..loss()
    };
    let (net, _) = net(Randomness::OfTheMachine, Promises::DEFAULT);
    let verdict = Check::new(net).profile(stormy).runs(300).assert();
    // Lost, doubled, late, changed.
    assert_eq!(verdict.tally().fired_kinds().count(), 4);
}

/// The network that makes the handshake late is found, and made small: what is left is said in the snapshot.
#[test]
fn what_makes_a_handshake_late() {
    let (net, client) = net(Randomness::OfTheMachine, Promises::DEFAULT);
    let net = net.without_properties();
    net.eventually_within("the client is connected", Duration::from_secs(3), move |run| {
        run.events(client).contains(&Heard::Connected)
    });
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), loss(), 0);
    let failure = search.runs(0..1_000).failure.expect("some handshake is late");
    let shrunk = search.shrink(&failure, 1_000);
    assert!(shrunk.is_minimal);
    assert_snapshot("quinn-late", &shrunk.failure.plan.to_string(), &shrunk.failure.transcript);
}

/// With the randomness of the system, which it has by default, two that should be the same are not; it has to be said
/// that it is so. The other laws are held all the same.
#[test]
fn the_laws_find_randomness_of_the_system() {
    let scenario = Scenario::from(net(Randomness::OfTheSystem, Promises::DEFAULT).0.without_properties());
    let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 0);
    let failure = search.runs(0..1).failure.expect("its TLS draws from the system");
    assert_eq!(failure.broken, Law::SameInputsSameOutputs.to_string());

    let (net, _) = net(Randomness::OfTheSystem, Promises::DEFAULT.not_repeatable());
    Check::new(net).profile(loss()).runs(100).assert();
}

/// Each of them hears its echo, or loses the connection by the idle timeout of 30 s.
#[test]
fn how_many_handshakes_complete_in_how_much_time() {
    const RUNS: u64 = 1_000;
    let (net, client) = net(Randomness::OfTheMachine, Promises::DEFAULT);
    let scenario = Scenario::from(net.without_properties());
    let mut search = Search::new(&scenario, Prepared::default(), loss(), 0);
    let (mut connected_at, mut echoed, mut idle) = (Vec::new(), 0_u64, 0_u64);
    for run in 0..RUNS {
        search.once(search.seed_of(run)).expect("no law is broken");
        let view = search.engine().view();
        for (heard, at) in view.events(client).iter().zip(view.times(client)) {
            match heard {
                Heard::Connected => connected_at.push(*at),
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
