//! However a search goes about it, it finds the same: on any number of threads, and whether runs are broken off or not.

use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates};
use lossproof::fault::{DatagramFault, FaultPlan, StreamFault};
use lossproof::systems::{
    Options, election, greet, greeter, hello_tcp, hello_udp, http, select_echo, suffix_echo, tcp_chat,
    tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};
use lossproof::{Net, Scenario, parallel, specimens};

const SYSTEMS: [fn(&Options) -> Net; 15] = [
    udp_local::net,
    udp_remote::net,
    udp_broadcast::net,
    tcp_sixteen::net,
    tcp_deadlock::net,
    greeter::net,
    select_echo::net,
    greet::net,
    http::net,
    hello_tcp::net,
    hello_udp::net,
    tcp_chat::net,
    udp_chat::net,
    suffix_echo::net,
    election::net,
];

fn ids() -> Net {
    udp_remote::net(&Options { ids: true, ..Options::default() })
}

/// What all threads find, which is the same on any number of them.
fn on_threads(exhaustive: &Exhaustive<'_>, max_runs: u64) -> Explored {
    let alone = exhaustive.run(max_runs, |_| ());
    for jobs in [1, 2, 3] {
        let mut told = 0;
        let explored = parallel::schedules(exhaustive, jobs, max_runs, |progress| told = progress.runs);
        assert_eq!(explored, alone, "on {jobs}");
        assert!(told <= explored.runs, "on {jobs}");
    }
    alone
}

#[test]
fn on_any_number_of_threads_the_same_is_found() {
    let explore = |net, fates, faults| {
        let scenario = Scenario::from(net);
        on_threads(&Exhaustive::new(&scenario, fates, faults), u64::MAX)
    };
    let all = explore(ids(), Fates::default(), 4);
    assert!(all.holds() && all.merged > 0 && all.runs > 1_024, "several batches: {all:?}");
    let cuts = Fates { stream: vec![StreamFault::Cut], ..Fates::none() };
    assert!(explore(tcp_sixteen::net(&Options::default()), cuts, 2).holds());
    // Without fingerprints, and with a calm, which has inputs counted.
    assert_eq!(explore(hello_udp::net(&Options::default()), Fates::default(), 2).merged, 0);
    let scenario = Scenario::from(ids());
    let plan: FaultPlan = "calm 300ms; client>server #1 drop".parse().unwrap();
    let calm = Exhaustive::new(&scenario, Fates::default(), 2).with_plan(plan).unwrap();
    assert!(on_threads(&calm, u64::MAX).holds());
}

#[test]
fn on_any_number_of_threads_a_search_ends_at_the_same_run() {
    let scenario = Scenario::from(ids());
    let search = Exhaustive::new(&scenario, Fates::default(), 3);
    for most in [0, 1, 19, 20, 600] {
        assert_eq!(on_threads(&search, most).runs, most);
    }
    for (branches, sends) in [(100, usize::MAX), (usize::MAX, 50)] {
        let explored = on_threads(&search.clone().max_kept(branches, sends), u64::MAX);
        assert!(!explored.is_complete && explored.limit.is_some());
    }
    // Several of its runs fail; the first is found.
    let bug = specimens::find("udp-remote", "accepts-any-reply").expect("it is there");
    let wrong = Scenario::from(bug.net(&Options { ids: true, ..Options::default() }));
    let fates = Fates { datagram: vec![DatagramFault::Delay(Duration::from_millis(60))], ..Fates::none() };
    for fates in [Fates::default(), fates] {
        let explored = on_threads(&Exhaustive::new(&wrong, fates, 3), u64::MAX);
        let failure = explored.failure.expect("it is found");
        assert_eq!(explored.runs, failure.run + 1);
    }
}

