//! Checks under `cargo nextest`: its partitions share tests out, `LOSSPROOF_SHARD` shares out the runs of each.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use lossproof::Check;
use quick_junit::Report;
use serde_json::{Value, json};

use crate::recipes::block;
use crate::{hosts, target};

/// Tests that are run by nextest alone.
mod shared {
    use super::{Check, hosts};

    fn check() {
        let (net, _, _) = hosts();
        println!("{}", Check::new(net).loss(0.3).runs(1_000).assert());
    }

    #[test]
    #[ignore = "another test runs it under nextest, and looks at what it says"]
    fn one() {
        check();
    }

    #[test]
    #[ignore = "another test runs it under nextest, and looks at what it says"]
    fn two() {
        check();
    }

    #[test]
    #[ignore = "another test runs it under nextest, and looks at what it says"]
    fn three() {
        check();
    }
}

fn cargo(words: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// What nextest needs to know of this binary to run it as it is: so nothing is built.
fn metadata(directory: &Path) -> [String; 2] {
    let output =
        cargo(&["metadata", "--format-version", "1", "--offline"]).output().expect("cargo can be run");
    let packages: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let own = packages["packages"].as_array().expect("a list").iter();
    let mut own = own.filter(|package| package["name"] == "lossproof");
    let binary = std::env::current_exe().expect("a test knows its binary");
    let binaries = json!({
        "rust-build-meta": {
            "target-directory": target(),
            "base-output-directories": ["debug"],
            "non-test-binaries": {},
            "linked-paths": [],
        },
        "rust-binaries": {
            "lossproof::harness": {
                "binary-id": "lossproof::harness",
                "binary-name": "harness",
                "package-id": own.next().expect("it is there")["id"],
                "kind": "test",
                "binary-path": binary,
                "build-platform": "target",
            },
        },
    });
    fs::create_dir_all(directory).expect("a directory can be made");
    [("packages.json", output.stdout), ("binaries.json", binaries.to_string().into_bytes())].map(
        |(name, bytes)| {
            let path = directory.join(name);
            fs::write(&path, bytes).expect("it can be written");
            path.display().to_string()
        },
    )
}

fn is_missing() -> bool {
    let is_there = cargo(&["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("left out: cargo-nextest is not there; 'cargo install cargo-nextest --locked' brings it");
    }
    !is_there
}

/// The profile and the command of the guide: all partitions together have each test once, in their `junit.xml`.
#[test]
fn the_profile_of_the_guide_writes_junit() {
    if is_missing() {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nextest-profile");
    let [packages, binaries] = metadata(&directory);
    let profile = directory.join("nextest.toml");
    fs::write(&profile, block("toml", "# .config/nextest.toml")).expect("it can be written");
    let command = block("sh", "cargo nextest run ");
    let (words, count) = command.rsplit_once("hash:1/").expect("it is one of the partitions");
    let count: u64 = count.trim().parse().expect("a number");
    let mut seen = Vec::new();
    for partition in 1..=count {
        let words = format!("{words}hash:{partition}/{count}");
        let mut run = cargo(&words.split_whitespace().skip(1).collect::<Vec<_>>());
        run.args(["--cargo-metadata", &packages, "--binaries-metadata", &binaries, "--run-ignored", "only"]);
        run.arg("--config-file").arg(&profile).args(["--no-tests", "pass"]);
        // Of the two, one fails.
        run.args(["-E", "test(=nextest::shared::one) + test(=a_request_is_counted_once)"]);
        let junit = target().join("nextest/ci/junit.xml");
        let _ = fs::remove_file(&junit);
        let output = run.output().expect("cargo can be run");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let file =
            fs::read_to_string(&junit).unwrap_or_else(|error| panic!("{}: {error}: {text}", junit.display()));
        let report = Report::deserialize_from_str(&file).expect("it is JUnit");
        assert_eq!(output.status.code(), Some(if report.failures > 0 { 100 } else { 0 }), "{text}");
        assert!(report.failures == 0 || file.contains("FAILED a_request_is_counted_once: "), "{file}");
        let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
        seen.extend(cases.map(|case| case.name.as_str().to_owned()));
    }
    seen.sort();
    assert_eq!(seen, ["a_request_is_counted_once", "nextest::shared::one"]);
}

#[test]
fn partitions_share_out_tests_and_shards_share_out_runs() {
    if is_missing() {
        return;
    }
    let [packages, binaries] = metadata(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("nextest"));
    // The verdicts of the tests of a partition, from the name to the number of runs.
    let verdicts = |partition: &str, shard: &str| -> BTreeSet<String> {
        let mut run =
            cargo(&["nextest", "run", "--cargo-metadata", &packages, "--binaries-metadata", &binaries]);
        run.args(["--partition", partition, "--run-ignored", "only", "--success-output", "immediate"]);
        run.args(["-E", "test(/^nextest::shared::/)"]).env("LOSSPROOF_SHARD", shard);
        let output = run.output().expect("cargo can be run");
        let text =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("PASSED nextest::shared::"));
        lines.filter_map(|line| line.split_once(" (")).map(|(verdict, _)| verdict.to_owned()).collect()
    };
    let all = |runs: &str| ["one", "two", "three"].map(|test| format!("{test}: {runs}")).into();
    let (first, second) = (verdicts("count:1/2", ""), verdicts("count:2/2", ""));
    assert!(!first.is_empty() && !second.is_empty() && first.is_disjoint(&second), "{first:?} {second:?}");
    assert_eq!(&first | &second, all("1,000 runs"));
    // Each computer makes all tests, and a part of each.
    assert_eq!(verdicts("count:1/1", "2/5"), all("200 runs of shard 2/5"));
}
