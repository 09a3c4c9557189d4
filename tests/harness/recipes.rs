//! The recipes of the guide for a CI, made as far as one computer can: each command is taken out of the page.

use std::fs;
use std::path::Path;

use lossproof::Check;
use quick_junit::Report;
use serde_json::Value;

use crate::runner::{Ended, Runner, read};
use crate::{hosts, once};

/// Below the crate's directory. It is read when the tests run, so a change of it needs no build.
const PAGE: &str = "src/guide/ci.md";
/// What the recipes check, and with how many runs; how many are made here.
const CHECKED: &str = "check udp-remote ";
const RUNS: (&str, &str) = ("1000000", "800");
/// The same check with a bug, and as if that was mended.
const BROKEN: &str = "check udp-remote --bug accepts-any-reply --duplicate 5% ";
const MENDED: &str = "check udp-remote --ids --duplicate 5% ";
/// Says to the test that its bug is mended.
const IS_MENDED: (&str, &str) = ("COUNTER_IS_MENDED", "true");

/// The reader's test, which the recipes run by `cargo test`.
const TEST: &str = "recipes::a_request_is_counted_once";

#[test]
#[ignore = "the recipes run it, and look at what it says"]
fn a_request_is_counted_once() {
    let is_mended = std::env::var(IS_MENDED.0).is_ok();
    let net = if is_mended { hosts().0 } else { once() };
    Check::new(net).loss(0.3).corpus("corpus").assert();
}

/// The block of the page in this language whose text has this.
pub(crate) fn block(language: &str, part: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect("it is there");
    let begin = format!("\n```{language}\n");
    let blocks = page.split(&begin).skip(1).filter_map(|block| block.split_once("\n```"));
    let of_it: Vec<&str> = blocks.map(|(block, _)| block).filter(|block| block.contains(part)).collect();
    let [block] = of_it[..] else { panic!("one block has {part}, not {}", of_it.len()) };
    block.replace(RUNS.0, RUNS.1)
}

/// A workflow of the page that checks this.
fn workflow(name: &str, check: &str) -> Value {
    read(&block("yaml", &format!("# .github/workflows/{name}.yml\n")).replace(CHECKED, check))
}

/// All shards of a night, and then the report.
fn night(runner: &mut Runner, number: u64, check: &str) -> (Vec<Ended>, Ended) {
    let jobs = &workflow("search", check)["jobs"];
    let id = ("github.run_id", number.to_string());
    let shards = jobs["search"]["strategy"]["matrix"]["shard"].as_array().expect("a matrix");
    let shards: Vec<Ended> = shards
        .iter()
        .map(|shard| runner.job(&jobs["search"], &[("matrix.shard", shard.to_string()), id.clone()]))
        .collect();
    assert_eq!(
        (&jobs["report"]["needs"], &jobs["report"]["if"]),
        (&"search".into(), &"${{ !cancelled() }}".into())
    );
    let report = runner.job(&jobs["report"], &[id]);
    (shards, report)
}

/// How many test cases a `junit.xml` has, and how many of them failed.
fn junit(path: &Path) -> (usize, usize) {
    let text = fs::read_to_string(path).expect("it is written");
    let report = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (report.tests, report.failures)
}

