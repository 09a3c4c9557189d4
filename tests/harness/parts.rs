//! A check in a CI: parts of it, a corpus that it keeps, and what GitHub is told.

use std::fs;
use std::path::{Path, PathBuf};

use lossproof::Check;
use lossproof::check::{Shard, Tally};
use lossproof::fault::FaultKind;
use lossproof::harness::Verdict;

use crate::{CHECKED, checked, hosts, once, panic_of, said};

/// A check whose runs all hold, with an end that is seen in some.
fn sound() -> Check {
    let (net, server, _) = hosts();
    net.sometimes("a request is counted five times", move |run| run.events(server).contains(&5));
    Check::new(net).loss(0.3).runs(1_000)
}

fn made(check: &Check) -> Verdict {
    check.verdict().expect("it can be made")
}

#[test]
fn parts_merge_to_the_whole() {
    for (check, fails) in [(sound as fn() -> Check, false), (|| Check::new(once()).loss(0.05).seed(6), true)]
    {
        let whole = made(&check());
        let parts: Vec<Verdict> = (1..=5).map(|number| made(&check().shard(number, 5))).collect();
        let runs: Vec<u64> = parts.iter().map(|part| part.tally().runs).collect();
        assert!(fails || runs == [200; 5], "{runs:?}");
        let mut merged = Tally::default();
        for part in &parts {
            merged.merge(part.tally().clone());
        }
        assert_eq!(&merged, whole.tally());
        assert_eq!((merged.failure.is_some(), whole.shard()), (fails, None));
        assert_eq!(parts[1].shard().map(Shard::number), Some(2));
    }
}

/// What never happened in a part may have happened in another.
#[test]
fn demands_are_told_by_whole_checks_alone() {
    let check = || sound().demand_sometimes().demand_faults([FaultKind::Duplicate]);
    let part = made(&check().runs(20).shard(2, 20));
    assert!(part.holds() && part.tally().runs == 1, "{part}");
    let report = part.to_string();
    assert!(report.contains(": 1 run of shard 2/20 ("), "{report}");
    let left = "\n  not in this shard, so it is left to the others\n  never fired: duplicate\n  never seen: a request is counted \
                five times";
    assert!(report.ends_with(left), "{report}");
    let whole = made(&check().shard(1, 1));
    assert!(whole.is_vacuous(), "one part of one is the whole: {whole}");
    // A part that has no run is a part; a whole that has none is vacuous.
    assert!(made(&sound().runs(1).shard(1, 2)).holds());
    assert!(made(&sound().runs(0).shard(1, 2)).is_vacuous());
}

/// All schedules are made by the first part, once.
#[test]
fn an_exhaustive_check_is_not_shared_out() {
    let (net, _, _) = hosts();
    let check = Check::new(net).exhaustive(1).demand_faults([FaultKind::Reset]);
    let whole = made(&check);
    let first = made(&check.shard(1, 3));
    assert_eq!((first.tally(), first.shard(), first.is_vacuous()), (whole.tally(), None, true));
    let (net, _, _) = hosts();
    let other = made(&Check::new(net).exhaustive(1).shard(3, 3));
    assert!(other.holds() && other.tally().runs == 0);
    assert!(other.to_string().ends_with("\n  every schedule: shard 1/3 makes them all"), "{other}");
}

#[test]
fn the_environment_chooses_the_part() {
    let run = |variables: &[(&str, &str)]| {
        let output = checked(CHECKED, variables);
        let report = said(&output);
        let line = report.lines().find_map(|line| line.strip_prefix("  after "));
        line.map(|line| line.split_once(" (").expect("it has the times").0.to_owned())
    };
    let shard = run(&[("LOSSPROOF_SHARD", "2/5")]).expect("it fails");
    assert!(shard.ends_with(" of shard 2/5"), "{shard}");
    let seeds: std::collections::BTreeSet<_> =
        ["2026-01-31", "2026-02-01", "a", "b", "c"].map(|text| run(&[("LOSSPROOF_SEED_FROM", text)])).into();
    assert!(seeds.len() > 1 && !seeds.contains(&None), "{seeds:?}");
    // A number goes before a text.
    let both = run(&[("LOSSPROOF_SEED_FROM", "a"), ("LOSSPROOF_SEED", "7")]);
    assert_eq!(both, run(&[("LOSSPROOF_SEED", "7")]));
    let wrong = said(&checked(CHECKED, &[("LOSSPROOF_SHARD", "0/5")]));
    let line = "LOSSPROOF_SHARD: '0/5' is not a shard: write K/N with K from 1 to N, such as 3/8";
    assert!(wrong.contains(line), "{wrong}");
}

