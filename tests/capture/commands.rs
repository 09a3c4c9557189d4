//! `sim --format pcapng` and `import` as a user meets them.

use super::command::{lossproof, stderr, stdout};
use super::path;

const SYSTEMS: [&str; 16] = [
    "udp-local",
    "udp-remote",
    "udp-broadcast",
    "tcp-sixteen",
    "tcp-deadlock",
    "greeter",
    "select-echo",
    "greet",
    "http",
    "hello-tcp",
    "hello-udp",
    "tcp-chat",
    "udp-chat",
    "suffix-echo",
    "geocode",
    "election",
];

/// Exports a run and gives back the file and the transcript.
fn export(name: &str, args: &[&str]) -> (String, String) {
    let file = path(&format!("{name}.pcapng"));
    let output = lossproof(&[&["sim"], args, &["--format", "pcapng", "-o", &file]].concat());
    assert!(output.stdout.is_empty() && output.status.code() != Some(2), "{}", stderr(&output));
    let text = lossproof(&[&["sim"], args].concat());
    (file, stdout(&text).to_owned())
}

/// Runs the line that an import printed.
fn replay(line: &str) -> String {
    let words = shlex::split(line).expect("it is a line for a shell");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(words[0], "lossproof", "{line}");
    stdout(&lossproof(&words[1..])).to_owned()
}

#[test]
fn what_was_exported_is_imported_as_the_same_run() {
    let profiles = [
        &["--profile", "hostile"][..],
        &["--loss", "30%", "--jitter", "--duplicate", "10%", "--corrupt", "10%"],
        &["--profile", "satellite"],
    ];
    for system in SYSTEMS {
        for (seed, profile) in ["1", "22", "333"].iter().zip(profiles) {
            let args = [&[system, "--seed", seed], profile].concat();
            let (file, transcript) = export(&format!("{system}-{seed}"), &args);
            let output = lossproof(&["import", &file, "--as", system]);
            assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{args:?}");
            assert_eq!(replay(stdout(&output)), transcript, "{args:?}");
        }
    }
}

#[test]
fn options_bugs_and_turmoil_come_back() {
    let cases: [&[&str]; 6] = [
        &["udp-remote", "--ids", "--drop", "20%", "--loss", "30%", "--time-scale", "0.5"],
        &["greet", "--text", "it's a --text"],
        &["greeter", "--datagram", "--loss", "20%"],
        &["http", "--path", "/a?b=c", "--host", "example.org"],
        &["udp-remote", "--bug", "accepts-any-reply", "--ids"],
        &["udp-remote", "--engine", "turmoil", "--loss", "40%", "--seed", "5"],
    ];
    for args in cases {
        let (file, transcript) = export("options", args);
        let output = lossproof(&["import", &file, "--as", args[0]]);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{args:?}");
        assert_eq!(replay(stdout(&output)), transcript, "{args:?}");
    }
}

#[test]
fn a_plan_can_be_written_to_a_file() {
    let (file, transcript) = export("to-file", &["udp-remote", "--loss", "60%", "--seed", "9"]);
    let plan = path("imported.txt");
    let output = lossproof(&["import", &file, "--as", "udp-remote", "-o", &plan]);
    assert_eq!(stdout(&output), format!("lossproof sim udp-remote --faults @{plan}\n"));
    assert_eq!(replay(stdout(&output)), transcript);
    let text = std::fs::read_to_string(&plan).expect("it was written");
    assert!(text.starts_with("v2; seed 9; server>client #0 drop; client>server #1 drop"), "{text}");
}

#[test]
fn standard_output_takes_a_capture_that_is_piped() {
    let (file, _) = export("piped", &["tcp-sixteen"]);
    let piped = lossproof(&["sim", "tcp-sixteen", "--format", "pcapng"]).stdout;
    assert_eq!(piped, std::fs::read(file).expect("it was written"));
}

#[test]
fn a_port_that_tshark_takes_for_another_protocol_is_said() {
    let note = |args: &[&str]| {
        let file = path("noted.pcapng");
        let output = lossproof(&[&["sim"], args, &["--format", "pcapng", "-o", &file]].concat());
        stderr(&output).to_owned()
    };
    let line =
        "lossproof: note: tshark takes port 9999 for tplink-smarthome: give it -d tcp.port==9999,data\n";
    assert_eq!(note(&["hello-tcp"]), line);
    assert_eq!(note(&["hello-udp"]), line.replace("tcp", "udp"));
    assert_eq!(note(&["udp-remote"]), "");
}

