//! What a search finds, and what it says of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lossproof::check::{Failure, Measure, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{FaultPlan, Profile};
use lossproof::machine::Law;
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};

use crate::{Bug, hosts, profile, replay, scenario, search};

#[test]
fn what_is_right_is_not_accused() {
    let tally = search(Bug::None, profile(), 2_000);
    assert_eq!((tally.failure, tally.runs), (None, 2_000));
    assert_eq!((tally.ends[0].running, tally.ends[1].successes), (2_000, 2_000));
}

#[test]
fn a_planted_bug_is_found_and_its_plan_makes_it_again() {
    for (bug, broken) in [
        (Bug::TakesAny, "an answer answers its question".to_owned()),
        (Bug::AsksOnce, "the asker ends".to_owned()),
        (Bug::Panics, Law::NoPanic.to_string()),
    ] {
        let tally = search(bug, profile(), 2_000);
        let failure = tally.failure.unwrap();
        assert_eq!((failure.broken.as_str(), tally.runs), (broken.as_str(), failure.run + 1));
        let text: FaultPlan = failure.plan.to_string().parse().unwrap();
        assert_eq!(replay(bug, &text), Failure { run: 0, ..failure });
    }
}

#[test]
fn a_panic_is_reported_with_its_words_and_its_plan() {
    let failure = search(Bug::Panics, profile(), 2_000).failure.unwrap();
    let said = "asker: it was handed Datagram at 0.";
    assert!(failure.detail.starts_with(said), "{}", failure.detail);
    assert!(failure.detail.contains(": an answer that nobody has asked for (at tests/search/main.rs:"));
    assert!(!failure.plan.is_empty() && failure.transcript.contains("recv"), "{}", failure.transcript);
    // The search goes on where it is asked to.
    let scenario = Scenario::from(hosts(Bug::Panics).0);
    let mut search = Search::new(&scenario, Prepared::default(), profile(), 7);
    let first = search.runs(0..2_000).failure.unwrap();
    let second = search.runs(first.run + 1..2_000).failure.unwrap();
    assert!(second.run > first.run);
    assert_eq!(search.runs(first.run..2_000).failure, Some(first));
}

#[test]
fn the_law_is_named_that_is_broken() {
    for (bug, law) in [
        (Bug::KnowsTheTime, Law::ShiftedInTime),
        (Bug::Global, Law::SameInputsSameOutputs),
        (Bug::Alternates, Law::SameInputsSameOutputs),
        (Bug::Hashed, Law::SameInputsSameOutputs),
    ] {
        let failure = search(bug, Profile::default(), 10).failure.unwrap();
        assert_eq!((failure.broken, failure.run), (law.to_string(), 0), "{bug:?}: {}", failure.detail);
        let broken = failure.transcript.lines().filter(|line| line.contains("  broken ")).count();
        assert!(broken == 1 || bug != Bug::KnowsTheTime, "{}", failure.transcript);
    }
}

