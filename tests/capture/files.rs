//! Captures as they are in the wild: files of all formats, links and mishaps, and what `import` says of each.
//!
//! `files/make.py` writes them: one conversation of udp-remote and one of tcp-sixteen, captured in many ways.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use super::command::{directory, lossproof, refused, stderr, stdout};
use super::foreign::dumped;
use super::path;

/// What is said of every plan that has faults.
const USUAL: &str = "lossproof: note: faults are told by what followed from them; what else would have led to the same \
                     packets cannot be told";
/// The files that have less than the whole conversation, or more.
const OTHERS: [&str; 13] = [
    "arp.pcap",
    "empty.pcap",
    "tcp-gap-at-end.pcap",
    "tcp-middle.pcap",
    "tcp-one-way.pcap",
    "tcp-ports-again.pcap",
    "tcp-snaplen-header.pcap",
    "udp-cut-off-at-once.pcap",
    "udp-cut-off.pcap.gz",
    "udp-marked.pcap",
    "udp-one-way.pcap",
    "udp-snaplen-ports.pcap",
    "usb.pcap",
];

pub(super) fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/capture/files")
}

/// All captures of a directory.
pub(super) fn captures(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("the directory is there").map(|entry| entry.unwrap().path());
    let captures = entries.filter(|path| path.extension().is_some_and(|extension| extension != "py"));
    let named =
        |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
    captures.map(named).collect()
}

fn import(name: &str) -> Output {
    let system = if name.starts_with("tcp") { "tcp-sixteen" } else { "udp-remote" };
    lossproof(&["import", files().join(name).to_str().unwrap(), "--as", system])
}

#[test]
fn what_import_says_of_each_file() {
    let mut table: Vec<String> = Vec::new();
    for name in captures(&files()).keys() {
        let output = import(name);
        table.push(format!("{name} [{}]", output.status.code().expect("it ended itself")));
        let said =
            format!("{}{}", stdout(&output), stderr(&output)).replace(&format!("{}/", files().display()), "");
        table.extend(said.lines().filter(|line| *line != USUAL).map(|line| format!("    {line}")));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("captures", table.join("\n")));
}

#[test]
fn however_it_was_captured_the_plan_is_the_same() {
    let [udp, tcp] = ["udp-plain.pcap", "tcp-plain.pcap"].map(|name| stdout(&import(name)).to_owned());
    assert!(udp.ends_with("client>server #0 drop'\n") && tcp.ends_with("@0 stall 404ms'\n"));
    let mut count = 0;
    for name in captures(&files()).keys().filter(|name| !OTHERS.contains(&name.as_str())) {
        let output = import(name);
        let plan = if name.starts_with("tcp") { &tcp } else { &udp };
        assert_eq!((stdout(&output), output.status.code()), (plan.as_str(), Some(0)), "{name}");
        count += 1;
    }
    assert!(count >= 50, "{count}");
}

#[test]
fn the_script_writes_these_files() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed ('apt-get install python3' does that)");
        return;
    }
    let made = directory("captures");
    let script = files().join("make.py");
    let status = Command::new("python3").arg(script).arg(&made).status().expect("it was there");
    assert!(status.success());
    assert!(captures(&made) == captures(&files()), "run tests/capture/files/make.py");
}

#[test]
fn standard_input_is_read() {
    let import = |name: &str| {
        let file = File::open(files().join(name)).expect("it is there");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        let command = command.args(["import", "-", "--as", "udp-remote"]).stdin(Stdio::from(file));
        command.output().expect("the binary was built for this test")
    };
    for name in ["udp-plain.pcap", "udp-plain.pcap.gz", "udp-plain.pcapng"] {
        let output = import(name);
        assert!(
            stdout(&output).ends_with(" 'v2; link 10200us; client>server #0 drop'\n"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn an_endless_file_ends_at_its_beginning() {
    let line = "cannot use '/dev/zero': it is neither pcapng nor pcap";
    refused(&["import", "/dev/zero", "--as", "udp-remote"], line);
}

#[test]
fn a_plan_does_not_overwrite_its_capture() {
    let bytes = fs::read(files().join("udp-plain.pcap")).unwrap();
    let capture = path("kept.pcap");
    let other_name = path("kept-link.pcap");
    let _ = (fs::remove_file(&other_name), fs::write(&capture, &bytes).unwrap());
    std::os::unix::fs::symlink(&capture, &other_name).expect("cargo made the directory");
    for output in [&capture, &other_name] {
        let line = format!("-o: '{capture}' is the capture itself: write to another file");
        refused(&["import", &capture, "--as", "udp-remote", "-o", output], &line);
        assert!(fs::read(&capture).unwrap() == bytes);
    }
}

/// Imports a capture, and is interrupted after a while.
fn interrupted(capture: &str, after: Duration) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    let command = command.args(["import", capture, "--as", "tcp-deadlock"]);
    let child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built for this test");
    thread::sleep(after);
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(status.is_ok(), "kill is there");
    child.wait_with_output().expect("it ends")
}

#[test]
fn an_interrupted_search_says_what_it_found() {
    let capture = dumped("interrupted", &["tcp-deadlock", "--bytes", "3000000", "--profile", "lossy"]);
    // It is interrupted while it searches, not while it reads: then a signal just ends it, and has no status.
    let waits = [1, 2, 4, 8].into_iter().map(Duration::from_secs);
    let output = waits.map(|wait| interrupted(&capture, wait)).find(|output| output.status.code().is_some());
    let output = output.expect("it reads within 8 seconds");
    assert!(
        stdout(&output).starts_with("lossproof sim tcp-deadlock --bytes 1196032 --faults 'v2; link 25ms")
    );
    // An optimised build may be at its end before.
    if cfg!(debug_assertions) {
        let line =
            "lossproof: interrupted: the plan that was found so far agrees with the first 4 of 142 packets\n";
        assert_eq!((stderr(&output), output.status.code()), (line, Some(130)));
        // What the search would have found last is not there yet.
        assert!(!stdout(&output).contains("stall 3s"), "{}", stdout(&output));
    }
}