/// Checks that an import ends with this status and this one line.
fn refused(args: &[&str], status: i32, line: &str) {
    let output = lossproof(&[&["import"], args].concat());
    assert_eq!(stderr(&output), format!("lossproof: {line}\n"), "{args:?}");
    assert_eq!((stdout(&output), output.status.code()), ("", Some(status)), "{args:?}");
}

#[test]
fn what_cannot_be_imported_is_refused_in_one_line() {
    let (file, _) = export("refused", &["udp-remote"]);
    refused(
        &[&file, "--as", "tcp-sixteen"],
        2,
        "the capture is of udp-remote: import it with --as udp-remote",
    );
    refused(&["no/such", "--as", "greet"], 2, "cannot read 'no/such': no such file or directory");
    let line = "unknown system 'gret'; did you mean 'greet'? ('lossproof list' shows all)";
    refused(&[&file, "--as", "gret"], 2, line);
    refused(
        &[&file, "--as", "greet", "--ids"],
        2,
        "greet has no option --ids; 'lossproof call --help' says whose it is",
    );
    refused(
        &[&file, "--as", "greet", "--flow", "0"],
        2,
        "--flow: '0' is not a whole number from 1 to 4294967295",
    );

    let bytes = std::fs::read(&file).expect("it was written");
    let spoiled = path("spoiled");
    let refuse = |bytes: &[u8], why: &str| {
        std::fs::write(&spoiled, bytes).expect("cargo made the directory");
        refused(&[&spoiled, "--as", "udp-remote"], 2, &format!("cannot use '{spoiled}': {why}"));
    };
    refuse(b"", "it is neither pcapng nor pcap");
    refuse(b"GET / HTTP/1.1\r\n\r\n", "it is neither pcapng nor pcap");
    refuse(&bytes[..50], "it ends within its first packet");
    // The interface stands after the section, and is of another kind: USB.
    let interface = u32::from_le_bytes(bytes[4..8].try_into().expect("these are four")) as usize;
    let mut usb = bytes.clone();
    usb[interface + 8] = 189;
    let line = "its link type 189 is not known here: capture Ethernet, Wi-Fi, PPP, raw IP, loopback or Linux's 'any'";
    refuse(&usb, line);
}

#[test]
fn a_capture_that_was_changed_is_not_believed() {
    let (file, _) = export("changed", &["udp-remote", "--faults", "client>server #0 drop"]);
    let mut bytes = std::fs::read(&file).expect("it was written");
    // The text of the request: what is told of its length stays true.
    let text = b"This is another message";
    let at = bytes.windows(text.len()).position(|window| window == text).expect("it is there");
    bytes[at] = b't';
    std::fs::write(&file, &bytes).expect("it was written before");
    let output = lossproof(&["import", &file, "--as", "udp-remote"]);
    let notes: Vec<&str> = stderr(&output).lines().collect();
    assert_eq!(
        notes[0],
        "lossproof: note: the capture is not of the run that its comment names: it was changed"
    );
    assert!(
        notes.contains(&"lossproof: note: 1 packets have the lengths, and not the bytes, of the capture")
    );
    assert_eq!(stdout(&output), "lossproof sim udp-remote --faults 'v2; link 5ms; client>server #0 drop'\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_comment_can_ask_for_nothing_but_a_run() {
    let (file, _) = export("asking", &["udp-remote"]);
    let bytes = std::fs::read(&file).expect("it was written");
    let written = path("written-by-a-comment");
    let _ = std::fs::remove_file(&written);
    let (from, to) = ("lossproof sim udp-remote --faults 'v2; seed 0'", format!("-o {written}"));
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is there");
    // The comment gets another text of the same length, as far as that goes.
    let mut words = format!("lossproof sim udp-remote {to}");
    words.truncate(from.len());
    let mut asking = bytes.clone();
    asking[at..at + from.len()].copy_from_slice(format!("{words:<width$}", width = from.len()).as_bytes());
    std::fs::write(&file, &asking).expect("it was written before");
    let output = lossproof(&["import", &file, "--as", "udp-remote"]);
    assert!(stderr(&output).contains("it was changed"), "{}", stderr(&output));
    assert!(!std::path::Path::new(&written).exists());
}
