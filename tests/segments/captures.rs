//! Captures of lost segments, as tshark reads them.

use std::process::Command;

use crate::command::{directory, lossproof, stderr};

/// What tshark says of each packet of a run whose plan this is: the flags, whether it is malformed, and its remarks.
fn remarks(name: &str, plan: &str) -> Option<Vec<String>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: tshark is not installed ('apt-get install tshark' does that)");
        return None;
    }
    let file = directory("captures").with_extension(name).display().to_string();
    let args =
        ["sim", "suffix-echo", "--streams", "segments", "--faults", plan, "--format", "pcapng", "-o", &file];
    let output = lossproof(&args);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{plan}");
    let mut command = Command::new("tshark");
    command.args([
        "-r",
        &file,
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
        "-T",
        "fields",
    ]);
    for field in [
        "ip.checksum.status",
        "tcp.checksum.status",
        "_ws.malformed",
        "tcp.flags.str",
        "tcp.len",
        "_ws.expert.message",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output().expect("it was there before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("tshark writes UTF-8");
    assert!(text.lines().count() > 10, "{text}");
    for line in text.lines() {
        // Both sums are good, and nothing is malformed.
        assert!(line.starts_with("1\t1\t\t"), "{line}");
    }
    Some(text.lines().map(|line| line["1\t1\t\t".len()..].to_owned()).collect())
}

/// The remarks on the packets whose flags have this letter and that have so many bytes.
fn of<'r>(remarks: &'r [String], flag: char, len: &str) -> Vec<&'r str> {
    let columns = remarks.iter().map(|line| line.split('\t').collect::<Vec<_>>());
    let these = columns.filter(|columns| columns[0].contains(flag) && columns[1] == len);
    these.map(|columns| columns[2]).collect()
}

const AGAIN: &str = "This frame is a (suspected) retransmission";

#[track_caller]
fn lost_and_sent_again(remarks: &[&str], fault: &str) {
    let [lost, again, ..] = remarks else { panic!("{remarks:?}") };
    assert!(lost.contains(&format!("lost: {fault}")) && !lost.contains(AGAIN), "{remarks:?}");
    assert!(again.contains(AGAIN), "{remarks:?}");
}

#[test]
fn a_lost_syn_is_sent_again() {
    let fault = "client>server #0 drop";
    if let Some(remarks) = remarks("syn", fault) {
        lost_and_sent_again(&of(&remarks, 'S', "0"), fault);
    }
}

#[test]
fn lost_data_is_sent_again() {
    let fault = "client>server #2 drop";
    if let Some(remarks) = remarks("data", fault) {
        lost_and_sent_again(&of(&remarks, 'P', "6"), fault);
    }
}

#[test]
fn a_lost_fin_is_sent_again() {
    let fault = "client>server #8 drop";
    if let Some(remarks) = remarks("fin", fault) {
        lost_and_sent_again(&of(&remarks, 'F', "0"), fault);
    }
}

#[test]
fn where_nothing_is_lost_nothing_is_sent_again() {
    if let Some(remarks) = remarks("calm", "") {
        assert!(remarks.iter().all(|line| !line.contains("retransmission")), "{remarks:?}");
    }
}