/// The line stands before the report, and names the place of the call in the test.
#[test]
fn github_is_told_of_a_failure_in_one_line() {
    let report = said(&checked(CHECKED, &[("GITHUB_ACTIONS", "true")]));
    let (before, after) = report.split_once("::error ").expect("it is told");
    assert!(before.is_empty() || before.ends_with('\n'), "{before}");
    let (line, rest) = after.split_once('\n').expect("a line");
    let number = include_str!("main.rs").lines().position(|line| line.ends_with("loss(0.3).assert();"));
    let number = number.expect("the call is there") + 1;
    let place = format!("file=tests/harness/main.rs,line={number},title={CHECKED}::FAILED {CHECKED}: ");
    assert!(line.starts_with(&place), "{line}");
    assert!(line.contains("%0A    server>client #0 drop%0A  replay: LOSSPROOF_REPLAY='v2; "), "{line}");
    assert!(
        rest.contains(&format!("\nFAILED {CHECKED}: "))
            && rest.contains("panicked at tests/harness/main.rs:"),
        "{rest}"
    );
    assert!(!said(&checked(CHECKED, &[("GITHUB_ACTIONS", "false")])).contains("::error"));
}

/// An empty directory of a test's own.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus").join(name);
    let _ = fs::remove_dir_all(&path);
    path
}

/// The texts of the plans of a directory, by path.
fn plans(directory: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(directory).expect("it is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("it is text"))).collect()
}

#[test]
fn what_failed_is_kept_and_made_first() {
    let directory = directory("first");
    let lossy = || Check::new(once()).named("lossy").loss(0.3).corpus(&directory);
    // There is nothing yet, and a verdict alone writes nothing.
    assert!(!made(&lossy()).holds() && !directory.exists());
    let report = panic_of(|| lossy().assert());
    let [(path, text)] = &plans(&directory)[..] else { panic!("one plan") };
    assert!(report.contains(&format!("\n  note: the plan is kept in {}", path.display())), "{report}");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let begin = "parts.what_failed_is_kept_and_made_first.lossy-";
    assert!(name.starts_with(begin) && name.len() == begin.len() + "0123456789abcdef.plan".len(), "{name}");
    let hit = text.strip_prefix("v2; server>client #0 drop\n# hit server>client #0 ").expect("plan and hit");
    assert_eq!(hit.trim_end().len(), 16, "{text}");
    // Nothing is drawn, so only what was kept can break it.
    let again = panic_of(|| Check::new(once()).named("lossy").corpus(&directory).assert());
    assert!(again.contains(": a request is counted twice") && again.contains("\n  after 1 run ("), "{again}");
    assert!(!again.contains("note: ") && plans(&directory).len() == 1, "{again}");
    // It is of that check alone.
    assert!(Check::new(once()).named("calm").corpus(&directory).runs(1).assert().notes().is_empty());
    // Once it is mended, the search goes on after it.
    let (net, _, _) = hosts();
    let mended = Check::new(net).named("lossy").loss(0.3).runs(20).corpus(&directory).assert();
    assert_eq!((mended.tally().runs, mended.notes().len()), (20, 0));
}

/// A kept plan that does not do what it did is noted, and one that cannot be made is passed over.
#[test]
fn a_plan_that_hits_another_packet_is_noted() {
    let directory = directory("moved");
    fs::create_dir_all(&directory).expect("a directory can be made");
    let test = "parts.a_plan_that_hits_another_packet_is_noted";
    let path = |digest: &str| directory.join(format!("{test}-{digest}.plan"));
    let moved = path("0000000000000001");
    fs::write(&moved, "client>server #0 drop\n# hit client>server #0 0123456789abcdef\n")
        .expect("it can be written");
    let gone = path("0000000000000002");
    fs::write(&gone, "sever>client #0 drop\n").expect("it can be written");
    let verdict = Check::new(once()).runs(1).corpus(&directory).assert();
    let (moved, gone) = (moved.display(), gone.display());
    let notes = [
        format!(
            "the kept plan {moved} hits other packets than when it was kept, at client>server #0: it may test something else"
        ),
        format!(
            "{gone}: the plan names the host 'sever'; the hosts are server, client; so this kept plan is passed over"
        ),
    ];
    assert_eq!(verdict.notes(), notes);
    assert!(
        verdict.to_string().ends_with(&format!("\n  note: {}\n  note: {}", notes[0], notes[1])),
        "{verdict}"
    );
    // A plan that was kept by hand must fit, and its digests are looked at, too.
    let error = Check::new(once()).runs(1).regressions(&directory).verdict().unwrap_err().to_string();
    assert_eq!(error, format!("{gone}: the plan names the host 'sever'; the hosts are server, client"));
    fs::remove_file(gone.to_string()).expect("it is ours");
    assert_eq!(Check::new(once()).runs(1).regressions(&directory).assert().notes(), &notes[..1]);
}