/// What all machines share no twin can see, but the second of two runs does.
#[test]
fn a_run_that_is_made_two_times_and_differs_is_named_with_where() {
    assert_eq!(search(Bug::CountsRuns, profile(), 100).failure, None);
    let scenario = scenario(Bug::CountsRuns);
    let twice = || Search::new(&scenario, Prepared::default(), profile(), 7).twice();
    let failure = twice().runs(0..100).failure.unwrap();
    assert_eq!((failure.broken.as_str(), failure.run), ("not deterministic", 0));
    // Both runs begin alike but for the number in the first question.
    let detail = &failure.detail;
    let first = r#"first difference: first run '0.000 asker send #0 "\0 after "#;
    assert!(
        detail.starts_with(first) && detail.contains(r#", second run '0.000 asker send #0 ""#),
        "{detail}"
    );
    assert!(failure.transcript.contains("0.000  asker   broken not deterministic: first difference"));
    let shrunk = twice().shrink(&failure, 1_000);
    assert_eq!((shrunk.failure.plan.to_string(), shrunk.is_minimal), ("v2".to_owned(), true));
    // What is determined is the same two times, whatever else is wrong with it.
    let right = self::scenario(Bug::None);
    let tally = Search::new(&right, Prepared::default(), profile(), 7).twice().runs(0..200);
    assert_eq!(tally, Search::new(&right, Prepared::default(), profile(), 7).runs(0..200));
    for bug in [Bug::TakesAny, Bug::Panics] {
        let wrong = self::scenario(bug);
        let twice = Search::new(&wrong, Prepared::default(), profile(), 7).twice().runs(0..500);
        assert_eq!(twice, Search::new(&wrong, Prepared::default(), profile(), 7).runs(0..500));
        assert!(twice.failure.is_some());
    }
}

/// A property may be what is not determined.
#[test]
fn a_property_that_differs_from_run_to_run_is_named() {
    let (net, asker) = hosts(Bug::None);
    let judged = AtomicU64::new(0);
    net.eventually_within("every other run", Duration::from_secs(19), move |run| {
        run.events(asker).len() == 4 && judged.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
    });
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 7).twice();
    let failure = search.runs(0..9).failure.unwrap();
    assert_eq!(failure.broken, "not deterministic");
    assert!(failure.detail.starts_with("of the same log; first run "), "{}", failure.detail);
}

/// Breaks law 9 and a property by what it does at one input.
struct Careless;

impl Machine for Careless {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Start { local } = input {
            out.event(());
            out.send(local, b"from where?");
        }
    }
}

/// A property is only judged on lawful machines; and shrinking keeps what was broken first.
#[test]
fn of_a_law_and_a_property_that_one_step_breaks_the_law_is_told() {
    let broken_by = |is_fold: bool| {
        let net = Net::new("careless");
        let host = net.host("host").machine(|_| Careless);
        if is_fold {
            net.fold("nothing is told", || 0).on(host, |_, (), _| false);
        } else {
            net.always("nothing is told", move |run| run.events(host).is_empty());
        }
        let scenario = Scenario::from(net);
        let search = || Search::new(&scenario, Prepared::default(), Profile::default(), 7);
        let broken = |search: Search<'_>| {
            let mut search = search;
            search.runs(0..1).failure.unwrap().broken
        };
        [broken(search()), broken(search().without_laws())]
    };
    for is_fold in [false, true] {
        let expected = [Law::SilentAfterTheEnd.to_string(), "nothing is told".to_owned()];
        assert_eq!(broken_by(is_fold), expected);
    }
}

/// A host that is measured and panics is told as any other.
#[test]
fn a_measure_tells_whose_panic_it_was() {
    let (net, asker) = hosts(Bug::Panics);
    let scenario = Scenario::from(net);
    let mut measure = Measure::new(&scenario, asker, Prepared::default(), profile(), 7);
    let panicked = measure.runs(0..2_000).unwrap_err();
    assert!(panicked.said.starts_with("asker: it was handed Datagram at 0."), "{panicked}");
}

/// A broken law is told by what differs, in the words of the protocol, and in one line that can be read.
#[test]
fn the_report_of_a_broken_law_is_short_and_decoded() {
    let detail_of = |decodes: bool| {
        let (net, _) = hosts(Bug::KnowsTheTime);
        if decodes {
            net.decode(|bytes| Some(format!("Question at {}", String::from_utf8_lossy(bytes.get(1..)?))));
        }
        let scenario = Scenario::from(net);
        let tally = Search::new(&scenario, Prepared::default(), Profile::default(), 7).runs(0..1);
        tally.failure.unwrap().detail
    };
    let way = " from 192.168.0.2:2 to 192.168.0.1:1";
    assert_eq!(
        detail_of(true),
        format!(
            "asker: at 0.000 the machine sent Question at 0.000{way}, its twin sent Question at 3600.017; \
             they differ from byte 1 on"
        )
    );
    assert!(detail_of(false).starts_with(r#"asker: at 0.000 the machine sent "\x000.000" (6 bytes)"#));
}
