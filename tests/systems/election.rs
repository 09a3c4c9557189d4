//! election in simulation.

use std::any::Any;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{
    Chance, DatagramFault, Fault, FaultKind, FaultPlan, Flow, HostFault, Profile, strategy,
};
use lossproof::specimens;
use lossproof::systems::Options;
use lossproof::systems::election::{
    self, ClientEvent, Member, MemberEvent, print_client, print_member, wants_line,
};
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net(members: usize) -> Net {
    election::net(&Options { members, ..Options::default() })
}

fn member_names(members: usize) -> Vec<String> {
    (1..=members).map(|number| format!("member-{number}")).collect()
}

/// One run, of which only some lines are kept: those of one moment after another, without beats and their answers.
fn assert_lines(name: &str, plan: &str, keep: impl Fn(f64, &str) -> bool) {
    let text = run(net(3), plan).0;
    let kept = text.lines().filter(|line| {
        let (at, rest) = line.split_once("  ").expect("a line begins with its time");
        keep(at.parse().expect("a time is a number"), rest)
    });
    assert_snapshot(name, plan, &kept.collect::<Vec<_>>().join("\n"));
}

/// The second member stands first. One ask is lost, and a vote is late; two members are a majority, so it leads. Then a client
/// finds out who leads, and writes.
#[test]
fn a_member_is_elected_and_a_value_written() {
    let plan = "member-2>member-1 #0 drop; member-3>member-2 #0 delay 30ms";
    assert_lines("election", plan, |at, rest| {
        let is_election = (1.3..1.4).contains(&at) && !rest.contains("→") && !rest.contains("save");
        let is_write =
            (2.5..2.54).contains(&at) && !rest.starts_with("member-1") && !rest.starts_with("member-3");
        is_election || is_write
    });
}

/// A leader is cut off while one client hears it alone: it answers until its lease is over, and then no more. Another member
/// is elected after that, and the first leads no more as soon as it hears of it.
#[test]
fn a_leader_that_is_cut_off_stops_answering_before_another_is_elected() {
    let plan = "at 3s partition member-2|member-1; at 3s partition member-2|member-3; \
                at 3s partition member-2|client-1; at 7s heal";
    assert_lines("election-cut-off", plan, |at, rest| {
        let told = ["Stands", "Votes", "Leads", "Follows"].iter().any(|word| rest.contains(word));
        let is_write = at < 5.0 && rest.starts_with("member") && rest.contains("The register is");
        let is_seen =
            (3.0..4.9).contains(&at) && rest.starts_with("client-2  event") && !rest.contains("Ready");
        let is_fault = rest.contains("partition") || rest.contains("heal");
        (2.9..7.5).contains(&at) && (told || is_write || is_seen || is_fault)
    });
}

#[test]
fn its_properties_hold_in_a_storm() {
    let corrupt = Profile { corrupt: Chance::percent(5), ..stormy() };
    for members in [1, 3, 5] {
        assert_held(net(members), "", corrupt, 40);
    }
}

#[test]
fn a_terminal_shows_what_is_told_but_for_leases() {
    let (mut text, left) = (String::new(), Duration::from_millis(890));
    for event in [
        MemberEvent::LeaseHeld { term: 1, left },
        MemberEvent::BecameLeader { term: 1 },
        MemberEvent::Follows { term: 2, leader: 0 },
    ] {
        print_member(&event, &mut text).unwrap();
    }
    for event in [ClientEvent::Ready, ClientEvent::Asked { id: 1, value: None }, ClientEvent::Unknown] {
        print_client(&event, &mut text).unwrap();
    }
    assert_eq!(text, "Leads in term 1\nFollows member 1 in term 2\nwrite 'get' or 'set NUMBER'\n");
    assert!(wants_line(&ClientEvent::Ready) && !wants_line(&ClientEvent::Unknown));
}

/// How many plans are tried until a bug is found.
const MAX_PLANS: usize = 1_000;

/// When faults stop in runs with plans that are drawn. Then all are up, and one has to lead.
const CALM_AT: Instant = Instant::from_millis(11_000);

// Any plan

/// What a run with a plan breaks.
fn judge(net: Net, plan: &FaultPlan, profile: Profile) {
    let scenario = Scenario::from(net);
    let prepared = Prepared::new(plan, &scenario).unwrap();
    let tally = Search::new(&scenario, prepared, profile, 0).runs(0..1);
    if let Some(failure) = tally.failure {
        panic!("{}: {}\n{}\n{}", failure.broken, failure.detail, failure.plan, failure.transcript);
    }
}

