//! When the runs of the specimens were lost.

use lossproof::Scenario;
use lossproof::check::{Draws, MAX_TURN_RUNS, Search, Turn, Turned};
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::specimens::{self, Specimen};
use lossproof::systems::Options;

/// When the run was lost that a search finds in a specimen and makes small, if it finds one.
fn turn(specimen: &Specimen, runs: u64) -> Option<Turn> {
    let scenario = Scenario::from(specimen.net(&Options::default()));
    let search = || Search::new(&scenario, Prepared::default(), Profile::CALM, 0).with_draws(Draws::Swarm);
    let failure = search().runs(0..runs).failure?;
    // A run of many faults has more that must come in time.
    let of_all = search().turn(&failure, 500);
    assert!(of_all.is_some(), "{}: a run of all faults went another way", specimen.name);
    let shrunk = search().shrink(&failure, 2_000);
    let turn = search().turn(&shrunk.failure, MAX_TURN_RUNS);
    assert!(turn.is_some(), "{}: a run went another way", specimen.name);
    turn
}

/// A run that goes on from a step is the same up to it, or nothing is told: of each specimen something is.
#[test]
fn each_failure_tells_when_it_was_lost() {
    let mut told = 0;
    // The runs of the others go on for long, which takes too much time here.
    let short =
        ["udp-local", "udp-remote", "tcp-sixteen", "greet", "hello-tcp", "hello-udp", "tcp-chat", "udp-chat"];
    for specimen in specimens::all().filter(|specimen| short.contains(&specimen.system)) {
        let Some(turn) = turn(specimen, 400) else { continue };
        let last = turn.steps.last().expect("there are steps");
        assert_eq!(last.percent(), 100, "{}: {turn}", specimen.name);
        assert!(turn.curve().lines().count() <= 20, "{}", turn.curve());
        told += 1;
    }
    assert!(told >= 10, "{told}");
}

/// The step that turns is that of the fault which decides, where there is one.
#[test]
fn what_decides_is_named() {
    let tries: Vec<String> = (0..5).map(|n| format!("client>server #{n} drop")).collect();
    for (system, name, plan, line) in [
        (
            "udp-remote",
            "accepts-any-reply",
            "server>client #1 duplicate",
            "0.015 fault server>client #1 duplicate",
        ),
        ("udp-remote", "never-gives-up", &tries.join("; "), "1.500 fault client>server #4 drop"),
        (
            "udp-chat",
            "expires-at-the-limit",
            "client-3>server #1 drop",
            "5.000 fault client-3>server #1 drop",
        ),
        ("tcp-chat", "decodes-each-read", "server>client-3 @19 cut", "0.105 fault server>client-3 @19 cut"),
    ] {
        let specimen = specimens::find(system, name).expect("it is there");
        let scenario = Scenario::from(specimen.net(&Options::default()));
        let prepared =
            Prepared::new(&plan.parse().expect("it is a plan"), &scenario).expect("its hosts are there");
        let mut search = Search::new(&scenario, prepared, Profile::CALM, 0).with_draws(Draws::Swarm);
        let failure = search.failure_of(0).filter(|failure| failure.plan.to_string().contains(plan));
        let turn =
            search.turn(&failure.expect("the plan breaks it"), MAX_TURN_RUNS).expect("it is determined");
        assert!(matches!(turn.turned, Turned::At(_)), "{name}: {turn}");
        assert_eq!(turn.step().map(|step| step.line.as_str()), Some(line), "{name}: {turn}");
    }
}
