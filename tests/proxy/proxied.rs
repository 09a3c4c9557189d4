//! `lossproof proxy` as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use lossproof::capture;

use crate::command::{directory, lossproof, refused, stderr};

/// A proxy that runs, and where it listens.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) locals: Vec<SocketAddr>,
}

impl Running {
    pub(crate) fn start(words: &[&str], pairs: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        command.arg("proxy").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let locals = (0..pairs).map(|_| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim().strip_prefix("listening on ").expect("it says where").parse().unwrap()
        });
        let locals = locals.collect();
        Self { child, stdout, locals }
    }

    /// Its end: the plan, and what it said on standard error.
    pub(crate) fn end(mut self) -> (String, String) {
        let (mut plan, mut errors) = (String::new(), String::new());
        self.stdout.read_to_string(&mut plan).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{errors}");
        (plan.trim_end().to_owned(), errors)
    }
}

/// Sends a hundred numbers through a proxy with these words; gives those that come, the plan, and what was said.
fn talk(words: &[&str]) -> (Vec<String>, String, String) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    let to = server.local_addr().unwrap().to_string();
    let pair = ["udp", "127.0.0.1:0", &to, "--until-idle", "200ms"];
    let running = Running::start(&[&pair[..], words].concat(), 1);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(running.locals[0]).unwrap();
    for n in 0..100 {
        client.send(format!("{n}").as_bytes()).unwrap();
    }
    let mut bytes = [0; 16];
    let came = std::iter::from_fn(|| {
        let (len, _) = server.recv_from(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
    });
    let came = came.collect();
    let (plan, errors) = running.end();
    (came, plan, errors)
}

#[test]
fn the_plan_that_it_prints_does_the_same_again() {
    let (came, plan, errors) = talk(&["--loss", "30%", "--seed", "3"]);
    assert!(plan.starts_with("v2; client-1>server #") && (40..95).contains(&came.len()), "{plan}");
    let lost = 100 - came.len();
    assert!(
        errors.contains(&format!(
            "relayed 100 datagrams and 0 streams with 0 bytes of 1 client; {lost} faults"
        )),
        "{errors}"
    );
    assert_eq!(talk(&["--faults", &plan]), (came, plan, errors));
}

#[test]
fn what_passed_is_kept_in_every_form() {
    let files = directory("formats");
    for (format, part) in [
        ("text", "fault client-1>server #1 drop"),
        ("json", "\"what\":\"fault\",\"text\":\"client-1>server #1 drop\""),
        ("ladder", "drop: #1"),
        ("html", "<title>lossproof proxy</title>"),
    ] {
        let file = files.join(format);
        let words = ["--faults", "client-1>server #1 drop", "-o", file.to_str().unwrap(), "--format", format];
        assert_eq!(talk(&words).0.len(), 99);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(part), "{format}: {text}");
    }
    let file = files.join("pcapng");
    let words = ["--faults", "client-1>server #1 drop", "-o", file.to_str().unwrap(), "--format", "pcapng"];
    talk(&words);
    let read = capture::read(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(read.frames.len(), 100);
    assert!(read.replay.is_some_and(|line| line.contains("--faults 'v2; client-1>server #1 drop'")));
}

#[test]
fn a_fault_that_never_fired_is_told() {
    let (came, _, errors) = talk(&["--faults", "client-1>server #1000 drop"]);
    assert_eq!(came.len(), 100);
    assert!(errors.contains("note: client-1>server #1000 drop never fired"), "{errors}");
}

#[test]
fn a_rate_is_kept() {
    let (came, plan, _) = talk(&["--rate", "1mbit"]);
    assert_eq!(came.len(), 100);
    assert!(plan.contains(" delay 23ms"), "100 packets of 29 or 30 bytes at a megabit a second: {plan}");
}

#[test]
fn ctrl_c_ends_it_with_its_plan() {
    let running =
        Running::start(&["udp", "127.0.0.1:0", "127.0.0.1:9", "--faults", "client-1>server #0 drop"], 1);
    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(running.end().0, "v2; client-1>server #0 drop");
}

#[test]
fn wrong_words_are_answered_by_what_to_write() {
    refused(
        &["proxy", "sctp", "127.0.0.1:0", "127.0.0.1:9"],
        "cannot use 'sctp': write udp or tcp, where to listen, and where to",
    );
    refused(
        &["proxy", "udp", "127.0.0.1:0", "127.0.0.1:9", "--faults", "at 1s crash server"],
        "a proxy cannot have the fault 'crash': it stands between hosts; take it out of the plan",
    );
    refused(
        &["proxy", "udp", "127.0.0.1:0", "127.0.0.1:9", "--faults", "client>server #0 drop"],
        "the plan names the host 'client'; the hosts are server, client-1, client-2, and so on",
    );
    refused(
        &["proxy", "udp", "127.0.0.1:0", "127.0.0.1:9", "--rate", "fast"],
        "--rate: cannot use 'fast': write how many bits a second, as in 500kbit, 2mbit or 1gbit",
    );
    refused(
        &["proxy", "udp", "127.0.0.1:0", "unix:/tmp/x"],
        "datagrams go between internet addresses: 'unix:/tmp/x' is none; relay it as a stream",
    );
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = lossproof(&["proxy", "udp", &addr, "127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the address is in use; choose another port, or 0 for any"),
        "{}",
        stderr(&output)
    );
}
