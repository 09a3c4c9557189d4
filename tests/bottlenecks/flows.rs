//! What a shared queue does to the flows that pass it.

use lossproof::check::Exhaustive;
use lossproof::check::Fates;
use lossproof::engine::{Engine, Keep, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline, Links, Profile};
use lossproof::scenario::Host;
use lossproof::{Instant, Net, Scenario};
use proptest::prelude::*;

use crate::parties::{HEADERS, Listener, heard, lines, run, senders};

/// Two senders behind a byte a millisecond and a queue of so many bytes; each sends so many bytes at such a time, which
/// count with their headers.
fn shared(queue_len: u32, sends: &[(usize, u64, u64)]) -> (Scenario, Host<Listener>) {
    let net = Net::new("shared");
    let (hosts, server) = senders(&net, ["a", "b"]);
    net.bottleneck(Bottleneck::new("wan", Bandwidth::kilobits(8, queue_len)).towards(server));
    for &(host, millis, len) in sends {
        net.command(Instant::from_millis(millis), hosts[host], len - HEADERS);
    }
    (net.into(), server)
}

#[test]
fn flows_wait_for_each_other() {
    let (scenario, server) = shared(1_000, &[(0, 0, 50), (1, 0, 30), (0, 10, 40), (1, 500, 30)]);
    let engine = run(&scenario, "");
    let heard = heard(&engine, server);
    let [a, b] = ["192.168.0.2:1", "192.168.0.3:1"].map(str::to_owned);
    assert_eq!(heard, [(55, a.clone(), 22), (85, b.clone(), 2), (125, a, 12), (535, b, 2)]);
    let figures: Vec<String> = engine
        .queue_figures()
        .map(|(at, from, to, figures)| {
            let waits = [50, 100].map(|percent| figures.waits.quantile(percent).unwrap().as_millis());
            format!("{at} {}>{} {} {} {waits:?}", from.index(), to.index(), figures.passed, figures.dropped)
        })
        .collect();
    assert_eq!(figures, ["wan 1>0 2 0 [0, 71]", "wan 2>0 2 0 [0, 50]"]);
}

#[test]
fn a_queue_that_is_full_drops_at_its_tail_and_says_so() {
    let sends = [(0, 0, 50), (1, 0, 50), (0, 0, 50), (1, 0, 30), (0, 1, 51), (1, 1, 30)];
    let engine_of = |queue_len| shared(queue_len, &sends);
    let (scenario, _) = engine_of(150);
    let engine = run(&scenario, "");
    let lost = lines(&engine, &["lost"]);
    let full = "→ server: the queue of wan is full";
    assert_eq!(
        lost,
        [
            format!("0.000 b lost #1 {full}"),
            format!("0.001 a lost #2 {full}"),
            format!("0.001 b lost #2 {full}")
        ]
    );
    let dropped: Vec<_> =
        engine.queue_figures().map(|(.., figures)| (figures.passed, figures.dropped)).collect();
    assert_eq!(dropped, [(2, 1), (1, 2)]);
    // With a byte less room the third finds it full, and the shorter one does not.
    let (scenario, _) = engine_of(149);
    assert_eq!(
        lines(&run(&scenario, ""), &["lost"])[..2],
        [format!("0.000 b lost #0 {full}"), format!("0.001 a lost #2 {full}")]
    );
    // With room for 30 bytes more the next fits, and nothing is a fault.
    let (scenario, _) = engine_of(180);
    let engine = run(&scenario, "");
    assert_eq!(
        lines(&engine, &["lost"]),
        [format!("0.001 a lost #2 {full}"), format!("0.001 b lost #2 {full}")]
    );
    assert_eq!(engine.plan(&Settings::default()).to_string(), "v2; seed 0");
}

#[test]
fn what_the_link_does_comes_behind_the_queue() {
    let sends = [(0, 0, 50), (0, 0, 50), (0, 0, 50), (0, 0, 50)];
    let (scenario, _) = shared(1_000, &sends);
    let engine = run(
        &scenario,
        "a>server #0 drop; a>server #1 duplicate; a>server #2 delay 7ms; a>server #3 truncate 3",
    );
    let told = lines(&engine, &["event"]);
    let a = r#"("192.168.0.2:1","#;
    let expected = [
        format!("0.105 server event {a} 22)"),
        format!("0.105 server event {a} 22)"),
        format!("0.162 server event {a} 22)"),
        format!("0.205 server event {a} 3)"),
    ];
    assert_eq!(told, expected, "the first took its room before it was lost");
}

#[test]
fn a_direction_passes_the_bottleneck_that_was_named_last() {
    let net = Net::new("two");
    let (hosts, server) = senders(&net, ["a", "b"]);
    net.bottleneck(Bottleneck::new("slow", Bandwidth::kilobits(8, 9_000)).everywhere());
    net.bottleneck(Bottleneck::new("fast", Bandwidth::kilobits(80, 9_000)).direction(hosts[1], server));
    for host in hosts {
        net.command(Instant::START, host, 100 - HEADERS);
    }
    let scenario = Scenario::from(net);
    let heard: Vec<_> = heard(&run(&scenario, ""), server).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(heard, [15, 105]);
}

