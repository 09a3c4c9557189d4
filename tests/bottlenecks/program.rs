//! The program with bottlenecks: what a check and a run tell of their flows, and where traces come from.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs the program; its status, what it printed, and what it complained.
fn program(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_lossproof")).args(words).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (status.code(), text(stdout), text(stderr))
}

/// A file of this name with a trace in it.
fn trace_file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lossproof-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("it is written");
    path
}

const SLOW: &str = "bottleneck wan rate 100000 queue 70 over *>*";

#[test]
fn a_run_tells_what_its_flows_have_met() {
    let (status, out, complaints) = program(&["sim", "udp-remote", "--faults", SLOW]);
    assert_eq!(status, Some(0), "{complaints}");
    assert!(out.contains("  recv  "), "{out}");
    let lines: Vec<&str> = complaints.lines().filter(|line| line.contains("queue: ")).collect();
    let flows = ["queue: wan server>client: ", "queue: wan client>server: "];
    assert!(
        lines.len() == 2 && lines.iter().zip(flows).all(|(line, flow)| line.contains(flow)),
        "{complaints}"
    );
    assert!(lines.iter().all(|line| line.ends_with("(99%)") && line.contains(" passed, ")), "{complaints}");
}

#[test]
fn a_check_sums_them_up_and_its_parts_join_to_the_whole() {
    let words = ["check", "udp-remote", "--loss", "10%", "--runs", "400", "--faults", SLOW];
    let (status, whole, complaints) = program(&words);
    assert_eq!(status, Some(0), "{complaints}");
    let queues = |text: &str| {
        let lines = text.lines().filter(|line| line.trim_start().starts_with("queue "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(queues(&whole).len(), 2, "{whole}");
    // What it shows for example makes the same run again, with its queue.
    let replay = whole.lines().find_map(|line| line.trim().strip_prefix("replay: ")).expect("an example");
    assert!(replay.contains(SLOW), "{replay}");
    let (_, again, _) = program(&["sim", "udp-remote", "--faults", replay.split('\'').nth(1).unwrap()]);
    assert!(whole.contains(&again), "{again}");
    let json = [&words[..], &["--format", "json"]].concat();
    let (_, json, _) = program(&json);
    let figures = r#""queues":[{"bottleneck":"wan","flow":"server>client","passed":"#;
    assert!(json.replace([' ', '\n'], "").contains(figures), "{json}");

    let parts: Vec<PathBuf> = (1..=2).map(|part| trace_file(&format!("part{part}.json"), "")).collect();
    for (part, path) in (1..).zip(&parts) {
        let shard = format!("{part}/2");
        let part = [&words[..], &["--shard", &shard, "-o", path.to_str().unwrap()]].concat();
        assert_eq!(program(&part).0, Some(0));
    }
    let joined = [&["merge"][..], &[parts[0].to_str().unwrap(), parts[1].to_str().unwrap()]].concat();
    let (_, joined, complaints) = program(&joined);
    for path in parts {
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(queues(&joined), queues(&whole), "{complaints}");
}

#[test]
fn a_bottleneck_that_nothing_passes_is_told() {
    // The second goes before it wherever something is sent.
    let plan = "bottleneck wan rate 100000 queue 70 over client>server; bottleneck other rate 9000000 queue 9000 over *>*";
    let words = ["--faults", plan];
    let (_, _, complaints) = program(&[&["sim", "udp-remote"], &words[..]].concat());
    assert!(complaints.contains("note: nothing has passed the bottleneck wan"), "{complaints}");
    let (_, out, _) = program(&[&["check", "udp-remote", "--runs", "3"], &words[..]].concat());
    assert!(out.contains("bottleneck wan (--faults): asked for, but it never happened"), "{out}");
}

#[test]
fn traces_come_from_files() {
    let path = trace_file("cell.trace", "30\n60\n");
    let plan = format!("bottleneck wan trace @{} queue 9000 over client>server", path.display());
    let (status, out, complaints) = program(&["sim", "udp-remote", "--faults", &plan]);
    assert!(status == Some(0) && out.contains("0.035  server  recv  #0"), "{out}{complaints}");
    let link = format!("latency 20ms; trace @{} queue 9000", path.display());
    let (status, out, complaints) = program(&["sim", "udp-remote", "--profile", &link]);
    assert!(status == Some(0) && out.contains("0.050  server  recv  #0"), "{out}{complaints}");
    std::fs::write(&path, "30\n20\n").unwrap();
    for words in [["--profile", &link], ["--faults", &plan]] {
        let (status, _, complaints) = program(&[&["sim", "udp-remote"], &words[..]].concat());
        let why = "line 2: it is earlier than the line before it";
        assert!(status == Some(2) && complaints.contains(why), "{complaints}");
        assert_eq!(complaints.trim_end().lines().count(), 1, "{complaints}");
    }
    std::fs::remove_file(&path).unwrap();
    let (status, _, complaints) = program(&["sim", "udp-remote", "--profile", &link]);
    assert!(status == Some(2) && complaints.contains("no such file or directory"), "{complaints}");
}

#[test]
fn a_file_may_be_as_long_as_a_trace_and_not_a_byte_longer() {
    let bound = lossproof::fault::MAX_TRACE_LEN;
    let path = trace_file("long.trace", &format!("{}9", "0".repeat(bound - 1)));
    let plan = format!("bottleneck wan trace @{} queue 9000 over client>server", path.display());
    let run = || program(&["sim", "udp-remote", "--faults", &plan]);
    assert_eq!(run().0, Some(0));
    std::fs::write(&path, format!("{}9", "0".repeat(bound))).unwrap();
    let (status, _, complaints) = run();
    assert!(status == Some(2) && complaints.contains("it has more than 8,388,608 bytes"), "{complaints}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn worlds_without_shared_queues_refuse_them_by_name() {
    let cases = [
        (
            vec!["sim", "udp-remote", "--engine", "turmoil", "--faults", SLOW],
            "turmoil has no queue that flows share, and 'wan' is one",
        ),
        (
            vec!["call", "udp-remote", "127.0.0.1:9", "--faults", SLOW],
            "real sockets cannot have the bottleneck 'wan'",
        ),
        (
            vec!["proxy", "udp", "127.0.0.1:0", "127.0.0.1:9", "--faults", SLOW],
            "a proxy cannot have the bottleneck 'wan'",
        ),
    ];
    for (words, why) in cases {
        let (status, _, complaints) = program(&words);
        assert!(status == Some(2) && complaints.contains(why), "{words:?}: {complaints}");
        assert_eq!(complaints.trim_end().lines().count(), 1, "{complaints}");
    }
}
