//! What is exported, read by tshark.

use std::process::Command;

use lossproof::fault::Profile;
use lossproof::systems::Transport;
use lossproof::transcript::What;

use super::command::{lossproof, stderr};
use super::{Exported, PLANS, exported, path};

/// What tshark may remark on: it is so.
const TRUE: [&str; 5] = [
    "This frame initiates the connection closing",
    "This frame undergoes the connection closing",
    "Connection reset (RST)",
    "Connection finish (FIN)",
    "TCP window specified by the receiver is now completely full",
];
/// The least severity that is looked at: a note.
const NOTE: u32 = 0x0040_0000;

/// Whether tshark is there; that it is not is said.
fn is_there() -> bool {
    let is_there = Command::new("tshark").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: tshark is not installed ('apt-get install tshark' does that)");
    }
    is_there
}

/// The options that the exporter says for a system.
fn dissector_options(system: &str) -> Vec<String> {
    let file = path(&format!("options-{system}.pcapng"));
    let output = lossproof(&["sim", system, "--format", "pcapng", "-o", &file]);
    let note = stderr(&output).trim_end();
    let (_, options) = note.split_once("give it ").unwrap_or_default();
    assert!(note.is_empty() || !options.is_empty(), "{note}");
    options.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn tshark_finds_nothing_malformed_and_follows_streams() {
    if !is_there() {
        return;
    }
    let mut runs: Vec<Exported> = Vec::from(exported("", Profile::HOSTILE, 3));
    // The plans in turn, so that each is read with some systems.
    for (index, plan) in PLANS.into_iter().enumerate() {
        runs.extend(exported(plan, Profile::CALM, 7).into_iter().skip(index % 5).step_by(5));
    }
    std::thread::scope(|scope| {
        for part in runs.chunks(runs.len().div_ceil(4)) {
            scope.spawn(|| part.iter().for_each(examine));
        }
    });
}

fn examine(run: &Exported) {
    let name: String = run.what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let file = path(&format!("{}.pcapng", &name[..name.len().min(100)]));
    std::fs::write(&file, &run.file).expect("cargo made the directory");
    let mut command = Command::new("tshark");
    command.args(["-r", &file, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=~"]);
    for protocol in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    let fields = ["frame.number", "_ws.expert.severity", "_ws.expert.message"];
    let sums = ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status"];
    for field in fields.into_iter().chain(sums) {
        command.args(["-e", field]);
    }
    command.args(["-z", "follow,tcp,raw,0"]).args(dissector_options(run.about.name));
    let output = command.output().expect("it was there before");
    assert!(output.status.success(), "{}: {}", run.what, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let (packets, followed) = text.split_once("\n====").unwrap_or((&text, ""));
    let mut checked = 0;
    for line in packets.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let severities = columns[1].split('~').filter(|text| !text.is_empty());
        for (severity, message) in severities.zip(columns[2].split('~')) {
            let is_known = TRUE.iter().any(|known| message.starts_with(known));
            assert!(severity.parse::<u32>().unwrap() < NOTE || is_known, "{line}: {}", run.what);
        }
        for sum in columns[3..].iter().flat_map(|column| column.split('~')).filter(|sum| !sum.is_empty()) {
            // 1 is good; 2 would be that it was not looked at. What a refusal quotes cannot be: it is cut off.
            let is_quoted = columns[6] == "1" && sum == "2";
            assert!(sum == "1" || is_quoted, "{line}: {}", run.what);
            checked += 1;
        }
    }
    assert!(checked > packets.lines().count(), "{}", run.what);
    if run.about.transport == Transport::Tcp {
        compare(run, followed);
    }
}

/// Holds what tshark follows of the first connection against the writes.
fn compare(run: &Exported, followed: &str) {
    let mut sides: [Vec<u8>; 2] = Default::default();
    for line in followed.lines() {
        let digits = line.trim();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let bytes =
            (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap());
        sides[usize::from(line.starts_with('\t'))].extend(bytes);
    }
    let first = run.log.records().iter().find_map(|record| match record.what {
        What::Connect(link) => Some((record.host, link.peer, link.number)),
        _ => None,
    });
    let Some((client, server, number)) = first else { return };
    let written = |from, to| {
        let writes = run.log.records().iter().filter_map(|record| match record.what {
            What::Write { link, bytes, .. }
                if (record.host, link.peer, link.number) == (from, to, number) =>
            {
                Some(run.log.bytes(bytes))
            }
            _ => None,
        });
        writes.flatten().copied().collect::<Vec<u8>>()
    };
    let all = [written(client, server), written(server, client)];
    // What a fault cuts off never left.
    let is_cut = !run.faults().is_empty();
    let is_it = |sides: [&Vec<u8>; 2]| {
        let agrees =
            |(all, followed): (&Vec<u8>, &Vec<u8>)| all.starts_with(followed) && (is_cut || all == followed);
        all.iter().zip(sides).all(agrees)
    };
    // Which side tshark has first depends on who speaks first.
    assert!(is_it([&sides[0], &sides[1]]) || is_it([&sides[1], &sides[0]]), "{}", run.what);
    assert!(!sides.concat().is_empty() || is_cut, "{}", run.what);
}

#[test]
fn names_and_comments_are_shown() {
    if !is_there() {
        return;
    }
    let file = path("named.pcapng");
    lossproof(&["sim", "udp-remote", "--faults", "client>server #0 drop", "--format", "pcapng", "-o", &file]);
    let output = Command::new("tshark")
        .args(["-r", &file, "-N", "n", "-T", "fields", "-e", "frame.time_relative"])
        .args(["-e", "ip.src_host", "-e", "frame.comment"])
        .output()
        .expect("it was there before");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "0.000000000\tclient\tlost: client>server #0 drop",
            "0.100000000\tclient\t",
            "0.105000000\tserver\t"
        ]
    );
}
