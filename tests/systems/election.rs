//! election in simulation.

use std::any::Any;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{
    Chance, DatagramFault, Fault, FaultKind, FaultPlan, Flow, HostFault, Profile, strategy,
};
use lossproof::machine::{Effect, Outlet};
use lossproof::systems::election::messages::{Durable, Message, Register, Version};
use lossproof::systems::election::{
    self, Client, ClientEvent, Command, LEASE, Member, MemberEvent, PROMISE, Timing, print_client,
    print_member, typed, wants_line,
};
use lossproof::systems::{Options, Typed};
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net(members: usize) -> Net {
    election::net(&Options { members, ..Options::default() })
}

fn member_names(members: usize) -> Vec<String> {
    (1..=members).map(|number| format!("member-{number}")).collect()
}

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
    std::env::var("ELECTION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(150)
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
        (members, plan) in select(vec![1, 2, 3, 5]).prop_flat_map(|n: usize| (Just(n), any_plan(n))),
        profile in networks(),
    ) {
        judge(net(members), &plan, profile);
    }
}
