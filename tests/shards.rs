//! A check in a CI: that its shards join to the same bytes, that what failed is kept and made first, and what a CI reads.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs;
use std::path::Path;
use std::process::Command;

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;

use command::{directory, lossproof, quiet, refused, stderr, stdout};

/// How many shards there are where nothing else is said.
const SHARDS: u64 = 5;

/// A check that fails in the run of this number and in none before it.
const RARE: [&str; 7] =
    ["check", "udp-remote", "--bug", "accepts-any-reply", "--loss", "0%", "--duplicate=0.02%"];
const RARE_RUN: u64 = 483;

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path of a file there.
fn file(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}

/// Makes the shards of a check: their files, and which of them failed.
fn shards(directory: &Path, check: &[&str]) -> (Vec<String>, Vec<u64>) {
    let mut failed = Vec::new();
    let make = |number: u64| {
        let (path, shard) = (file(directory, &format!("part-{number}.json")), format!("{number}/{SHARDS}"));
        let output = lossproof(&[check, &["--shard", &shard, "--jobs", "1", "-o", &path]].concat());
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", stderr(&output));
        if !output.status.success() {
            failed.push(number);
        }
        path
    };
    ((1..=SHARDS).map(make).collect(), failed)
}

/// Compares what is merged with the whole, in every form; the whole's exit status and report in JSON.
fn compare(directory: &Path, check: &[&str], parts: &[String]) -> (i32, Value) {
    let merge: Vec<&str> = ["merge"].into_iter().chain(parts.iter().map(String::as_str)).collect();
    let [whole, joined] = ["whole.json", "joined.json"].map(|name| file(directory, name));
    let mut reports = Vec::new();
    for format in ["text", "junit", "github", "json"] {
        let made = lossproof(&[check, &["--format", format, "-o", &whole]].concat());
        let merged = lossproof(&[&merge[..], &["--format", format, "-o", &joined]].concat());
        assert_eq!(stdout(&merged), stdout(&made), "{check:?} {format}");
        assert_eq!(merged.status.code(), made.status.code(), "{check:?} {format}");
        assert_eq!(read(&joined), read(&whole), "{check:?} {format}");
        reports.push(made);
    }
    // A whole is a part, too: the only one.
    let alone = lossproof(&["merge", &whole, "--format", "json"]);
    let json = reports.pop().expect("JSON is one of the forms");
    assert_eq!(stdout(&alone), stdout(&json));
    (json.status.code().expect("it ends"), serde_json::from_str(stdout(&json)).expect("it is JSON"))
}

#[test]
fn the_shards_of_a_check_that_holds_join_to_the_bytes_of_the_whole() {
    let directory = directory("holds");
    for words in [
        // The run to show is among the first thousand, which the first two shards have.
        &["udp-remote", "--runs", "3000", "--seed", "7"][..],
        // Some shards have no run.
        &["tcp-sixteen", "--runs", "3", "--twice"],
        &[
            "udp-remote",
            "--ids",
            "--runs",
            "40",
            "--faults",
            "client>server #9 drop; client>server #0 drop",
            "--corrupt",
            "1%",
        ],
        &["udp-chat", "--runs", "40", "--profile", "wifi"],
    ] {
        let check = [&["check"], words].concat();
        let (mut parts, failed) = shards(&directory, &check);
        assert!(failed.is_empty(), "{failed:?}");
        // The order does not matter.
        parts.rotate_left(3);
        let (status, report) = compare(&directory, &check, &parts);
        assert_eq!((status, &report["held"]), (0, &Value::Bool(true)));
        assert!(report["wall_seconds"].is_null() && report["runs_per_second"].is_null(), "{report}");
        assert!(report["example"]["plan"].is_string() && report.get("shard").is_none(), "{report}");
    }
}