#[test]
fn a_partition_is_before_the_queue() {
    let (scenario, _) = shared(1_000, &[(0, 0, 50), (1, 0, 50)]);
    let engine = run(&scenario, "at 0s partition a|server");
    assert_eq!(lines(&engine, &["event"]).len(), 1);
    assert!(lines(&engine, &["event"])[0].starts_with("0.055"), "it took no room");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// One flow alone meets at a bottleneck what it meets at a link of the same rate and queue.
    #[test]
    fn one_flow_fares_as_on_a_link_of_its_own(
        sends in prop::collection::vec((0_u64..400, 28_u64..90), 1..40),
        queue_len in 0_u32..400,
    ) {
        let mut sends: Vec<_> = sends.into_iter().map(|(at, len)| (0, at, len)).collect();
        sends.sort_unstable();
        let (through, server) = shared(queue_len, &sends);
        let at_bottleneck = heard(&run(&through, ""), server);

        let net = Net::new("link");
        let (hosts, server) = senders(&net, ["a", "b"]);
        for &(_, millis, len) in &sends {
            net.command(Instant::from_millis(millis), hosts[0], len - HEADERS);
        }
        let slow = Profile { bandwidth: Some(Bandwidth::kilobits(8, queue_len)), ..Profile::CALM };
        let links = Links::default().direction(hosts[0], server, slow);
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { links, ..Settings::default() });
        prop_assert_eq!(at_bottleneck, heard(&engine, server));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_so_does_the_plan_of_a_run() {
    let sends: Vec<_> = (0..60).map(|n| ((n % 2) as usize, 13 * n, 40 + n % 11)).collect();
    for discipline in [Discipline::DropTail, Discipline::Codel] {
        let net = Net::new("twice");
        let (hosts, server) = senders(&net, ["a", "b"]);
        let slow = Bottleneck::new("wan", Bandwidth::kilobits(8, 300)).with(discipline);
        net.bottleneck(slow.towards(server));
        for &(host, millis, len) in &sends {
            net.command(Instant::from_millis(millis), hosts[host], len);
        }
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        let settings = Settings { seed: 3, profile: Profile::LOSSY, ..Settings::default() };
        engine.run(&settings);
        let (first, plan) = (engine.transcript().to_string(), engine.plan(&settings).to_string());
        assert!(first.contains("  lost  ") && first.contains("  fault "), "{first}");
        engine.run(&settings);
        assert_eq!(engine.transcript().to_string(), first);
        assert_eq!(run(&scenario, &plan).transcript().to_string(), first);
        // Without a log it is the same run.
        let outcome = engine.run(&settings);
        assert_eq!(engine.run(&Settings { keep: Keep::Outcome, ..settings }), outcome);
    }
}

#[test]
fn a_loss_in_the_queue_is_no_fault_and_is_shown_as_what_it_is() {
    let (scenario, _) = shared(60, &[(0, 0, 50), (1, 0, 50)]);
    let engine = run(&scenario, "");
    let transcript = engine.transcript();
    let json = transcript.json_lines();
    let line = json.lines().find(|line| line.contains("\"lost\"")).unwrap();
    let expected =
        r#"{"at_ns":0,"host":"b","what":"lost","peer":"server","n":0,"text":"the queue of wan is full"}"#;
    assert_eq!(line, expected);
    let ladder = transcript.ladder(lossproof::transcript::Look { width: 100, ascii: false }).unwrap();
    assert!(
        ladder.lines().any(|line| line.contains('×') && line.contains("the queue of wan is full: #0")),
        "{ladder}"
    );
    assert!(transcript.page("shared", "").contains("the queue of wan is full"));
    #[cfg(feature = "capture")]
    {
        let file = lossproof::capture::export(&transcript, "");
        let read = lossproof::capture::read(&file).unwrap();
        let comments: Vec<&String> = read.frames.iter().flat_map(|frame| &frame.comments).collect();
        assert_eq!(comments, ["lost: b>server #0: the queue of wan is full"]);
    }
    assert!(engine.plan(&Settings::default()).is_empty());
}

/// What a search that knows states again finds, and one that goes through every run.
#[test]
fn an_exhaustive_search_has_the_queue_in_its_states() {
    let fates = Fates::parse("drop; duplicate", &[]).unwrap();
    for (queue_len, discipline) in
        [(1_000, Discipline::DropTail), (100, Discipline::DropTail), (1_000, Discipline::Codel)]
    {
        let mut verdicts = Vec::new();
        for heard in 0..8 {
            let net = Net::new("shared");
            let (hosts, server) = senders(&net, ["a", "b"]);
            let slow = Bottleneck::new("wan", Bandwidth::kilobits(8, queue_len)).with(discipline);
            net.bottleneck(slow.towards(server));
            for (host, millis) in [(0, 0), (1, 0), (0, 20), (1, 120)] {
                net.command(Instant::from_millis(millis), hosts[host], 50 - HEADERS);
            }
            net.never("so many come by then", move |run| {
                run.now() >= Instant::from_millis(150) && run.events(server).len() == heard
            });
            let scenario = Scenario::from(net);
            let [merged, whole] = [true, false].map(|merges| {
                let search = Exhaustive::new(&scenario, fates.clone(), 2);
                let search = if merges { search } else { search.without_merging() };
                let explored = search.run(u64::MAX, |_| ());
                assert!(explored.failure.is_some() || explored.is_complete);
                explored.failure.is_some()
            });
            assert_eq!(merged, whole, "{queue_len} {heard}");
            verdicts.push(merged);
        }
        assert!(verdicts.contains(&true) && verdicts.contains(&false), "{verdicts:?}");
    }
}
