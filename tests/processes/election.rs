//! Members in processes of their own, one of which is killed.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{PATIENCE, Server, call_with, lines, now};

/// Addresses that were free just now: members have to know each other's before they begin.
fn free_addresses() -> Vec<String> {
    let sockets: Vec<UdpSocket> =
        (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").expect("there is a free port")).collect();
    sockets.iter().map(|socket| socket.local_addr().expect("it is bound").to_string()).collect()
}

/// Three members, with what they save in files of this test's own.
struct Members {
    addrs: Vec<String>,
    files: Vec<PathBuf>,
}

impl Members {
    fn new(name: &str) -> Self {
        let file =
            |number| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("election-{name}-{number}"));
        let files: Vec<PathBuf> = (0..3).map(file).collect();
        // They are of a run of this test before, if there are any.
        for file in &files {
            let _ = std::fs::remove_file(file);
        }
        Self { addrs: free_addresses(), files }
    }

    fn start(&self, number: usize) -> Server {
        let others = self.addrs.iter().filter(|addr| **addr != self.addrs[number]);
        let others: Vec<&str> = others.map(String::as_str).collect();
        let file = self.files[number].display().to_string();
        Server::start(&["election", &self.addrs[number], "--peers", &others.join(","), "--state", &file])
    }

    /// What a client at this member does with these lines, and whether it succeeds.
    fn call(&self, number: usize, typed: &str) -> (Vec<String>, Option<i32>) {
        let output = call_with(&["election", &self.addrs[number]], typed.as_bytes());
        let shown = lines(&output).into_iter().filter(|line| !line.ends_with(" leads")).collect();
        (shown, output.status.code())
    }

    /// Which of these leads now, in a later term than `after`, and in which.
    fn leader(servers: &[(usize, Server)], after: u64) -> (usize, u64) {
        let until = now() + PATIENCE;
        while now() < until {
            for (number, server) in servers {
                let line = server.line_within(std::time::Duration::from_millis(20));
                let term = line.as_deref().and_then(|line| line.strip_prefix("Leads in term "));
                if let Some(term) = term.and_then(|term| term.parse().ok()).filter(|term| *term > after) {
                    return (*number, term);
                }
            }
        }
        panic!("nobody leads")
    }
}

#[test]
fn a_leader_is_killed_and_nothing_is_lost() {
    let members = Members::new("killed");
    let mut servers: Vec<(usize, Server)> = (0..3).map(|number| (number, members.start(number))).collect();
    let (leader, term) = Members::leader(&servers, 0);
    let register = |value: u64| format!("The register is {value}");
    let other = (leader + 1) % 3;
    assert_eq!(members.call(other, "set 5\nget\n"), (vec![register(5), register(5)], Some(0)));

    let at = servers.iter().position(|(number, _)| *number == leader).expect("it is one of them");
    assert_eq!(servers.remove(at).1.end("-KILL").0, None);
    let (next, later) = Members::leader(&servers, term);
    assert!(next != leader && later > term);
    let typed = "get\nset 6\nget\n";
    assert_eq!(members.call(other, typed), (vec![register(5), register(6), register(6)], Some(0)));

    // The killed one is started again, and the other leader killed: what it missed it has caught up with.
    servers.push((leader, members.start(leader)));
    assert_eq!(members.call(leader, "get\n"), (vec![register(6)], Some(0)));
    let at = servers.iter().position(|(number, _)| *number == next).expect("it is one of them");
    assert_eq!(servers.remove(at).1.end("-KILL").0, None);
    assert_eq!(members.call(leader, "get\n"), (vec![register(6)], Some(0)));
}

#[test]
fn a_minority_answers_nothing_and_says_so() {
    let members = Members::new("minority");
    let _alone = members.start(0);
    let (shown, status) = members.call(0, "get\n");
    assert_eq!(
        (shown, status),
        (vec!["no leader answers: it may have been done, or not".to_owned()], Some(1))
    );
}

#[test]
fn what_is_missing_or_wrong_is_one_line() {
    let refused = |args: &[&str], part: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_lossproof")).arg("serve").args(args).output();
        let output = output.expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    };
    refused(&["election", "127.0.0.1:0"], "give --state FILE");
    let file = format!("{}/election-refused", env!("CARGO_TARGET_TMPDIR"));
    for addr in ["0.0.0.0:7946", "127.0.0.1:0"] {
        refused(&["election", addr, "--peers", "10.0.0.2:7946", "--state", &file], "write its own IP:PORT");
    }
    refused(&["election", "--peers", "10.0.0.2", "--state", &file], "is not a list of other members");
    refused(&["udp-chat", "--peers", "10.0.0.2:7946"], "udp-chat has no option --peers");
}