#[test]
fn the_first_run_that_fails_is_that_of_the_whole() {
    let directory = directory("fails");
    // In the third of five shards it is the first run that fails, or others fail beside it.
    for (runs, first, count) in [("900", 3, 1..=2), ("3000", 1, 5..=5), ("20", 0, 0..=0)] {
        let check = [&RARE[..], &["--runs", runs]].concat();
        let (parts, failed) = shards(&directory, &check);
        assert_eq!(failed.first().copied().unwrap_or(0), first, "{failed:?}");
        assert!(count.contains(&failed.len()), "{failed:?}");
        let (status, report) = compare(&directory, &check, &parts);
        assert_eq!(status, i32::from(first > 0));
        if first > 0 {
            assert_eq!(
                (&report["failure"]["run"], &report["runs"]),
                (&RARE_RUN.into(), &(RARE_RUN + 1).into())
            );
        }
    }
}

/// A shard prints the report of its own runs, and says that it is one.
#[test]
fn a_shard_tells_which_one_it_is() {
    let report =
        quiet(&["check", "udp-remote", "--loss", "30%", "--runs", "100", "--seed", "1", "--shard", "2/4"], 0);
    assert!(report.starts_with("PASSED udp-remote --loss 30% --seed 1 --shard 2/4: "), "{report}");
    assert!(report.contains("\n  runs     25 in ") && report.contains("\nrun "), "{report}");
    let json = quiet(&["check", "udp-remote", "--runs", "9", "--shard", "1/9", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["shard"], &json["runs"]), (&"1/9".into(), &1.into()));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let directory = directory("misfits");
    let make = |name: &str, words: &[&str]| {
        let path = file(&directory, name);
        let loss = if words.contains(&"--loss") { &[][..] } else { &["--loss", "30%"] };
        let output = lossproof(&[&["check", "udp-remote", "-o", &path], loss, words].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        path
    };
    let nine = ["--runs", "9", "--shard"];
    let first = make("first.json", &[&nine[..], &["1/3"]].concat());
    let again = make("again.json", &[&nine[..], &["1/3"]].concat());
    let second = make("second.json", &[&nine[..], &["2/3"]].concat());
    let missing = "1 of 3 shards are missing, the first of them 3/3: make it with --shard 3/3";
    refused(&["merge", &first, &second], missing);
    let doubled = format!("'{again}' has shard 1/3, which '{first}' has, too: give each once");
    refused(&["merge", &first, &again, &second], &doubled);
    for (words, what) in [
        (&["--runs", "9", "--shard", "3/4"][..], "number of shards"),
        (&["--runs", "10", "--shard", "3/3"], "number of runs"),
        (&["--runs", "9", "--shard", "3/3", "--seed", "1"], "seed"),
        (&["--runs", "9", "--shard", "3/3", "--loss", "31%"], "network"),
        (&["--runs", "9", "--shard", "3/3", "--ids"], "list of options"),
        (&["--runs", "9", "--shard", "3/3", "--twice"], "use of --twice"),
        (&["--runs", "9", "--shard", "3/3", "--faults", "link 7ms"], "network"),
    ] {
        let path = make("other.json", words);
        let line = format!("'{path}' is of another check than '{first}': its {what} differs");
        refused(&["merge", &first, &second, &path], &line);
    }
    // The same words, and another plan.
    let plan = file(&directory, "plan.txt");
    let faults = format!("@{plan}");
    let with = |text: &str, name: &str, shard: &str| {
        fs::write(&plan, text).expect("the file can be written");
        make(name, &["--runs", "9", "--faults", &faults, "--shard", shard])
    };
    let one = with("client>server #0 drop", "one.json", "1/2");
    let two = with("client>server #1 drop", "two.json", "2/2");
    refused(&["merge", &one, &two], &format!("'{two}' is of another check than '{one}': its plan differs"));
    let changed = file(&directory, "changed.json");
    for (old, new, why) in [
        ("\"tally\":{\"runs\":3", "\"tally\":{\"runs\":4", "its counts are not those of its runs"),
        ("\"their own end\":3", "\"their own end\":2", "its counts are not those of its runs"),
        ("\"their own end\"", "\"some end\"", "there is no end 'some end' at line"),
        ("\"drop\":", "\"rop\":", "there is no kind of fault 'rop' at line"),
    ] {
        let text = read(&first);
        assert!(text.contains(old), "{text}");
        fs::write(&changed, text.replace(old, new)).expect("the file can be written");
        let output = lossproof(&["merge", &changed]);
        let line = format!("lossproof: '{changed}' is not a part of a check: {why}");
        assert!(stderr(&output).starts_with(&line), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
    let sweep = file(&directory, "sweep.json");
    quiet(&["sweep", "udp-remote", "--loss", "1%", "--runs", "9", "--shard", "3/3", "-o", &sweep], 0);
    let output = lossproof(&["merge", &first, &second, &sweep]);
    assert!(stderr(&output).starts_with(&format!("lossproof: '{sweep}' is not a part of a check: ")));
    let line = "--format: a sweep is written as text or json; junit is for parts of a check";
    refused(&["merge", &sweep, "--format", "junit"], line);
}

#[test]
fn wrong_words_are_refused_in_one_line() {
    let check = |words: &[&str], line: &str| refused(&[&["check", "udp-remote"], words].concat(), line);
    check(&["--shard", "6/5"], "--shard: '6/5' is not a shard: write K/N with K from 1 to N, such as 3/8");
    check(&["-o", "x.html"], "-o: a check is written as JSON: end 'x.html' in .json");
    check(
        &["--shard", "1/2", "--faults", "seed 3"],
        "--faults: the plan has a seed, which makes all runs the same: leave it out",
    );
    check(
        &["--seed-from", " "],
        "--seed-from: there is nothing to make a seed of: write a text, such as a date",
    );
    for words in [
        &["--seed", "1", "--seed-from", "x"][..],
        &["--exhaustive", "1", "--shard", "1/2"],
        &["--exhaustive", "1", "-o", "x.json"],
    ] {
        let output = lossproof(&[&["check", "udp-remote"], words].concat());
        assert!(stderr(&output).contains(" cannot be used with "), "{}", stderr(&output));
        assert_eq!((stderr(&output).lines().count(), output.status.code()), (1, Some(2)));
    }
}

/// Equal texts draw equal faults, others draw others; and the report has the number, which draws the same.
#[test]
fn a_seed_is_made_of_a_text() {
    let report = |words: &[&str]| {
        let directory = directory("seed");
        let path = file(&directory, "whole.json");
        let check = [&["check", "udp-remote", "--runs", "200", "--format", "json", "-o", &path], words];
        let text = quiet(&check.concat(), 0);
        serde_json::from_str::<Value>(&text).expect("it is JSON")
    };
    let day = report(&["--seed-from", "2026-01-31"]);
    assert_eq!(day, report(&["--seed-from", "2026-01-31"]));
    assert_eq!(day, report(&["--seed", &day["seed"].to_string()]));
    let next = report(&["--seed-from", "2026-02-01"]);
    assert!(next["seed"] != day["seed"] && next["faults"] != day["faults"], "{next}");
}

/// The plans of a directory, with their texts.
fn kept(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("an entry"));
    let name = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut kept: Vec<_> = entries.map(|entry| (name(&entry), read(entry.path()))).collect();
    kept.sort();
    kept
}

#[test]
fn what_failed_is_kept_and_made_first() {
    let directory = directory("corpus");
    let corpus = file(&directory, "corpus");
    let with = |words: &[&str]| lossproof(&[words, &["--corpus", &corpus]].concat());
    let first = with(&RARE);
    let [(name, text)] = &kept(Path::new(&corpus))[..] else { panic!("one plan") };
    let path = Path::new(&corpus).join(name).display().to_string();
    assert_eq!(stderr(&first), format!("lossproof: note: the plan is kept in {path}\n"));
    assert_eq!(first.status.code(), Some(1));
    assert!(
        name.starts_with("udp-remote-") && name.len() == "udp-remote-0123456789abcdef.plan".len(),
        "{name}"
    );
    let (plan, hit) = text.trim_end().split_once('\n').expect("two lines");
    let place = "server>client #1";
    assert_eq!(plan, format!("v2; {place} duplicate"));
    assert!(hit.strip_prefix(&format!("# hit {place} ")).is_some_and(|digest| digest.len() == 16), "{hit}");
    // At once, whatever is drawn; and it is kept once.
    let second = with(&[&RARE[..], &["--runs", "1"]].concat());
    assert!(
        stdout(&second).contains("\n  after 1 run (") && stdout(&second).contains(place),
        "{}",
        stdout(&second)
    );
    assert_eq!(stderr(&second), format!("lossproof: note: the kept plan {path} fails\n"));
    let every = with(&[&RARE[..4], &["--exhaustive", "0"]].concat());
    assert_eq!((stdout(&every).contains("\n  after 1 run ("), every.status.code()), (true, Some(1)));
    assert_eq!(kept(Path::new(&corpus)).len(), 1);
    // It is of another system, or another plan's name.
    assert!(with(&["check", "tcp-sixteen", "--runs", "9"]).stderr.is_empty());
    // Once the bug is mended it holds; without ids the packets are others, and that is noticed.
    let mended = with(&["check", "udp-remote", "--ids", "--runs", "9"]);
    assert_eq!((stderr(&mended), mended.status.code()), ("", Some(0)));
    let other = with(&["check", "udp-remote", "--runs", "9"]);
    let note = format!(
        "lossproof: note: the kept plan {path} hits other packets than when it was kept, at {place}: it may test \
         something else\n"
    );
    assert_eq!((stderr(&other), other.status.code()), (&*note, Some(0)));
    // What does not fit any more is passed over.
    let strange = file(Path::new(&corpus), "udp-remote-0000000000000000.plan");
    fs::write(&strange, "sever>client #0 drop\n").expect("it can be written");
    let passed = with(&["check", "udp-remote", "--ids", "--runs", "9"]);
    let why = "the plan names the host 'sever'; the hosts are server, client";
    let note = format!("lossproof: note: the kept plan {strange} is passed over: {why}\n");
    assert_eq!((stderr(&passed), passed.status.code()), (&*note, Some(0)));
}

/// A stream's fault hits the write that has its byte.
#[test]
fn a_fault_of_a_stream_is_kept_with_what_it_hit() {
    let directory = directory("stream");
    let corpus = file(&directory, "corpus");
    let check = ["check", "tcp-chat", "--bug", "decodes-each-read", "--corpus", &corpus];
    let output = lossproof(&check);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let [(_, text)] = &kept(Path::new(&corpus))[..] else { panic!("one plan") };
    let hits = text.lines().filter(|line| line.starts_with("# hit "));
    assert!(
        hits.clone().count() > 0
            && hits.clone().all(|line| line.contains("/0 @") && !line.ends_with("nothing")),
        "{text}"
    );
    let again = lossproof(&check);
    assert_eq!(stderr(&again).lines().count(), 1, "it hits the same: {}", stderr(&again));
}

/// A plan of the corpus that fails goes before all runs, also where only one shard has it.
#[test]
fn shards_with_a_corpus_join_to_the_whole_with_it() {
    let directory = directory("corpus-shards");
    let corpus = file(&directory, "corpus");
    assert_eq!(lossproof(&[&RARE[..], &["--corpus", &corpus]].concat()).status.code(), Some(1));
    let check = [&RARE[..], &["--runs", "900"]].concat();
    let with = [&check[..], &["--corpus", &corpus]].concat();
    let (parts, failed) = shards(&directory, &with);
    assert_eq!(failed, [1, 2, 3, 4, 5]);
    let (status, report) = compare(&directory, &with, &parts);
    assert_eq!((status, &report["runs"]), (1, &1.into()));
    let (mut mixed, _) = shards(&directory, &check);
    let shard = lossproof(&[&with[..], &["--shard", "4/5", "-o", &mixed[3]]].concat());
    assert_eq!(shard.status.code(), Some(1));
    mixed.rotate_left(2);
    assert_eq!(compare(&directory, &with, &mixed), (status, report));
}

/// The crate that nextest writes such files with reads them.
#[test]
fn junit_is_read() {
    let case = |words: &[&str], status| {
        let text = stdout_of(&[words, &["--format", "junit"]].concat(), status);
        let report = Report::deserialize_from_str(&text).expect("it is JUnit");
        assert_eq!((report.tests, report.errors, report.failures), (1, 0, usize::from(status > 0)));
        assert!(report.time.is_some());
        let [suite] = &report.test_suites[..] else { panic!("one suite") };
        let [case] = &suite.test_cases[..] else { panic!("one case") };
        assert_eq!((suite.tests, suite.failures), (1, usize::from(status > 0)));
        (case.clone(), report.name.expect("it has a name").as_str().to_owned())
    };
    let (passed, name) =
        case(&["check", "greet", "--text", "<&\"'>]]>\u{1b}", "--loss", "30%", "--runs", "9"], 0);
    assert_eq!(name, "lossproof");
    assert_eq!(passed.classname.as_ref().map(quick_junit::XmlString::as_str), Some("lossproof.greet"));
    assert!(
        passed.name.as_str().starts_with("greet --text '<&\"'\\''>]]>\\u{1b}' --loss 30%"),
        "{:?}",
        passed.name
    );
    assert!(matches!(passed.status, TestCaseStatus::Success { .. }), "{passed:?}");
    let out = passed.system_out.expect("the report").as_str().to_owned();
    assert!(out.starts_with("PASSED greet --text '<&\"'") && out.contains("\nin every run:\n"), "{out}");
    let (failed, _) = case(&RARE, 1);
    let TestCaseStatus::NonSuccess { kind, message, ty, description, .. } = failed.status else {
        panic!("{failed:?}")
    };
    assert_eq!(kind, NonSuccessKind::Failure);
    let broken = "a reply answers the request it is for";
    assert_eq!(ty.as_ref().map(quick_junit::XmlString::as_str), Some(broken));
    assert!(message.is_some_and(|message| message.as_str().starts_with(&format!("{broken}: "))));
    let report = description.expect("the report").as_str().to_owned();
    assert!(
        report.starts_with("FAILED udp-remote ") && report.contains("\n    server>client #1 duplicate\n"),
        "{report}"
    );
    // What was not gone through has not passed.
    let (open, _) = case(&["check", "udp-remote", "--ids", "--exhaustive", "3", "--runs", "9"], 1);
    assert!(matches!(open.status, TestCaseStatus::NonSuccess { .. }), "{open:?}");
}

fn stdout_of(args: &[&str], status: i32) -> String {
    let output = lossproof(args);
    assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
    stdout(&output).to_owned()
}

#[test]
fn github_is_told_in_one_line() {
    let told = |words: &[&str], status| stdout_of(&[words, &["--format", "github"]].concat(), status);
    let failed = told(&RARE, 1);
    let title =
        "::error title=lossproof check udp-remote --bug accepts-any-reply --loss 0%25 --duplicate 0.02%25::";
    assert!(failed.starts_with(&format!("{title}FAILED udp-remote ")), "{failed}");
    assert!(
        failed.contains("%0A    server>client #1 duplicate%0A") && failed.lines().count() == 1,
        "{failed}"
    );
    let passed = told(&["check", "udp-remote", "--loss", "30%", "--runs", "9"], 0);
    assert!(
        passed.starts_with("::notice title=lossproof check udp-remote --loss 30%25::PASSED "),
        "{passed}"
    );
    assert!(passed.contains("%0A  runs     9 in ") && passed.lines().count() == 1, "{passed}");
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

/// What a script prints that succeeds.
fn printed(directory: &Path, script: &str) -> String {
    let output = shell(directory, script).output().expect("there is a shell");
    assert!(output.status.success(), "{script}: {}{}", stdout(&output), stderr(&output));
    stdout(&output).to_owned()
}

/// The script of the guide that has this, with fewer runs.
fn script(part: &str) -> String {
    let page = include_str!("../src/guide/shards.md");
    let blocks = page.split("\n```sh\n").skip(1).filter_map(|block| block.split_once("```"));
    let of_it: Vec<&str> = blocks.map(|(block, _)| block).filter(|block| block.contains(part)).collect();
    let [block] = of_it[..] else { panic!("one block has {part}, not {}", of_it.len()) };
    assert!(block.contains("--runs 1000000 "), "{block}");
    block.replace("--runs 1000000 ", "--runs 800 ")
}

#[test]
fn shards_are_made_by_gnu_parallel_as_the_guide_says() {
    let version = Command::new("parallel").arg("--version").output();
    if !version.is_ok_and(|output| output.stdout.starts_with(b"GNU parallel")) {
        eprintln!("left out: GNU parallel is not there; 'apt-get install parallel' brings it");
        return;
    }
    let directory = directory("parallel");
    let script = script("parallel lossproof check ");
    let (_, merge) = script.split_once("\nlossproof merge ").expect("the parts are merged");
    // The day may end between the two.
    let day = printed(&directory, "date +%F");
    let script = script.replace("$(date +%F)", day.trim());
    let whole = format!("lossproof check udp-remote --runs 800 --seed-from {} -o made.json", day.trim());
    let output = printed(&directory, &script);
    let report = printed(&directory, &whole);
    assert!(merge.ends_with("-o whole.json\n") && output.ends_with(&report), "{output}");
    assert_eq!(read(directory.join("whole.json")), read(directory.join("made.json")));
}

/// Every number of a part, as great as it can be: what is joined of such parts is refused or shown, and nothing panics.
#[test]
fn no_number_of_a_part_breaks_anything() {
    let directory = directory("numbers");
    let path = |name: &str| file(&directory, name);
    for words in [
        vec!["check", "udp-remote", "--runs", "40"],
        vec!["check", "tcp-chat", "--runs", "20"],
        vec!["sweep", "udp-remote", "--runs", "40", "--loss", "0%..20%", "--step", "20%"],
    ] {
        let names = ["1/2", "2/2"].map(|shard| {
            let name = path(&format!("{}.json", shard.replace('/', "-")));
            let output = lossproof(&[&words[..], &["--shard", shard, "-o", &name]].concat());
            assert!(output.status.success(), "{}", stderr(&output));
            name
        });
        let texts = names.clone().map(read);
        let numbers = numbers(&texts[0]);
        assert!(numbers.len() > 5, "{words:?}");
        for (place, range) in numbers.into_iter().enumerate() {
            for number in ["18446744073709551615", "9223372036854775808", "0"] {
                let changed = format!("{}{number}{}", &texts[0][..range.start], &texts[0][range.end..]);
                let other = self::numbers(&texts[1]).get(place).cloned().unwrap_or(0..0);
                let second = format!("{}{number}{}", &texts[1][..other.start], &texts[1][other.end..]);
                for second in [&texts[1], &second] {
                    fs::write(path("a.json"), &changed).expect("it can be written");
                    fs::write(path("b.json"), second).expect("it can be written");
                    let output =
                        lossproof(&["merge", &path("a.json"), &path("b.json"), "-o", &path("c.json")]);
                    let (code, said) = (output.status.code(), stderr(&output));
                    assert!(matches!(code, Some(0..=2)) && said.lines().count() <= 1, "{changed}: {said}");
                }
            }
        }
    }
}

/// Where the whole numbers of a text of JSON are that stand outside of strings.
fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut is_string, mut begin) = (Vec::new(), false, None);
    for (at, c) in text.char_indices() {
        if c == '"' && !text[..at].ends_with('\\') {
            is_string = !is_string;
        }
        match (c.is_ascii_digit() && !is_string, begin) {
            (true, None) => begin = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                begin = None;
            }
            _ => {}
        }
    }
    found
}