/// What is found if runs are broken off, and if they are not. None if there are more than so many.
fn both(scenario: &Scenario, fates: &Fates, faults: usize, most: u64) -> Option<[Explored; 2]> {
    let search = Exhaustive::new(scenario, fates.clone(), faults);
    let whole = search.clone().without_merging().run(most, |_| ());
    if whole.limit.is_some() {
        return None;
    }
    let merged = search.run(u64::MAX, |_| ());
    let name = scenario.name();
    let found = |explored: &Explored| {
        explored.failure.as_ref().map(|failure| (failure.broken.clone(), failure.plan.clone()))
    };
    assert_eq!(found(&merged), found(&whole), "{name}, {faults}");
    assert_eq!(merged.is_complete, whole.is_complete, "{name}, {faults}");
    if whole.is_complete {
        assert_eq!(merged.runs + merged.saved, whole.runs, "{name}, {faults}");
        let seen = |explored: &Explored| explored.tally.never_seen().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(seen(&merged), seen(&whole), "{name}, {faults}");
    }
    Some([merged, whole])
}

fn all_fates() -> Fates {
    let late = Duration::from_millis(40);
    let mut fates = Fates::parse("drop; delay 250ms; cut; reset; crash for 300ms; timer-first", &[]).unwrap();
    fates.datagram.push(DatagramFault::Delay(late));
    fates
}

/// A system, whose runs are short.
fn short(make: fn(&Options) -> Net, ids: bool) -> Scenario {
    let net = make(&Options { ids, ..Options::default() });
    if Scenario::from(make(&Options::default())).name() == "election" {
        // A member is elected, and asked.
        net.max_time(Duration::from_millis(3_100));
    }
    Scenario::from(net)
}

/// Those that have fingerprints, with faults of hosts among them.
#[test]
fn of_systems_the_same_holds_whether_runs_are_broken_off_or_not() {
    let crash = Fates::parse("crash for 300ms", &[]).unwrap();
    let mut broken_off = 0;
    for (make, fates, faults, ids) in [
        (udp_local::net as fn(&Options) -> Net, all_fates(), 2, false),
        (udp_remote::net, all_fates(), 2, false),
        (udp_remote::net, Fates::default(), 2, true),
        (udp_broadcast::net, Fates::default(), 3, false),
        (tcp_sixteen::net, all_fates(), 1, false),
        (udp_chat::net, Fates::default(), 1, false),
        (election::net, crash, 1, false),
    ] {
        let [merged, _] = both(&short(make, ids), &fates, faults, 2_000).expect("they are few");
        broken_off += u64::from(merged.merged > 0);
    }
    assert!(broken_off >= 5, "{broken_off}");
}

#[test]
fn of_bugs_the_same_is_found_whether_runs_are_broken_off_or_not() {
    let (found, gone_through) = of_bugs(40, &["election", "tcp-chat", "udp-chat"]);
    assert!(found >= 30 && gone_through > found, "{found} of {gone_through}");
}

/// `cargo test --release --test exhaustive -- --ignored`
#[test]
#[ignore = "it is for an optimised build"]
fn of_every_system_and_bug_the_same_is_found() {
    let (mut complete, mut broken_off) = (0, 0);
    for make in SYSTEMS {
        for (fates, faults) in
            [(all_fates(), 1), (all_fates(), 2), (Fates::default(), 2), (Fates::default(), 3)]
        {
            if let Some([merged, _]) = both(&short(make, false), &fates, faults, 20_000) {
                complete += 1;
                broken_off += u64::from(merged.merged > 0);
            }
        }
    }
    assert!(complete >= 30 && broken_off >= 10, "{complete} were gone through, {broken_off} broken off");
    let (found, gone_through) = of_bugs(1_500, &[]);
    assert!(found >= 50 && gone_through > found, "{found} of {gone_through}");
}

/// Goes through the schedules of all bugs but those of some systems, if there are at most so many: how often one was found,
/// of how often.
fn of_bugs(most: u64, but: &[&str]) -> (u64, u64) {
    let (mut found, mut gone_through) = (0, 0);
    // What hash order decides is not the same twice.
    let all = specimens::all().filter(|specimen| specimen.name != "ids-in-hash-order");
    for specimen in all.filter(|specimen| !but.contains(&specimen.system)) {
        let scenario = Scenario::from(specimen.net(&Options::default()));
        for faults in 1..=2 {
            let Some([merged, _]) = both(&scenario, &Fates::default(), faults, most) else { break };
            (found, gone_through) = (found + u64::from(merged.failure.is_some()), gone_through + 1);
        }
    }
    (found, gone_through)
}
