//! Sweeps: what they measure, and that their shards join to the same bytes.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs;
use std::path::Path;
use std::process::Command;

use lossproof::Scenario;
use lossproof::check::{Measure, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::parallel;
use lossproof::scenario::Net;
use lossproof::systems::{Options, udp_remote};
use serde_json::Value;

use command::{directory, lossproof, refused};

/// Runs a command that is to succeed and to write nothing to standard error; gives its standard output.
fn quiet(args: &[&str]) -> String {
    command::quiet(args, 0)
}

/// The rows of a sweep.
fn rows(args: &[&str]) -> Vec<Value> {
    let text = quiet(&[&["sweep"], args, &["--format", "json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

/// The paths of files there.
fn files<'a>(directory: &Path, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(|name| directory.join(name).display().to_string()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_share_of_successes_is_that_of_the_closed_form() {
    const RUNS: &str = "10000";
    for (words, formula) in [
        (&["udp-remote"][..], (|p: f64| 1.0 - (1.0 - (1.0 - p).powi(2)).powi(5)) as fn(f64) -> f64),
        (&["udp-remote", "--drop", "50%"], |p| 1.0 - (1.0 - (1.0 - p).powi(2) / 2.0).powi(5)),
    ] {
        let rows = rows(&[words, &["--runs", RUNS, "--step", "10%", "--seed", "1"]].concat());
        assert_eq!(rows.len(), 7);
        for (step, row) in rows.iter().enumerate() {
            let expected = formula(step as f64 / 10.0);
            let error = (expected * (1.0 - expected) / 10_000.0).sqrt();
            let [success, said, off] = ["success", "expected", "off"].map(|key| row[key].as_f64().unwrap());
            assert!((said - expected).abs() < 1e-12, "{row}");
            assert!((success - expected).abs() <= 3.0 * error, "{row}");
            assert!(off.abs() <= 3.0, "{row}");
        }
    }
}

#[test]
fn there_is_a_closed_form_only_where_it_holds() {
    let with = |words: &[&str]| {
        let rows = rows(&[words, &["--runs", "10", "--loss", "30%"]].concat());
        assert_eq!(rows.len(), 1);
        rows[0]["expected"].is_number()
    };
    assert!(with(&["udp-remote"]) && with(&["udp-remote", "--ids"]));
    assert!(!with(&["udp-remote", "--jitter"]) && !with(&["udp-remote", "--duplicate", "1%"]));
    assert!(!with(&["udp-remote", "--time-scale", "0.5"]) && !with(&["udp-remote", "--profile", "wifi"]));
    assert!(!with(&["udp-remote", "--faults", "client>server #0 drop"]) && !with(&["tcp-sixteen"]));
}

#[test]
fn a_sweep_makes_the_runs_of_a_search() {
    let profile = Profile { loss: Chance::percent(40), ..Profile::default() };
    let net = udp_remote::net(&Options::default());
    let client = net.find::<udp_remote::Client>("client").id();
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), profile, 5);
    let tally = search.runs(0..2_000);
    let rows = rows(&["udp-remote", "--loss", "40%", "--seed", "5", "--runs", "2000"]);
    let ends = tally.ends[client.index()];
    let sums =
        ["runs", "answered", "gave_up", "unfinished", "sends"].map(|key| rows[0][key].as_u64().unwrap());
    assert_eq!(sums, [tally.runs, ends.successes, ends.failures, ends.running, tally.packets]);
    assert!(ends.failures > 0 && ends.successes > 0);
}

#[test]
fn the_first_run_that_panics_is_told_on_any_number_of_threads() {
    let net = Net::new("panics");
    let server = net.host("server").udp(1060).machine(|boot| {
        assert!(!boot.seed().is_multiple_of(4_000), "a seed like this");
        udp_remote::Server::new(Chance::NEVER, false, boot.seed())
    });
    let scenario = Scenario::from(net);
    let measure = || Measure::new(&scenario, server, Prepared::default(), Profile::CALM, 3);
    let panicked = measure().runs(0..40_000).unwrap_err();
    assert!(
        panicked.said.starts_with("server: it was made at 0.000: a seed like this (at tests/sweep.rs:"),
        "{panicked}"
    );
    assert_eq!(measure().runs(0..panicked.run).map(|counts| counts.runs), Ok(panicked.run));
    for jobs in 1..=3 {
        assert_eq!(parallel::count(0..40_000, jobs, measure, |_| {}), Err(panicked.clone()));
    }
}

#[test]
fn times_are_those_of_the_schedule() {
    let rows = rows(&["udp-remote", "--loss", "0%..50%", "--step", "50%", "--runs", "2000"]);
    let times = |row: &Value| [&row["p50_ms"], &row["p99_ms"]].map(|ms| ms.as_u64().unwrap());
    // There and back in 10 ms, and sent again after 0.1, 0.3, 0.7 and 1.5 s.
    assert_eq!(times(&rows[0]), [10, 10]);
    // Of the answers 33% come to the first request, 57% to the first two, 90% to the first four.
    assert_eq!(times(&rows[1]), [110, 1_510]);
    assert_eq!([&rows[0]["sends_per_run"], &rows[0]["sends_per_answer"]], [2.0, 2.0]);
}

#[test]
fn shards_join_to_the_bytes_of_the_whole() {
    let directory = directory("shards");
    for (words, plots) in [(&["udp-remote", "--runs", "9000"][..], true), (&["http", "--runs", "5"], false)] {
        let sweep = [&["sweep"], words, &["--step", "15%", "--seed", "7"]].concat();
        let whole = files(&directory, ["whole.json", "whole.svg", "whole.html"]);
        let text = quiet(&[&sweep[..], &["-o", &whole[0]]].concat());
        let names: Vec<String> = (1..=7).map(|number| format!("part-{number}.json")).collect();
        let mut parts = files(&directory, names.iter().map(String::as_str));
        for (part, number) in parts.iter().zip(1..) {
            let shard = format!("{number}/7");
            assert_eq!(quiet(&[&sweep[..], &["--shard", &shard, "--jobs", "1", "-o", part]].concat()), "");
        }
        // The order does not matter.
        parts.rotate_left(3);
        let merge: Vec<&str> = ["merge"].into_iter().chain(parts.iter().map(String::as_str)).collect();
        let joined = files(&directory, ["joined.json", "joined.svg", "joined.html"]);
        assert_eq!(quiet(&[&merge[..], &["-o", &joined[0]]].concat()), text);
        assert_eq!(read(&joined[0]), read(&whole[0]));
        let json = ["--format", "json"];
        assert_eq!(quiet(&[&merge[..], &json].concat()), quiet(&[&sweep[..], &json].concat()));
        for (joined, whole) in joined.iter().zip(&whole).skip(1).filter(|_| plots) {
            quiet(&[&merge[..], &["-o", joined]].concat());
            quiet(&[&sweep[..], &["-o", whole]].concat());
            assert_eq!(read(joined), read(whole));
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let directory = directory("misfits");
    let make = |name: &str, words: &[&str]| {
        let path = directory.join(name).display().to_string();
        quiet(&[&["sweep", "udp-remote", "--loss", "30%", "--runs", "9", "-o", &path], words].concat());
        path
    };
    let first = make("first.json", &["--shard", "1/3"]);
    let again = make("again.json", &["--shard", "1/3"]);
    let second = make("second.json", &["--shard", "2/3"]);
    refused(
        &["merge", &first, &second],
        "1 of 3 shards are missing, the first of them 3/3: make it with --shard 3/3",
    );
    refused(
        &["merge", &second],
        "2 of 3 shards are missing, the first of them 1/3: make it with --shard 1/3",
    );
    let doubled = format!("'{again}' has shard 1/3, which '{first}' has, too: give each once");
    refused(&["merge", &first, &again, &second], &doubled);
    for (words, what) in [
        (&["--shard", "3/4"][..], "number of shards"),
        (&["--shard", "3/3", "--seed", "1"], "seed"),
        (&["--shard", "3/3", "--runs", "10"], "number of runs"),
        (&["--shard", "3/3", "--loss", "31%"], "list of losses"),
        (&["--shard", "3/3", "--ids"], "list of options"),
        (&["--shard", "3/3", "--profile", "wifi"], "network"),
    ] {
        // Words that are given twice are refused, so those that stand before are left out here.
        let path = directory.join("other.json").display().to_string();
        let given = |word: &str| words.contains(&word);
        let mut args = vec!["sweep", "udp-remote", "-o", &path];
        args.extend(if given("--loss") { &[][..] } else { &["--loss", "30%"] });
        args.extend(if given("--runs") { &[][..] } else { &["--runs", "9"] });
        quiet(&[&args[..], words].concat());
        let line = format!("'{path}' is of another sweep than '{first}': its {what} differs");
        refused(&["merge", &first, &second, &path], &line);
    }
    let changed = directory.join("changed.json").display().to_string();
    fs::write(&changed, read(&first).replace("\"runs\":3", "\"runs\":4")).expect("the file can be written");
    let line = format!("'{changed}' is not a part of a sweep: its counts are not those of its runs");
    refused(&["merge", &changed], &line);
    let missing = directory.join("none.json").display().to_string();
    refused(&["merge", &missing], &format!("cannot read '{missing}': no such file or directory"));
}

#[test]
fn wrong_words_are_refused_in_one_line() {
    let sweep = |words: &[&str], line: &str| refused(&[&["sweep", "udp-remote"], words].concat(), line);
    sweep(&["--loss", "60%..0%"], "--loss: cannot use '60%..0%': the first loss is more than the last");
    sweep(&["--step", "0%"], "--step: a step must be more than 0%");
    sweep(
        &["--loss", "0%..100%", "--step", "0.01%"],
        "--step: that makes 10001 losses; at most 1001 are possible: write a longer step",
    );
    for shard in ["0/3", "4/3", "3", "1/0", "-1/3", "x/y", "1/2/3"] {
        let line = format!("--shard: '{shard}' is not a shard: write K/N with K from 1 to N, such as 3/8");
        sweep(&["--shard", shard, "-o", "part.json"], &line);
    }
    sweep(
        &["-o", "table.txt"],
        "-o: cannot tell from 'table.txt' what to write: end it in .svg, .html or .json",
    );
    sweep(&["--shard", "1/2", "-o", "a.svg"], "-o: a shard is written as JSON: end 'a.svg' in .json");
    sweep(
        &["--faults", "seed 3"],
        "--faults: the plan has a seed, which makes all runs the same: leave it out",
    );
    for words in [["--loss", "0%..x"], ["--loss", "0%..101%"], ["--loss", "..5%"], ["--step", "x"]] {
        let output = lossproof(&[&["sweep", "udp-remote"], &words[..]].concat());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.starts_with(&format!("lossproof: {}: ", words[0])), "{complaint}");
        assert_eq!((complaint.lines().count(), output.status.code()), (1, Some(2)), "{complaint}");
    }
}

#[test]
fn a_table_fits_into_80_columns() {
    let text = quiet(&["sweep", "udp-remote", "--runs", "100", "--loss", "0%..100%", "--step", "50%"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains('%')).count(), 3, "{text}");
}

#[test]
fn plots_show_what_was_measured() {
    let directory = directory("plots");
    let path = directory.join("report.html").display().to_string();
    let words = ["sweep", "udp-remote", "--runs", "50", "--faults", "client>server #9 drop", "-o", &path];
    let table = quiet(&words);
    let page = read(&path);
    for text in ["time to success, seconds", "success, percent of runs", "sends per success", "give-ups"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains(&table.replace('>', "&gt;")), "the page has the table");
    assert_eq!(page.matches("<svg").count(), 4);
    assert!(
        page.contains("<h1>udp-remote --faults 'v2; client&gt;server #9 drop' --seed 0</h1>"),
        "it is escaped"
    );
    assert!(!page.contains(">\nclosed form"), "it does not hold here");
    let names = page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
    assert_eq!(page.matches("http").count(), names, "only the name of SVG is of elsewhere");
}

/// Every colour of a plot but the grey of a frame is another one where it is dark.
#[test]
fn plots_can_be_read_in_the_dark() {
    let directory = directory("dark");
    for name in ["report.html", "report.svg"] {
        let path = directory.join(name).display().to_string();
        quiet(&["sweep", "udp-remote", "--runs", "50", "-o", &path]);
        let picture = read(&path);
        let (style, plots) = picture.split_once("</style>").expect("it has a style");
        assert!(
            style.contains("@media (prefers-color-scheme: dark)") && plots.contains("closed form"),
            "{name}"
        );
        let mut colours = 0;
        for part in ["fill=\"#", "stroke=\"#"] {
            for (at, _) in plots.match_indices(part) {
                let colour = &plots[at..at + part.len() + 7];
                assert!(
                    style.contains(&format!("[{colour}]")) || colour.ends_with("#828282\""),
                    "{name}: {colour}"
                );
                colours += 1;
            }
        }
        assert!(colours > 100, "{name}");
    }
}

#[test]
fn the_table_of_the_guide_is_what_is_printed() {
    let page = include_str!("../src/guide/sweeps.md");
    let (_, from) = page.split_once("$ lossproof sweep ").expect("the command is there");
    let (command, from) = from.split_once('\n').expect("a line ends");
    let (shown, _) = from.split_once("```").expect("the block ends");
    let path = directory("guide").join("sweep.svg").display().to_string();
    let words: Vec<&str> = ["sweep"].into_iter().chain(command.split(' ')).chain(["-o", &path]).collect();
    assert_eq!(quiet(&words), shown);
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/sweep.svg");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::copy(&path, kept).expect("the picture can be written");
    }
    assert!(read(kept) == read(&path), "{kept} is not what is drawn: INSTA_UPDATE=always writes it anew");
}

/// The blocks of the guide that a shell runs and that hold this, with fewer runs.
fn scripts(part: &str) -> Vec<String> {
    let page = include_str!("../src/guide/shards.md");
    let blocks = page.split("\n```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    let of_it = blocks.map(|(block, _)| block).filter(|block| block.contains(part));
    of_it.map(|block| block.replace("--runs 1000000", "--runs 800")).collect()
}

/// A shell that finds the program, in this directory.
fn shell(directory: &Path, script: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_lossproof")).parent().expect("it is in a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    // GNU parallel keeps notes at home.
    command.args(["-e", "-c", script]).current_dir(directory).env("HOME", directory);
    command.env("PATH", format!("{}:{path}", bin.display()));
    command
}

/// The report of the whole sweep, made at once.
fn whole(directory: &Path) -> String {
    let path = directory.join("whole.html").display().to_string();
    quiet(&["sweep", "udp-remote", "--runs", "800", "-o", &path]);
    read(&path)
}

#[test]
fn shards_are_made_by_gnu_parallel_as_the_guide_says() {
    let version = Command::new("parallel").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"GNU parallel")) {
        eprintln!("left out: GNU parallel is not there; 'apt-get install parallel' brings it");
        return;
    }
    let directory = directory("parallel");
    let [script] = &scripts("parallel lossproof sweep ")[..] else { panic!("one script") };
    assert!(script.starts_with("parallel lossproof sweep ") && script.contains("--runs 800 "), "{script}");
    let output = shell(&directory, script).output().expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(&directory.join("report.html").display().to_string()), whole(&directory));
}

/// The script of the guide, run as Slurm runs it: with a number for each.
#[test]
fn shards_are_made_by_a_slurm_array_as_the_guide_says() {
    let directory = directory("slurm");
    let [script] = &scripts("#SBATCH")[..] else { panic!("one script") };
    assert!(script.starts_with("#!/bin/sh\n#SBATCH --array=1-8\n"), "{script}");
    for task in 1..=8 {
        let task = task.to_string();
        let output = shell(&directory, script).env("SLURM_ARRAY_TASK_ID", task).output().expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = shell(&directory, "lossproof merge part-*.json -o report.html").output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(&directory.join("report.html").display().to_string()), whole(&directory));
}
