//! Checks as ordinary tests: what they say, what they write, and what the environment changes. Each check that is to fail
//! runs in a process of its own where its environment counts.

mod files;
mod nextest;
mod panics;
mod parts;
mod recipes;
mod replays;
mod runner;
mod vacuous;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Status};

/// Counts every request, also one that it has counted already.
struct Counter(u32);

impl Machine for Counter {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
        if let Input::Datagram { .. } = input {
            self.0 += 1;
            out.event(self.0);
            out.reply(b"counted");
        }
    }
}

/// Asks every 100 ms until there is an answer.
struct Client {
    server: Peer,
    ask_at: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(self.server, b"count");
                self.ask_at = Some(now + Duration::from_millis(100));
            }
            Input::Datagram { .. } => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

/// A counter and who asks it, with nothing that is to hold.
fn hosts() -> (Net, Host<Counter>, Host<Client>) {
    let net = Net::new("counter");
    let server = net.host("server").udp(1060).machine(|_| Counter(0));
    let place = net.host("client").udp(49_152).connected(server);
    let client = place.machine(move |boot| Client { server: boot.peer(server), ask_at: None });
    (net, server, client)
}

/// A request is not counted a second time, which is not so.
fn once() -> Net {
    let (net, server, _) = hosts();
    net.never("a request is counted twice", move |run| run.events(server).iter().any(|count| *count > 1));
    net
}

const CHECKED: &str = "a_request_is_counted_once";

/// Fails, for the server forgets what it has counted. It is run by the other tests, in processes of their own.
#[test]
#[ignore = "it is to fail: the other tests run it and look at what it says"]
fn a_request_is_counted_once() {
    Check::new(once()).loss(0.3).assert();
}

/// A test of this file that fails, in a process of its own with these variables.
fn checked(test: &str, variables: &[(&str, &str)]) -> Output {
    let binary = std::env::current_exe().expect("a test knows its binary");
    Command::new(binary)
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .output()
        .expect("a test's binary can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn target() -> PathBuf {
    let binary = std::env::current_exe().expect("a test knows its binary");
    binary.ancestors().nth(3).expect("it is in the target directory").to_owned()
}

/// The panic of a check that is to fail.
fn panic_of<R>(check: impl FnOnce() -> R) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).err().expect("it fails");
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).expect("a report")
}
