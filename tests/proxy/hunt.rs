//! `lossproof hunt` on programs with known bugs, in Rust and in Python, and on one without.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{directory, lossproof, stderr, stdout};
use crate::programs::command;

/// What a hunt is to take at most.
const A_MINUTE: Duration = Duration::from_mins(1);

/// Answers each number with its double.
fn doubles() -> SocketAddr {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok((len, peer)) = server.recv_from(&mut bytes) {
            let number: u32 =
                std::str::from_utf8(&bytes[..len]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            let _ = server.send_to((2 * number).to_string().as_bytes(), peer);
        }
    });
    addr
}

/// Greets each who comes.
fn greeter() -> SocketAddr {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.write_all(b"welcome to the greeter\n");
                let _ = stream.read(&mut [0; 16]);
            });
        }
    });
    addr
}

/// Hunts; gives the report, which has to be that of a failure.
fn hunt(words: &[&str], program: &[String]) -> String {
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let target = directory("target");
    let mut hunt = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    hunt.arg("hunt").args(words).arg("--").args(program).env("CARGO_TARGET_DIR", target);
    let output = hunt.output().expect("it starts");
    let report = stdout(&output).to_owned();
    assert_eq!(output.status.code(), Some(1), "{report}{}", stderr(&output));
    assert!(report.starts_with("FAILED "), "{report}");
    report
}

/// The plan that a report has, and how many faults are in it.
fn plan(report: &str) -> (String, usize) {
    let replay = report.lines().find(|line| line.trim_start().starts_with("replay: ")).expect("it has one");
    let words = shlex(replay);
    let place = words.iter().position(|word| word == "--faults").expect("it has a plan");
    let plan = words[place + 1].clone();
    let count = plan.split(';').count() - 1;
    (plan, count)
}

/// The words of a line, as a shell takes them.
fn shlex(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {}", line.trim_start().trim_start_matches("replay: "));
    let output = Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
    stdout(&output).lines().map(str::to_owned).collect()
}

