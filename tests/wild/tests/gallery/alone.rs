//! Each finding without lossproof: the programs in `examples/`, which fail by themselves.

use std::path::PathBuf;
use std::process::Command;

/// Each program, and what it says when it fails. One that does not fail any more is of a crate that was mended.
const PROGRAMS: [(&str, &str); 14] = [
    ("coap_missing_blocks", "the application is given \"\\0\\0"),
    ("coap_stale_tail", "the application is given another body"),
    ("kcp_check", "at 325 ms, update was due a thousand times"),
    ("kcp_overflow", "attempt to subtract with overflow"),
    ("mqtt_half_packet", "the answer on the second connection is not seen"),
    ("omnipaxos_decide", "the decided logs differ"),
    ("omnipaxos_snapshot", "the decided logs differ"),
    ("renet_hole", "the server disconnects a client that obeys"),
    ("renet_leak", "though every message was read at once"),
    ("renet_slice", "index out of bounds: the len is 2 but the index is 5"),
    ("renet_two_budgets", "the server disconnects a client that obeys"),
    ("rumqttc_release", "the message is never completed"),
    ("rumqttc_twice", "the application gets the message 2 times"),
    ("sctp_late_init", "the server has lost the association"),
];

/// Cargo builds them beside the tests; `cargo test --test gallery` alone does not.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test has a file");
    let directory = own.ancestors().nth(2).expect("cargo puts it into target/PROFILE/deps");
    directory.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[test]
fn each_finding_shows_without_lossproof() {
    for (name, said) in PROGRAMS {
        let program = built(name);
        let output = Command::new(&program).output();
        let output =
            output.unwrap_or_else(|error| panic!("{name}: {error}: run 'cargo build --examples' first"));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(said), "{name} says:\n{text}");
    }
}

#[test]
fn every_program_is_run() {
    let directory = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).expect("it is there");
    let mut names: Vec<_> = directory
        .map(|entry| entry.expect("it can be read").path().file_stem().expect("a name").to_owned())
        .collect();
    names.sort();
    assert_eq!(names, PROGRAMS.map(|(name, _)| name));
}
