//! Checks as ordinary tests: what they say, what they write, and what the environment changes. Each check that is to fail
//! runs in a process of its own, so that its environment is its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use lossproof::check::Property;
use lossproof::fault::{Chance, FaultKind, Links, Profile};
use lossproof::harness::Check;
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status};

/// Counts every request, also one that it has counted already.
struct Counter(u32);

impl Machine for Counter {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
        if let Input::Datagram { peer, .. } = input {
            self.0 += 1;
            out.event(self.0);
            out.send(peer, b"counted");
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// Asks every 100 ms until there is an answer.
struct Client {
    server: Peer,
    ask_at: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u32>) {
        match (input, self.ask_at) {
            (Input::Start { .. }, _) => self.ask(now, out),
            (Input::Timeout, Some(ask_at)) if ask_at <= now => self.ask(now, out),
            (Input::Datagram { .. }, Some(_)) => {
                self.ask_at = None;
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

impl Client {
    fn ask(&mut self, now: Instant, out: &mut Outbox<u32>) {
        out.send(self.server, b"count");
        self.ask_at = Some(now + Duration::from_millis(100));
    }
}

fn scenario() -> Scenario<(), u32> {
    let mut scenario = Scenario::new("counter");
    let bound = Binding::Datagram { port: 1060, connect: None };
    let server = scenario.host("server", bound, |_| Box::new(Counter(0)));
    let server = scenario.peer(server);
    let bound = Binding::Datagram { port: 49_152, connect: Some(server) };
    scenario.host("client", bound, move |_| Box::new(Client { server, ask_at: None }));
    scenario
}

fn once() -> [Property<u32>; 1] {
    [Property::never("a request is counted twice", |view| {
        view.events.iter().any(|happened| happened.event > 1)
    })]
}

const CHECKED: &str = "a_request_is_counted_once";

/// Fails, for the server forgets what it has counted. It is run by the other tests, in processes of their own.
#[test]
#[ignore = "it is to fail: the other tests run it and look at what it says"]
fn a_request_is_counted_once() {
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    Check::new(CHECKED, &scenario(), &once()).profile(loss).assert();
}

/// The test that fails, in a process of its own with these variables.
fn checked(variables: &[(&str, &str)]) -> Output {
    let binary = std::env::current_exe().expect("a test knows its binary");
    Command::new(binary)
        .args(["--ignored", "--exact", CHECKED, "--nocapture"])
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

#[test]
fn a_check_that_fails_says_why_and_how_to_see_it_again() {
    let output = checked(&[]);
    let report = said(&output);
    assert!(!output.status.success());
    for part in [
        "FAILED a_request_is_counted_once: a request is counted twice\n  it happened at 0.105\n  after ",
        "  minimal: 1 fault, ",
        "    server>client #0 drop\n",
        "  replay: LOSSPROOF_REPLAY='v1; server>client #0 drop' cargo test a_request_is_counted_once\n",
        "0.105  server  broken a request is counted twice: it happened at 0.105\n",
    ] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
    let directory = target().join("lossproof").join(CHECKED);
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect(name);
    assert!(report.contains(&format!("  files: {}\n", directory.display())), "{report}");
    assert_eq!(read("fault.plan"), "v1; server>client #0 drop\n");
    assert!(read("report.txt").starts_with("FAILED a_request_is_counted_once"));
    assert!(
        read("transcript.txt")
            .ends_with("  server  broken a request is counted twice: it happened at 0.105\n")
    );
    let pasted = read("test.rs");
    assert!(
        pasted.contains("fn a_request_is_counted_once_again() {") && syn::parse_file(&pasted).is_ok(),
        "{pasted}"
    );
}

#[test]
fn a_replay_makes_the_run_again_and_no_other() {
    let again = said(&checked(&[("LOSSPROOF_REPLAY", "v1; server>client #0 drop")]));
    assert!(
        again.contains("FAILED a_request_is_counted_once") && again.contains("  after 1 run\n"),
        "{again}"
    );
    // A plan that does no harm: the test holds.
    assert!(checked(&[("LOSSPROOF_REPLAY", "client>server #0 drop")]).status.success());
    let wrong = said(&checked(&[("LOSSPROOF_REPLAY", "client>sever #0 drop")]));
    let line = "LOSSPROOF_REPLAY: the plan names the host 'sever'; the hosts are server, client";
    assert!(wrong.contains(line), "{wrong}");
    assert!(said(&checked(&[("LOSSPROOF_REPLAY", "nonsense")])).contains("LOSSPROOF_REPLAY: "));
}

#[test]
fn the_environment_chooses_runs_and_seed() {
    assert!(checked(&[("LOSSPROOF_RUNS", "0")]).status.success());
    let runs = |seed: &str| {
        let report = said(&checked(&[("LOSSPROOF_SEED", seed)]));
        report.lines().find(|line| line.starts_with("  after ")).map(str::to_owned).expect("it fails")
    };
    let all: std::collections::BTreeSet<String> = ["1", "2", "3", "4"].map(runs).into();
    assert!(all.len() > 1, "{all:?}");
    let wrong = said(&checked(&[("LOSSPROOF_RUNS", "many")]));
    assert!(wrong.contains("LOSSPROOF_RUNS: 'many' is not a whole number from 0 to "), "{wrong}");
}

/// Losses of requests do no harm, those of answers do; and while a failure is made small, nothing is drawn.
#[test]
fn one_direction_can_be_worse_than_the_other() {
    let (scenario, properties) = (scenario(), once());
    let [server, client] = ["server", "client"].map(|name| scenario.find(name).expect("it is there"));
    let lossy = Profile { loss: Chance::percent(60), ..Profile::CALM };
    let check = |from, to| {
        let links = Links::default().direction(from, to, lossy);
        Check::new("one_way", &scenario, &properties).links(links).runs(100).assert()
    };
    let tally = check(client, server);
    assert!(tally.fired_kinds().any(|(kind, times)| kind == FaultKind::Drop && times > 100));
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(server, client)));
    let panic = failed.expect_err("an answer is lost");
    let report = panic.downcast_ref::<String>().expect("a report");
    assert!(report.contains("LOSSPROOF_REPLAY='v1; server>client #0 drop' "), "{report}");
}

/// Plans that are kept are run first, in the order of their names; what is no plan is left alone.
#[test]
fn regressions_are_run_first() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("regressions");
    fs::create_dir_all(&directory).expect("a directory can be made");
    fs::write(directory.join("1-harmless.plan"), "client>server #0 drop\n").expect("it can be written");
    fs::write(directory.join("notes.txt"), "no plan").expect("it can be written");
    let (scenario, properties) = (scenario(), once());
    // Nothing is drawn, so only what is kept can break it.
    let check = || Check::new("kept", &scenario, &properties).runs(1).regressions(&directory);
    assert_eq!(check().assert().runs, 1);
    fs::write(directory.join("2-once-broken.plan"), "server>client #0 drop\n").expect("it can be written");
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check().assert()));
    fs::remove_dir_all(&directory).expect("it is ours");
    let panic = failed.expect_err("a plan that is kept breaks it");
    let report = panic.downcast_ref::<String>().expect("a report");
    assert!(report.contains("FAILED kept: a request is counted twice"), "{report}");
}
