//! What has no end is read up to a bound, which is said; and what grows, grows no faster than what makes it.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use command::{directory, lossproof, quiet, stderr};

/// Runs a command with a bound on its memory: 1 GiB of addresses, and on its time.
fn bounded(args: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1048576 && exec timeout 60 \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lossproof")]);
    shell.args(args).stdin(std::process::Stdio::null()).output().expect("there is a shell")
}

/// Every argument that leads to a file.
#[test]
fn a_file_without_an_end_is_refused_with_the_bound() {
    let corpus = directory("corpus");
    std::os::unix::fs::symlink("/dev/zero", corpus.join("udp-remote-0123456789abcdef.plan"))
        .expect("it is new");
    let corpus = corpus.display().to_string();
    let commands: [&[&str]; 10] = [
        &["sim", "udp-remote", "--faults", "@/dev/zero"],
        &["check", "udp-remote", "--faults", "@/dev/zero"],
        &["sweep", "udp-remote", "--faults", "@/dev/zero"],
        &["serve", "udp-remote", "127.0.0.1:0", "--faults", "@/dev/zero"],
        &["call", "udp-remote", "127.0.0.1:1", "--faults", "@/dev/zero"],
        &["sim", "udp-remote", "--key", "@/dev/zero"],
        &["sim", "geocode", "--table", "/dev/zero"],
        &["merge", "/dev/zero"],
        &["check", "udp-remote", "--corpus", &corpus],
        &["sweep", "udp-remote", "--continue", "/dev/zero"],
    ];
    for args in commands {
        let output = bounded(args);
        let line = stderr(&output);
        let is_part = matches!(args, ["merge", ..] | [.., "--continue", _]);
        let bound = if is_part { "67,108,864" } else { "16,777,216" };
        assert!(line.contains(&format!("it has more than {bound} bytes")), "{args:?}: {line}");
        assert_eq!(
            (line.lines().count(), output.status.code(), output.stdout.len()),
            (1, Some(2), 0),
            "{args:?}"
        );
    }
}

/// Some editors put a mark before a text.
#[test]
fn a_mark_before_a_text_is_no_part_of_it() {
    let directory = directory("marks");
    let path = |name: &str| directory.join(name).display().to_string();
    let mark = |name: &str| {
        let text = fs::read_to_string(path(name)).expect("it is there");
        fs::write(path(name), format!("\u{feff}{text}")).expect("it can be written");
    };
    fs::write(path("plan"), "client>server #0 drop\n").expect("it can be written");
    fs::write(path("table"), r#"[{"address": "here", "lat": 1, "lng": 2}]"#).expect("it can be written");
    quiet(&["check", "udp-remote", "--runs", "10", "-o", &path("check.json")], 0);
    quiet(&["sweep", "udp-remote", "--runs", "10", "-o", &path("sweep.json")], 0);
    let at = |name: &str| format!("@{}", path(name));
    let commands = [
        vec!["sim".to_owned(), "udp-remote".to_owned(), "--faults".to_owned(), at("plan")],
        vec!["sim".to_owned(), "geocode".to_owned(), "--table".to_owned(), path("table")],
        vec!["merge".to_owned(), path("check.json")],
        vec!["merge".to_owned(), path("sweep.json")],
    ];
    let run = |args: &[String]| {
        let output = lossproof(&args.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), output.stdout, output.stderr)
    };
    let before = commands.each_ref().map(|args| run(args));
    ["plan", "table", "check.json", "sweep.json"].into_iter().for_each(mark);
    assert_eq!(commands.each_ref().map(|args| run(args)), before);
    assert!(before.iter().all(|(code, ..)| *code == Some(0) || *code == Some(1)), "{before:?}");
}

/// How long a command works, in milliseconds of a processor. Its own shell tells.
fn work(args: &[&str]) -> u64 {
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" \"$@\" >/dev/null; echo $? >&2; times", env!("CARGO_BIN_EXE_lossproof")]);
    let output = shell.args(args).output().expect("there is a shell");
    assert!(stderr(&output).lines().last().is_some_and(|code| code < "2"), "{args:?}: {}", stderr(&output));
    // The last line is that of the shell's children: user and system time, each in minutes and seconds.
    let told = command::stdout(&output).lines().last().expect("two lines");
    let millis = |span: &str| {
        let (minutes, seconds) = span.trim_end_matches('s').split_once('m').expect(span);
        let whole = Duration::try_from_secs_f64(seconds.parse().expect(span)).expect(span);
        minutes.parse::<u64>().expect(span) * 60_000 + whole.as_millis() as u64
    };
    told.split(' ').map(millis).sum::<u64>()
}

/// The item of this number of a plan.
type Plan = fn(u32) -> String;

/// Plans with many faults of each kind that befalls hosts, one item each.
const KINDS: [(&str, Plan); 9] = [
    ("partition", |n| format!("at {n}0ms partition client-1|server; at {n}5ms heal")),
    ("isolate", |n| format!("at {n}0ms isolate client-1; at {n}5ms heal")),
    ("crash", |n| format!("at {n}0ms crash client-1; at {n}5ms restart client-1")),
    ("poweroff", |n| format!("at {n}0ms poweroff client-1; at {n}5ms restart client-1")),
    ("stop", |n| format!("at {n}0ms stop client-1; at {n}5ms restart client-1")),
    ("skew", |n| format!("at {n}0ms skew client-1 +1us")),
    ("drift", |n| format!("at {n}0ms drift client-1 x1.00{}", n % 9 + 1)),
    ("timer-first", |n| format!("at {n}0ms timer-first client-1")),
    ("down", |n| format!("crash server after recv #{n} for 1ms")),
];

/// What four times as much may cost: the square would cost sixteen times.
const MAX_GROWTH: u64 = 5;
/// How often both are measured at most. What else the machine does can only add to a time, so the least of each counts.
const MAX_LOOKS: u32 = 6;

/// Four times as much of it costs at most five times as much.
fn grows_no_faster(name: &str, work: impl Fn(u32) -> u64) {
    let (mut small, mut large) = (u64::MAX, u64::MAX);
    for _ in 0..MAX_LOOKS {
        small = small.min(work(1).max(20));
        large = large.min(work(4));
        if large <= MAX_GROWTH * small {
            break;
        }
    }
    println!("{name}: {small} ms, four times as much {large} ms");
    assert!(large <= MAX_GROWTH * small, "{name}: {small} ms, but {large} ms for four times as much");
}

#[test]
fn no_kind_of_fault_costs_the_square_of_their_number() {
    let path = directory("growth").join("plan").display().to_string();
    for (kind, fault) in KINDS {
        grows_no_faster(kind, |times| {
            let faults: Vec<String> = (0..3_000 * times).map(fault).collect();
            fs::write(&path, faults.join("\n")).expect("it can be written");
            work(&["sim", "udp-chat", "--faults", &format!("@{path}")])
        });
    }
}

#[test]
fn a_long_run_costs_no_more_for_each_event() {
    grows_no_faster("pings after a crash", |times| {
        let scale = if times == 1 { "4e-3" } else { "1e-3" };
        let faults = "at 1s crash client-2; at 2s restart client-2; calm 3600s";
        work(&["sim", "udp-chat", "--faults", faults, "--time-scale", scale])
    });
    grows_no_faster("a stream cut into bytes", |times| {
        let bytes = (16_000 * times).to_string();
        work(&["sim", "tcp-deadlock", "--bytes", &bytes, "--faults", "client>server cut every 1 bytes"])
    });
}