/// Faults that members suffer while they elect and lead: who is down is up again after some time, mostly, and who is cut
/// off is heard again.
fn hard_times(members: usize) -> impl Strategy<Value = FaultPlan> {
    let names = member_names(members);
    let all: Vec<String> = names.iter().cloned().chain(["client-1", "client-2"].map(str::to_owned)).collect();
    let flows: Vec<Flow> = all
        .iter()
        .flat_map(|from| all.iter().map(move |to| Flow::new(from, to)))
        .filter(|flow| flow.from != flow.to)
        .collect();
    let millis = || 0..10_000_u64;
    let host = |at, fault| Fault::Host { at: Instant::from_millis(at), fault };
    let down = (select(names), millis(), prop_oneof![0..50_u64, 0..3_000_u64], any::<bool>()).prop_map(
        move |(name, at, down, is_silent)| {
            let fault =
                if is_silent { HostFault::Poweroff(name.clone()) } else { HostFault::Crash(name.clone()) };
            vec![host(at, fault), host(at + down, HostFault::Restart(name))]
        },
    );
    let one_way = (select(flows.clone()), millis())
        .prop_map(move |(flow, at)| vec![host(at, HostFault::PartitionOneWay(flow))]);
    let partition = (select(flows.clone()), millis())
        .prop_map(move |(Flow { from: a, to: b }, at)| vec![host(at, HostFault::Partition { a, b })]);
    // One member with nobody, or with one client.
    let isolation = (select(all.clone()), select(all), millis()).prop_map({
        let flows = flows.clone();
        move |(alone, with, at)| {
            let cut = flows.iter().filter(|flow| flow.from == alone && flow.to != with).cloned();
            cut.map(|Flow { from: a, to: b }| host(at, HostFault::Partition { a, b })).collect()
        }
    });
    let heal = millis().prop_map(move |at| vec![host(at, HostFault::Heal)]);
    let late = (select(flows), 0..60_u64, 1..3_000_u64).prop_map(|(flow, n, millis)| {
        let fault = DatagramFault::Delay(Duration::from_millis(millis));
        vec![Fault::Datagram { flow, n, fault }]
    });
    let some = prop_oneof![3 => down, 1 => one_way, 2 => partition, 2 => isolation, 2 => heal, 2 => late];
    (vec(some, 1..8), any::<u64>()).prop_map(|(faults, seed)| {
        let mut plan = FaultPlan::default();
        plan.seed = Some(seed);
        plan.calm = Some(CALM_AT);
        for fault in faults.into_iter().flatten() {
            // What finds its place taken is left out.
            let _ = plan.push(fault);
        }
        plan
    })
}

/// Any plan but those with clocks that jump, which leases do not withstand, and those that stop a majority for good; changed
/// bytes are among it.
fn any_plan(members: usize) -> impl Strategy<Value = FaultPlan> {
    let names = [member_names(members), vec!["client-1".to_owned(), "client-2".to_owned()]].concat();
    (strategy::plan(&names, 10), any::<u64>()).prop_map(move |(plan, seed)| {
        let mut kept = FaultPlan::default();
        kept.seed = Some(seed);
        kept.calm = Some(CALM_AT);
        let is_borne = |fault: &&Fault| match fault {
            Fault::Host { fault: HostFault::Stop(name), .. } => members > 2 || name.starts_with("client"),
            fault => fault.kind() != FaultKind::Skew,
        };
        let mut stopped = None;
        for fault in plan.faults().iter().filter(is_borne) {
            if let Fault::Host { fault: HostFault::Stop(name), .. } = fault
                && name.starts_with("member")
                && stopped.replace(name).is_some_and(|before| before != name)
            {
                break;
            }
            kept.push(fault.clone()).expect("it was in a plan");
        }
        kept
    })
}

/// A network without faults, one that loses and doubles, one that loses in bursts, and one that changes bytes.
fn networks() -> impl Strategy<Value = Profile> {
    let corrupt = Profile { corrupt: Chance::percent(5), ..stormy() };
    select(vec![Profile::default(), Profile::default(), stormy(), corrupt, Profile::WIFI, Profile::SATELLITE])
}

/// A machine whose clock runs at another rate, in thousandths of the right one.
struct Drifting {
    right: Member,
    rate: u64,
    began_at: Option<Instant>,
}

impl Machine for Drifting {
    type Command = ();
    type Event = MemberEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<MemberEvent>) {
        let began_at = *self.began_at.get_or_insert(now);
        let passed = now.since(began_at).as_nanos() as u64;
        out.pass_on(&mut self.right, input, began_at + Duration::from_nanos(passed * self.rate / 1_000));
    }

    fn deadline(&self) -> Option<Instant> {
        let (began_at, due_at) = (self.began_at?, self.right.deadline()?);
        let wait = due_at.since(began_at).as_nanos() as u64;
        Some(began_at + Duration::from_nanos((wait * 1_000).div_ceil(self.rate)))
    }

    fn shows(&self) -> Option<&dyn Any> {
        Some(&self.right)
    }
}

