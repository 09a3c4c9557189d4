//! Which search finds which specimen.

use std::fmt::Write as _;

use lossproof::check::Fates;

use crate::fuzzed::INPUTS;
use crate::searches::{self, CASES, Cell, EXHAUSTIVE_RUNS, MAX_FAULTS, PLANS, RUNS};
use crate::worlds;

/// The bugs that the default check does not find, and why.
pub(crate) const NOT_IN_SWARM: [(&str, &str); 2] = [
    (
        "udp-remote trusts-the-length",
        "it takes a datagram that is cut short, and no swarm has those: a checksum makes a loss of it",
    ),
    (
        "udp-remote takes-any-seal",
        "it takes a datagram whose bytes are changed, and no swarm has those: a checksum makes a loss of it",
    ),
];
/// In how many of these searches the shrunk plan has as many faults as the smallest one known.
const SEEDS: u64 = 20;
const ENOUGH: u64 = 18;

/// What stands above the matrix.
fn legend() -> String {
    let fates = Fates::default();
    format!(
        "\
Which search finds which bug, in which of its runs, and to how many faults its plan was shrunk. 9→5 is
a failure in the ninth run, with a smallest plan of five faults; '-' is none; nothing, that there is no
such search. Where a later run came to fewer faults than the first that failed, it is named too.

swarm       what `lossproof check` draws where nobody says more: everything, and something else in each run
plans       plans of up to eight faults of any kind
exhaustive  every schedule of at most {MAX_FAULTS} faults:
            {fates}
model       operations on the machine and on a model of it, shrunk to so many operations
fuzz        which input shows it: scripts of a guest or an impostor, and schedules, from the corpora of
            the fuzz targets and changed at random, without the guidance of coverage

At most {RUNS} runs are made of swarm, {PLANS} of plans, {EXHAUSTIVE_RUNS} of exhaustive; {CASES} cases, {INPUTS} inputs.
For election, whose runs are long, a tenth of that, and so for the protocols that are there for their
bugs, which swarm alone tries. The bugs of election take a few faults at the right moments, so most of
their plans below were made by hand, or found by longer searches of the faults of its members.

"
    )
}

/// Every bug is found by a search, and by one of them in the smallest plan known, where its runs are short; no search finds a
/// smaller one.
#[test]
fn every_bug_is_found() {
    let mut matrix = legend();
    let columns = ["swarm", "plans", "exhaustive", "model", "fuzz"].map(|name| format!("  {name:<10}"));
    let _ = writeln!(matrix, "{:<40}{}", "", columns.concat().trim_end());
    let (mut smallest, mut wrong) = (String::new(), Vec::new());
    for world in worlds() {
        let row = searches::row(&world);
        let name = world.name();
        let cells = [&row.swarm, &row.plans, &row.exhaustive, &row.model, &row.fuzz];
        let texts: Vec<String> = cells.iter().map(|cell| format!("  {cell:<10}")).collect();
        let _ = writeln!(matrix, "{name:<40}{}", texts.concat().trim_end());
        let plan = if world.plan.is_empty() { "(no fault)" } else { world.plan }.replace("; ", ";\n    ");
        let _ = writeln!(smallest, "{name}: {}\n    {plan}", row.broken);
        let known = world.smallest().len();
        let is_missed = NOT_IN_SWARM.iter().any(|(missed, _)| *missed == name);
        if row.swarm.fewest().is_none() != is_missed && (world.fewer() == 1 || world.is_of_protocol()) {
            wrong.push(format!("{name}: the default check finds it, or not: {}", row.swarm));
        }
        // The model counts operations, and not faults.
        let fewest = cells[..3].iter().filter_map(|cell| Cell::fewest(cell)).min();
        let is_known = fewest == Some(known)
            || (world.fewer() > 1 && !world.is_of_protocol() && fewest.is_none_or(|fewest| fewest > known));
        if !is_known || !row.is_minimal {
            let minimal = if row.is_minimal { "" } else { ", and it is not minimal" };
            wrong.push(format!("{name}: the known plan has {known} faults, found is {fewest:?}{minimal}"));
        }
    }
    let _ = write!(matrix, "\nThe smallest plans known, and what they break:\n\n{smallest}");
    assert!(matrix.lines().all(|line| line.chars().count() <= 108), "{matrix}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("specimens", matrix));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the default check finds first of each is shrunk to as many faults as the smallest plan known has, whatever the seed.
#[test]
#[ignore = "it takes minutes without optimisation: cargo test --release --test specimens -- --ignored shrunk"]
fn what_is_found_first_is_shrunk_to_the_smallest_plan_known() {
    let mut few = Vec::new();
    for world in worlds() {
        let name = world.name();
        if NOT_IN_SWARM.iter().any(|(missed, _)| *missed == name) {
            continue;
        }
        let faults =
            |seed| searches::first_of_swarm(&world, seed).map_or("-".to_owned(), |faults| faults.to_string());
        let (known, faults) = (world.smallest().len(), (0..SEEDS).map(faults).collect::<Vec<_>>());
        let smallest = faults.iter().filter(|faults| **faults == known.to_string()).count() as u64;
        println!("{name:<40}  {smallest:>2} of {SEEDS}: known {known}, found {}", faults.join(" "));
        if smallest < ENOUGH {
            few.push(name);
        }
    }
    assert!(few.is_empty(), "{}", few.join(", "));
}

/// No specimen is forgotten.
#[cfg(feature = "cli")]
#[test]
fn every_bug_of_every_system_is_a_specimen() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_lossproof"))
        .args(["list", "--bugs"])
        .output()
        .expect("the binary was built for this test");
    let listed: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let worlds = worlds();
    let of_systems = worlds.iter().filter(|world| world.specimen.is_some());
    let known: Vec<String> = of_systems.map(crate::World::name).collect();
    assert_eq!(known, listed);
    assert!(worlds.len() >= 20);
}