/// A bug is found at night, its plans are kept, the next night and the next change fail by them at once, and once it is
/// mended both pass.
#[test]
fn what_a_night_finds_fails_the_next_change_until_it_is_mended() {
    let mut runner = Runner::new("actions", TEST);
    let (shards, report) = night(&mut runner, 1, BROKEN);
    for Ended { log, is_failed, directory } in &shards {
        assert!(is_failed, "{log}");
        let annotations: Vec<&str> = log.lines().filter(|line| line.starts_with("::error ")).collect();
        let [test, check] = annotations[..] else { panic!("{log}") };
        assert!(test.starts_with("::error file=tests/harness/recipes.rs,line="), "{test}");
        assert!(check.starts_with("::error title=lossproof check udp-remote "), "{check}");
        assert!(directory.join("corpus").is_dir(), "{log}");
    }
    assert!(report.is_failed && report.log.is_empty(), "{report:?}");
    assert_eq!(junit(&report.directory.join("junit.xml")), (1, 1));
    let uploaded = runner.kept("artifacts", "shard-3");
    let name = TEST.replace("::", ".");
    for file in [
        "./part-3.json",
        &format!("./target/lossproof/{name}/page.html"),
        &format!("./target/lossproof/{name}/test.rs"),
    ] {
        assert!(uploaded.iter().any(|path| path == file), "{file}: {uploaded:?}");
    }
    let corpus = runner.kept("cache", "corpus-1");
    for check in [name.as_str(), "udp-remote"] {
        assert!(corpus.iter().any(|path| path.starts_with(&format!("./corpus/{check}-"))), "{corpus:?}");
    }

    let (shards, _) = night(&mut runner, 2, BROKEN);
    for Ended { log, .. } in &shards {
        assert_eq!(
            log.matches("after 1 run ").count(),
            3,
            "the annotations and the report are of the first run: {log}"
        );
    }
    assert_eq!(runner.names("cache"), ["corpus-1", "corpus-2"]);

    let change = &workflow("test", CHECKED)["jobs"]["test"];
    let broken = runner.job(change, &[("github.run_id", "3".to_owned())]);
    assert!(broken.is_failed && broken.log.contains("after 1 run "), "{broken:?}");
    assert!(runner.kept("artifacts", "failures").len() > corpus.len());

    runner.environment.push(IS_MENDED);
    let mended = runner.job(change, &[("github.run_id", "4".to_owned())]);
    assert!(!mended.is_failed && !mended.log.contains("::error"), "{mended:?}");
    let (shards, report) = night(&mut runner, 5, MENDED);
    for Ended { log, is_failed, .. } in &shards {
        assert!(!is_failed && log.contains("::notice title=lossproof check udp-remote "), "{log}");
    }
    assert!(!report.is_failed && junit(&report.directory.join("junit.xml")) == (1, 0), "{report:?}");
    // The same bytes as from one computer that makes all runs.
    let whole = format!(
        "lossproof {MENDED} --runs {} --seed-from 5 --format junit -o whole.json > whole.xml",
        RUNS.1
    );
    let directory = runner.computer();
    assert!(runner.shell(&directory, &whole, &[]).status.success());
    let read = |path: &Path| fs::read_to_string(path).expect("it is written");
    assert_eq!(read(&directory.join("whole.xml")), read(&report.directory.join("junit.xml")));
    assert_eq!(
        runner.names("artifacts"),
        ["failures", "report", "shard-1", "shard-2", "shard-3", "shard-4", "shard-5"]
    );
}

#[test]
fn the_script_ends_with_the_status_and_leaves_the_files() {
    let script = block("sh", "# ci/search.sh");
    let mut runner = Runner::new("script", TEST);
    let directory = runner.computer();
    let search = |runner: &Runner, check: &str, seed: &str| {
        fs::write(directory.join("search.sh"), script.replace(CHECKED, check)).expect("it can be written");
        let output = runner.shell(&directory, &format!("sh search.sh {seed}"), &[]);
        let files = runner.shell(&directory, "tar -tf failures.tar", &[]);
        let files = String::from_utf8_lossy(&files.stdout).into_owned();
        (output.status.code(), junit(&directory.join("junit.xml")), files)
    };
    let (status, counts, files) = search(&runner, BROKEN, "");
    assert_eq!((status, counts), (Some(1), (1, 1)));
    let name = TEST.replace("::", ".");
    for file in [format!("\ntarget/lossproof/{name}/report.txt\n"), "\ncorpus/udp-remote-".to_owned()] {
        assert!(files.contains(&file), "{file}: {files}");
    }
    // The tests alone fail, then the search alone.
    let (status, counts, _) = search(&runner, MENDED, "2026-01-30");
    assert_eq!((status, counts), (Some(1), (1, 0)));
    runner.environment.push(IS_MENDED);
    let (status, counts, _) = search(&runner, BROKEN, "2026-01-31");
    assert_eq!((status, counts), (Some(1), (1, 1)));
    let (status, _, files) = search(&runner, MENDED, "2026-02-01");
    assert_eq!(status, Some(0));
    assert!(files.contains("\ncorpus/udp-remote-"), "what failed stays in the corpus: {files}");
    assert!(!files.contains("report.txt"), "what is over has no files: {files}");
}