/// Members with clocks of these rates; what each is multiplied by is its own through all its lives.
fn drifting(members: usize, rates: &[u64]) -> Net {
    let net = net(members);
    for (name, rate) in member_names(members).iter().zip(rates) {
        let rate = *rate;
        net.wrap(net.find::<Member>(name), move |_, right| Drifting { right, rate, began_at: None });
    }
    net
}

/// Clocks at both ends of what is withstood, and between them.
fn rates() -> impl Strategy<Value = Vec<u64>> {
    vec(prop_oneof![Just(950), Just(1_050), 950..=1_050_u64], 5)
}

/// How many runs a test makes of each kind, unless the environment says more: `ELECTION_RUNS=100000`.
fn runs() -> u32 {
    std::env::var("ELECTION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(config(runs()))]

    #[test]
    fn its_properties_hold_in_hard_times(
        (members, plan) in select(vec![3, 5]).prop_flat_map(|n: usize| (Just(n), hard_times(n))),
        profile in networks(),
    ) {
        judge(net(members), &plan, profile);
    }

    #[test]
    fn its_properties_hold_while_clocks_drift(
        (members, plan) in select(vec![3, 5]).prop_flat_map(|n: usize| (Just(n), hard_times(n))),
        rates in rates(),
        profile in networks(),
    ) {
        judge(drifting(members, &rates), &plan, profile);
    }

    #[test]
    fn its_properties_hold_under_any_plan(
        (members, plan) in select(vec![1, 3, 5]).prop_flat_map(|n: usize| (Just(n), any_plan(n))),
        profile in networks(),
    ) {
        judge(net(members), &plan, profile);
    }
}

/// What holds in hard times is not held by everything: planted bugs break it, in some of these plans.
#[test]
fn hard_times_are_hard_enough_to_find_bugs() {
    for (bug, broken) in [
        ("term-lost-at-restart", "a member gives one vote in a term, through all its lives"),
        ("stale-reads", "reads and writes are linearizable"),
    ] {
        let specimen = specimens::find(election::ABOUT.name, bug).expect("it is a specimen");
        let scenario = Scenario::from(specimen.net(&Options::default()));
        let seed = RngSeed::Fixed(1);
        let mut runner =
            TestRunner::new(Config { rng_seed: seed, failure_persistence: None, ..Config::default() });
        let plans = hard_times(3);
        let found = (0..MAX_PLANS).find_map(|_| {
            let plan = plans.new_tree(&mut runner).expect("there is always a plan").current();
            let prepared = Prepared::new(&plan, &scenario).unwrap();
            Search::new(&scenario, prepared, Profile::default(), 0).runs(0..1).failure
        });
        assert_eq!(found.map(|failure| failure.broken), Some(broken.to_owned()), "{bug}");
    }
}

/// A clock that jumps makes a promise end early: it is not withstood, and the properties see it.
#[test]
fn a_clock_that_jumps_is_found_out() {
    let plan = "at 3s partition member-2|member-1; at 3s partition member-2|member-3; at 3s skew member-1 +2s; \
                at 3s skew member-3 +950ms";
    let scenario = Scenario::from(net(3));
    let prepared = Prepared::new(&format!("seed 7; {plan}").parse().unwrap(), &scenario).unwrap();
    let failure = Search::new(&scenario, prepared, Profile::default(), 0).runs(0..1).failure;
    let failure = failure.expect("two hold a lease");
    assert_eq!(failure.broken, "at most one member holds a lease at a moment");
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use super::*;
    use crate::support::assert_parity;

    fn flows() -> Vec<Flow> {
        let all = ["member-1", "member-2", "member-3", "client-1", "client-2"];
        let pairs = all.iter().flat_map(|from| all.iter().map(move |to| Flow::new(*from, *to)));
        pairs.filter(|flow| flow.from != flow.to).collect()
    }

    proptest! {
        #![proptest_config(config(10))]

        #[test]
        fn it_is_the_same_in_both_worlds(plan in strategy::datagram_plan(&flows(), 12, 8)) {
            assert_parity(net(3), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn storms_and_partitions_are_the_same_in_both_worlds() {
        assert_parity(net(3), &"".parse().unwrap(), stormy(), 3);
        let plan = "at 3s partition member-2|member-1; at 3s partition member-2|member-3; at 9s heal";
        assert_parity(net(3), &plan.parse().unwrap(), Profile::default(), 7);
    }
}