/// Runs the line that a report has; it is to fail at least nine times in ten.
fn replay(report: &str) {
    let line = report.lines().find(|line| line.trim_start().starts_with("replay: ")).expect("it has one");
    let words = shlex(line);
    let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let output = lossproof(&words);
    let text = stdout(&output);
    let fails = text.split("fails ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    assert!(fails.is_some_and(|fails| fails >= 9) && text.contains(" of 10 "), "{text}{}", stderr(&output));
}

#[test]
fn a_client_without_ids_fails_by_one_reply_that_comes_twice_or_late() {
    let server = doubles().to_string();
    let begin = Instant::now();
    let report = hunt(&["udp", "127.0.0.1:0", &server], &command("asks"));
    assert!(begin.elapsed() < A_MINUTE, "{:?}", begin.elapsed());
    let (plan, count) = plan(&report);
    assert_eq!(count, 1, "{report}");
    // A request that comes twice or late is answered twice, or late.
    assert!(plan.contains(" duplicate") || plan.contains(" delay "), "{plan}");
    assert!(report.contains("minimal: 1 fault"), "{report}");
    replay(&report);
}

#[test]
fn a_client_that_takes_a_read_for_a_message_fails_by_one_cut() {
    let server = greeter().to_string();
    let begin = Instant::now();
    let report = hunt(&["tcp", "127.0.0.1:0", &server], &command("reads_once"));
    assert!(begin.elapsed() < A_MINUTE, "{:?}", begin.elapsed());
    let (plan, count) = plan(&report);
    assert!(count == 1 && plan.contains("server>client-1 @") && plan.ends_with(" cut"), "{report}");
    replay(&report);
}

#[test]
fn a_chat_that_forgets_nobody_fails_by_one_drop() {
    let server = command("chat_server").join(" ");
    let report = hunt(
        &[
            "udp",
            "127.0.0.1:0",
            "127.0.0.1:0",
            "--server",
            &server,
            "--kinds",
            "drop,duplicate",
            "--jobs",
            "2",
        ],
        &command("chat_members"),
    );
    let (plan, count) = plan(&report);
    assert!(count == 1 && plan.starts_with("v2; client-1>server #") && plan.ends_with(" drop"), "{report}");
    replay(&report);
}

#[test]
fn a_server_that_pauses_is_a_fault_like_any_other() {
    // With ids nothing else harms; a pause that is longer than the client's patience does.
    let server = command("doubles_server").join(" ");
    let words = ["udp", "127.0.0.1:0", "127.0.0.1:0", "--server", &server, "--limit", "30s"];
    let plan = ["--faults", "at 0s pause server; at 3s resume server; server>client-1 #0 duplicate"];
    let report = hunt(&[&words[..], &plan, &["--runs", "1"]].concat(), &command("asks_with_ids"));
    assert!(report.contains("at 0s pause server") && report.contains("fails 1 of 1"), "{report}");
    let short = ["--faults", "at 0s pause server; at 300ms resume server", "--runs", "1"];
    let output =
        lossproof(&[&["hunt"], &words[..], &short, &["--"], &strs(&command("asks_with_ids"))].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    // A crash is seen by nobody but the client, who asks again until the server is back.
    let crash = ["--faults", "at 0s crash server; at 200ms restart server", "--runs", "1"];
    let output =
        lossproof(&[&["hunt"], &words[..], &crash, &["--"], &strs(&command("asks_with_ids"))].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn a_client_with_ids_survives() {
    let server = doubles().to_string();
    let words = ["hunt", "udp", "127.0.0.1:0", &server, "--runs", "30", "--jobs", "4", "--loss", "10%"];
    let more = ["--duplicate", "30%", "--jitter", "100ms", "--"];
    let output = lossproof(&[&words[..], &more, &strs(&command("asks_with_ids"))].concat());
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{report}{}", stderr(&output));
    assert!(
        report.starts_with("PASSED ") && report.contains("30 runs") && report.contains("duplicate"),
        "{report}"
    );
}

#[test]
fn a_hunt_that_tests_nothing_says_so() {
    let words = ["hunt", "udp", "127.0.0.1:0", "127.0.0.1:9", "--runs", "2", "--", "true"];
    let output = lossproof(&words);
    let report = stdout(&output);
    assert!(output.status.code() == Some(1) && report.starts_with("VACUOUS true: 2 runs"), "{report}");
    assert!(report.contains("nothing arrived at the proxy"), "{report}");
}

#[test]
fn what_fails_without_any_fault_is_not_hunted() {
    let output =
        lossproof(&["hunt", "udp", "127.0.0.1:0", "127.0.0.1:9", "--", "sh", "-c", "echo no; exit 3"]);
    let report = stdout(&output);
    assert_eq!(report, "FAILED sh -c 'echo no; exit 3': exit status 3 without any fault\nno\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_command_that_takes_too_long_has_failed_and_leaves_nothing_behind() {
    let words = [
        "hunt",
        "udp",
        "127.0.0.1:0",
        "127.0.0.1:9",
        "--limit",
        "300ms",
        "--",
        "sh",
        "-c",
        "sleep 7531 & wait",
    ];
    let begin = Instant::now();
    let output = lossproof(&words);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(stdout(&output).contains("it took longer than 300ms without any fault"), "{}", stdout(&output));
    if Path::new("/proc/self/cmdline").exists() {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        assert!(lines.into_iter().all(|line| line != b"sleep\x007531\x00"), "a grandchild still runs");
    }
}

#[test]
fn ctrl_c_ends_a_hunt_with_the_best_so_far() {
    let server = doubles().to_string();
    let mut hunt = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    hunt.args(["hunt", "udp", "127.0.0.1:0", &server, "--duplicate", "50%", "--limit", "30s", "--"]);
    hunt.args(command("asks")).env("CARGO_TARGET_DIR", directory("interrupted"));
    let child = hunt.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Every run fails but the first, and to find out why takes thirty of them.
    thread::sleep(Duration::from_millis(2_500));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let report = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output)), (Some(130), "lossproof: interrupted\n"), "{report}");
    // How far it is by then depends on the machine.
    let is_found = ["  smaller: ", "  minimal: "].iter().any(|best| report.contains(best));
    let is_best = report.starts_with("FAILED ") && is_found && report.contains("  replay: ");
    assert!(is_best || report.starts_with("PASSED so far "), "{report}");
}

#[test]
fn wrong_words_are_answered_by_what_to_write() {
    let udp = ["hunt", "udp", "127.0.0.1:0"];
    for (words, part) in [
        (&["127.0.0.1:0", "--", "true"][..], "is the address of no server"),
        (&["127.0.0.1:9", "--kinds", "skew", "--", "true"], "'skew' is no kind of fault that can be drawn"),
        (
            &["127.0.0.1:9", "--faults", "at 1s pause server", "--", "true"],
            "'pause' is for a process that this command starts: client",
        ),
        (
            &["127.0.0.1:9", "--faults", "at 1s skew server +1s", "--", "true"],
            "a proxy cannot have the fault 'skew'",
        ),
        (&["127.0.0.1:9", "--", "/no/such/program"], "cannot start '/no/such/program'"),
        (
            &["127.0.0.1:9", "--jobs", "2", "--server", "true", "--", "true"],
            "write port 0 where the server is",
        ),
        (&["127.0.0.1:9", "--server", "'", "--", "true"], "is no command"),
    ] {
        let output = lossproof(&[&udp[..], words].concat());
        let error = stderr(&output);
        assert!(
            output.status.code() == Some(2) && error.contains(part) && error.lines().count() == 1,
            "{error}"
        );
    }
    let output = lossproof(&[&udp[..], &["127.0.0.1:0", "--server", "false", "--", "true"]].concat());
    assert!(stderr(&output).contains("does not open 127.0.0.1:"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

/// The same bugs in programs in Python.
fn hunts_python(carrier: &str, [server, client]: [&str; 2], kinds: &str, faults: &[&str]) {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("python3 is missing: what is tested with it is left out");
        return;
    }
    let script = |name: &str| format!("{}/tests/proxy/programs/{name}.py", env!("CARGO_MANIFEST_DIR"));
    let server = format!("python3 {} {{server_port}}", script(server));
    let words = [carrier, "127.0.0.1:0", "127.0.0.1:0", "--server", &server, "--kinds", kinds];
    let more = ["--shrink-for", "2min", "--limit", "30s", "--jobs", "2"];
    let program = ["python3".to_owned(), script(client), "{port}".to_owned()];
    let report = hunt(&[&words[..], &more].concat(), &program);
    let (plan, count) = plan(&report);
    assert!(count == 1 && faults.iter().any(|word| plan.contains(word)), "{report}");
    replay(&report);
}

#[test]
fn a_client_in_python_without_ids_is_hunted() {
    hunts_python("udp", ["ask_server", "ask_client"], "duplicate,delay", &[" duplicate", " delay "]);
}

#[test]
fn a_client_in_python_that_takes_a_read_for_a_message_is_hunted() {
    hunts_python("tcp", ["greet_server", "greet_client"], "cut", &[" cut"]);
}

#[test]
fn a_chat_in_python_that_forgets_nobody_is_hunted() {
    hunts_python("udp", ["chat_server", "chat_client"], "drop", &[" drop"]);
}
