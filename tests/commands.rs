//! Generated commands: they differ from run to run, shrink together with the faults, and come again by one line.

use std::collections::BTreeSet;
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::scenario::{Commands, Host};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// What the client is asked: to set the server's value.
#[derive(Debug)]
enum Ask {
    Set(u8),
    /// Nothing comes of it.
    Idle,
}

/// Sends each value once, without a number: what comes late is taken for new.
struct Client(Peer);

impl Machine for Client {
    type Command = Ask;
    type Event = ();

    fn handle(&mut self, input: Input<'_, Ask>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Command(Ask::Set(value)) = input {
            out.send(self.0, &[*value]);
        }
    }
}

/// Tells of each value that it is set to.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u8>) {
        if let Input::Datagram { bytes: &[value], .. } = input {
            out.event(value);
        }
    }
}

/// Values that grow, every 10 ms, with idle commands between.
fn growing(client: Host<Client>, seed: u64, commands: &mut Commands) {
    for n in 0..8 + seed % 8 {
        let ask = if (seed >> (n % 64)) & 1 == 0 { Ask::Set(n as u8 + 1) } else { Ask::Idle };
        commands.give(Instant::from_millis(10 * (n + 1)), client, ask);
    }
}

/// A server and a client, with one command of the net's own before those that are generated.
fn net() -> (Net, Host<Client>) {
    let net = Net::new("values");
    net.show_commands();
    let server = net.host("server").udp(1).machine(|_| Server);
    let client = net.host("client").udp(2).machine(move |boot| Client(boot.peer(server)));
    net.command(Instant::START, client, Ask::Idle);
    net.generate(move |seed, commands| growing(client, seed, commands));
    net.never("an old value replaces a new one", move |run| !run.events(server).is_sorted());
    (net, client)
}

fn scenario() -> Scenario {
    Scenario::from(net().0)
}

fn late() -> Profile {
    Profile { jitter: Duration::from_millis(40), ..Profile::default() }
}

/// What the one run of a plan breaks.
fn broken_by(plan: &FaultPlan) -> Option<String> {
    let scenario = scenario();
    let mut plan = plan.clone();
    plan.seed = plan.seed.or(Some(0));
    let prepared = Prepared::new(&plan, &scenario).expect("it is for these hosts");
    let tally = Search::new(&scenario, prepared, Profile::default(), 0).runs(0..1);
    tally.failure.map(|failure| failure.broken)
}

#[test]
fn commands_shrink_together_with_the_faults() {
    let scenario = scenario();
    let mut search = Search::new(&scenario, Prepared::default(), late(), 7);
    let failure = search.runs(0..100).failure.expect("nothing keeps them in order");
    assert!(failure.commands.len() >= 8 && failure.plan.len() > 1, "{failure:?}");
    assert_eq!(failure.plan.commands, None, "all are given");
    let shrunk = search.shrink(&failure, 10_000);
    let small = &shrunk.failure.plan;
    let given = small.commands.clone().expect("those are listed that are left");
    assert!(shrunk.is_minimal && shrunk.from_commands == failure.commands.len(), "{shrunk:?}");
    // Two values, the first of them late: the fault has gone with its datagram.
    assert_eq!((small.len(), given.len()), (1, 2), "{small}");
    assert!(small.to_string().contains("client>server #0 delay"), "{small}");
    // The line makes it again, and without any one fault or command it does not come.
    let read: FaultPlan = small.to_string().parse().expect("it is read back");
    assert_eq!(broken_by(&read).as_deref(), Some("an old value replaces a new one"));
    assert_eq!(broken_by(&without_faults(small)), None);
    for number in &given {
        let mut less = small.clone();
        less.commands = Some(given.iter().copied().filter(|other| other != number).collect());
        assert_eq!(broken_by(&less), None, "{less}");
    }
    // What is left is told with time, host and text, and the transcript has the same numbers.
    for (number, line) in given.iter().zip(&shrunk.failure.commands) {
        assert!(line.starts_with(&format!("command {number} at 0.")), "{line}");
        assert!(line.contains(" client Set("), "{line}");
        let shown = format!("  client  command #{number} Set(");
        assert!(shrunk.failure.transcript.contains(&shown), "{}", shrunk.failure.transcript);
    }
}

fn without_faults(plan: &FaultPlan) -> FaultPlan {
    let mut plan = plan.clone();
    plan.retain(|_| false);
    plan
}

/// A failure that comes of the machines' seeds or of the faults alone needs no commands, and so no seed.
#[test]
fn commands_that_are_not_needed_all_go() {
    let net = net().0.without_properties();
    net.eventually_within("never", Duration::from_secs(1), |_| false);
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), late(), 7);
    let failure = search.runs(0..1).failure.expect("it cannot hold");
    let shrunk = search.shrink(&failure, 10_000);
    assert_eq!(shrunk.failure.plan.to_string(), "v2; commands none");
    assert_eq!((shrunk.failure.commands.len(), shrunk.is_minimal), (0, true));
}

#[test]
fn each_seed_has_its_commands_and_always_the_same() {
    let scenario = scenario();
    let mut engine = Engine::new(&scenario);
    let mut transcript = |seed| {
        engine.run(&Settings { seed, ..Settings::default() });
        engine.transcript().to_string()
    };
    let all: BTreeSet<String> = (0..8).map(&mut transcript).collect();
    assert_eq!(all.len(), 8);
    assert_eq!(transcript(3), transcript(3));
    let first = transcript(0);
    assert!(
        first.starts_with("0.000  client  command #0 Idle\n0.010  client  command #1 Set(1)\n"),
        "{first}"
    );
}

/// Of the commands only those that the plan lists are given, and they keep their numbers.
#[test]
fn a_plan_chooses_among_the_generated_commands() {
    let scenario = scenario();
    let given = |plan: &str| {
        let plan: FaultPlan = plan.parse().expect("a plan");
        let plan = Prepared::new(&plan, &scenario).expect("it is for these hosts");
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { plan, ..Settings::default() });
        engine.transcript().json_lines()
    };
    let some = given("seed 0; commands 3");
    let lines: Vec<&str> = some.lines().filter(|line| line.contains("\"command\"")).collect();
    let third = r#"{"at_ns":30000000,"host":"client","what":"command","n":3,"text":"Set(3)"}"#;
    // The scenario's own is always given.
    assert_eq!((lines.len(), lines[1]), (2, third));
    assert!(!given("seed 0; commands none").contains("Set("));
}

#[test]
fn a_list_that_does_not_fit_is_refused_in_one_line() {
    let scenario = scenario();
    let refusal = |plan: &str| {
        let plan: FaultPlan = plan.parse().expect("a plan");
        scenario.check_commands(&plan).map_err(|error| error.to_string())
    };
    assert_eq!(refusal("seed 0; commands 1,8"), Ok(()));
    assert_eq!(refusal("commands 99"), Ok(()), "each seed has others");
    let beyond = "the plan gives command 9, but with seed 0 the scenario generates 1 to 8";
    assert_eq!(refusal("seed 0; commands 1,9"), Err(beyond.to_owned()));
    let own = "the plan gives command 0, but with seed 0 the scenario generates 1 to 8";
    assert_eq!(refusal("seed 0; commands 0"), Err(own.to_owned()));
    let none = Scenario::from(Net::new("none")).check_commands(&"commands 0".parse().expect("a plan"));
    let said = "the plan lists commands, but this scenario generates none: leave 'commands' out";
    assert_eq!(none.map_err(|error| error.to_string()), Err(said.to_owned()));
}

/// A strategy of proptest draws commands from the seed alone.
#[test]
fn a_strategy_makes_commands_of_the_seed() {
    use proptest::collection::vec;
    use proptest::prelude::*;
    let (net, client) = net();
    let command =
        (0..100_u64, any::<u8>()).prop_map(|(at, value)| (Instant::from_millis(at), Ask::Set(value)));
    net.generate_from(client, vec(command, 0..6));
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let mut transcript = |seed| {
        engine.run(&Settings { seed, ..Settings::default() });
        engine.transcript().to_string()
    };
    assert_eq!(transcript(5), transcript(5));
    assert!((0..20).map(transcript).collect::<BTreeSet<_>>().len() > 10);
}

/// The whole way of a user: the report names the commands, and its line makes the run again.
#[test]
fn a_report_has_the_commands_and_a_line_with_them() {
    let verdict = Check::new(scenario()).profile(late()).runs(100).verdict().expect("it can be made");
    let report = verdict.to_string();
    assert!(report.contains("  minimal: 1 fault, 2 commands, "), "{report}");
    assert!(report.contains(" commands, ") && report.contains(" client Set("), "{report}");
    let line = report.lines().find(|line| line.contains("LOSSPROOF_REPLAY=")).expect("a line");
    let plan: FaultPlan = line.split('\'').nth(1).expect("a plan").parse().expect("it is read back");
    assert!(broken_by(&plan).is_some(), "{plan}");
}

/// The same commands reach the machines on turmoil.
#[cfg(feature = "turmoil")]
#[test]
fn turmoil_gives_the_same_commands() {
    let scenario = scenario();
    for plan in ["seed 3", "seed 3; commands 2,5; client>server #0 delay 30ms"] {
        let plan: FaultPlan = plan.parse().expect("a plan");
        let plan = Prepared::new(&plan, &scenario).expect("it is for these hosts");
        let settings = Settings { plan, ..Settings::default() };
        let mut engine = Engine::new(&scenario);
        engine.run(&settings);
        let simulated = lossproof::drive::simulate(&scenario, &settings).expect("turmoil can do it");
        assert_eq!(simulated.transcript().to_string(), engine.transcript().to_string());
    }
}
