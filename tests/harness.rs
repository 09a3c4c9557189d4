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
        " simulated)\n  minimal: 1 fault, 4 packets   (from ",
        "    server>client #0 drop\n",
        "  replay: LOSSPROOF_REPLAY='v2; server>client #0 drop' cargo test a_request_is_counted_once\n",
        "0.105  server  broken a request is counted twice: it happened at 0.105\n",
    ] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
    let directory = target().join("lossproof").join(CHECKED);
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect(name);
    let capture = if cfg!(feature = "capture") { "capture.pcapng " } else { "" };
    let kept = format!("report.txt fault.plan transcript.txt ladder.txt page.html {capture}test.rs");
    assert!(report.contains(&format!("\n  files: {}\n         {kept}\n", directory.display())), "{report}");
    assert_eq!(read("fault.plan"), "v2; server>client #0 drop\n");
    assert!(read("report.txt").starts_with("FAILED a_request_is_counted_once"));
    assert!(
        read("transcript.txt")
            .ends_with("  server  broken a request is counted twice: it happened at 0.105\n")
    );
    assert_eq!(read("test.rs"), include_str!("harness/again.rs"));
    // The first answer is lost on its way, and what does not hold is marked.
    let ladder = read("ladder.txt");
    assert!(
        ladder.starts_with(" time   server") && ladder.lines().all(|line| line.chars().count() <= 80),
        "{ladder}"
    );
    let row = |mark: &str, text: &str| ladder.lines().any(|line| line.contains(mark) && line.contains(text));
    assert!(row(" ! ", "─ drop: #0 \"counted\" ") && row(" ✗ ", "a request is counted twice"), "{ladder}");
    let page = read("page.html");
    let replay =
        "\"replay\":\"LOSSPROOF_REPLAY='v2; server>client #0 drop' cargo test a_request_is_counted_once\"";
    assert!(page.contains("<h1>a_request_is_counted_once</h1>") && page.contains(replay), "{page}");
    assert!(page.contains("a request is counted twice: it happened at 0.105"), "{page}");
    #[cfg(feature = "capture")]
    {
        let capture = lossproof::capture::read(&fs::read(directory.join("capture.pcapng")).unwrap()).unwrap();
        assert_eq!((capture.frames.len(), capture.replay.is_some()), (4, true), "two requests, two replies");
    }
}

/// A report without the time that it took by the clock on the wall, and with the path of its files as on any machine.
fn timeless(report: &str) -> String {
    let line = |line: &str| match (line.strip_prefix("  after "), line.find("target/lossproof/")) {
        (Some(took), _) => took.split_once(", ").map_or("", |(_, simulated)| simulated).to_owned(),
        (None, Some(at)) => format!("  files: {}", &line[at..]),
        _ => line.to_owned(),
    };
    report.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// After a change that is meant, `INSTA_UPDATE=always` writes it into the README anew.
#[cfg_attr(not(feature = "capture"), ignore = "the README has what the default features write")]
#[test]
fn the_report_of_the_readme_is_what_is_said() {
    let readme = include_str!("../README.md");
    let start = format!("FAILED {CHECKED}: ");
    let block = |text: &str, end: &str| -> String {
        let from = &text[text.find(&start).expect("it is there")..];
        from[..from.find(end).expect("it ends")].to_owned()
    };
    let (shown, report) = (block(readme, "```"), block(&said(&checked(&[])), "\nnote: "));
    let report = report.trim_end();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let at = report.find("  files: ").expect("it says where files are");
        let end = report.find("target/lossproof/").expect("they are there");
        let portable = format!("{}  files: {}\n", &report[..at], &report[end..]);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        fs::write(path, readme.replace(&shown, &portable)).expect("the README can be written");
    } else {
        assert_eq!(timeless(shown.trim_end()), timeless(report));
    }
}

#[test]
fn hosts_that_do_not_fit_into_eighty_columns_get_a_wider_ladder() {
    let mut scenario = scenario();
    for number in 0..20 {
        let bound = Binding::Datagram { port: 50_000 + number, connect: None };
        scenario.host(format!("other{number}"), bound, |_| Box::new(Counter(0)));
    }
    let counted = [Property::never("a request is counted", |view| !view.events.is_empty())];
    let said = panic_of(|| Check::new("many_hosts", &scenario, &counted).assert());
    assert!(said.contains(" ladder.txt "), "{said}");
    let ladder = fs::read_to_string(target().join("lossproof/many_hosts/ladder.txt")).expect("it is kept");
    let head = ladder.lines().next().expect("the names of the hosts");
    assert!(head.contains(" server ") && head.contains(" client ") && head.contains(" other19"), "{ladder}");
}

/// The test that a failure leaves to be pasted, as it is, beside the test once its server is mended: it compiles, makes
/// the run that was broken, and passes.
mod mended {
    use super::{Check, scenario};
    use lossproof::check::Property;

    fn a_request_is_counted_once() {
        let forgiving = [Property::never("a request is counted a third time", |view| {
            view.events.iter().any(|happened| happened.event > 2)
        })];
        let tally = Check::new(super::CHECKED, &scenario(), &forgiving).assert();
        // The run of the plan and no other.
        assert_eq!((tally.runs, tally.packets, tally.never_fired().count()), (1, 4, 0));
    }

    include!("harness/again.rs");
}

#[test]
fn a_test_that_replays_a_plan_makes_it_and_ends_with_it() {
    let broken = || lossproof::harness::replay("server>client #0 drop", a_request_is_counted_once);
    let said = panic_of(broken);
    assert!(
        said.starts_with("FAILED a_request_is_counted_once: ") && said.contains("  after 1 run ("),
        "{said}"
    );
    // After it the environment and the search have their say again: nothing is drawn, nothing fails.
    Check::new("after", &scenario(), &once()).runs(3).assert();
    let none = panic_of(|| lossproof::harness::replay("v2", || ()));
    assert!(none.starts_with("the test made no check"), "{none}");
}

#[test]
fn a_limit_on_shrinking_is_said() {
    let loss = Profile { loss: Chance::percent(50), ..Profile::default() };
    let (scenario, properties) = (scenario(), once());
    let check = || Check::new("limits", &scenario, &properties).profile(loss).seed(3);
    let said = panic_of(|| check().max_shrink(1, Duration::from_mins(1)).assert());
    let runs = "perhaps not minimal: after 1 shrink run the limit of 1 run was reached)";
    assert!(said.contains("  smaller: ") && said.contains(runs), "{said}");
    let said = panic_of(|| check().max_shrink(9_999, Duration::ZERO).assert());
    assert!(said.contains("perhaps not minimal: after 1 shrink run the time of 0.00 s was over)"), "{said}");
}

#[test]
fn a_replay_makes_the_run_again_and_no_other() {
    let again = said(&checked(&[("LOSSPROOF_REPLAY", "v2; server>client #0 drop")]));
    assert!(
        again.contains("FAILED a_request_is_counted_once") && again.contains("  after 1 run ("),
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
        let line = report.lines().find(|line| line.starts_with("  after ")).expect("it fails");
        line.split_once(" (").expect("it has the times").0.to_owned()
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
    let report = panic_of(|| check(server, client));
    assert!(report.contains("LOSSPROOF_REPLAY='v2; server>client #0 drop' "), "{report}");
}

/// The latency of a single link is there when a failure is made small, and when its plan is made again.
#[test]
fn a_failure_keeps_the_latency_of_its_link() {
    let (scenario, _) = (scenario(), once());
    let [server, client] = ["server", "client"].map(|name| scenario.find(name).expect("it is there"));
    let late = [Property::never("it takes long", |view| {
        view.events.last().is_some_and(|happened| happened.at >= Instant::from_millis(30))
    })];
    let profile = Profile { latency: Duration::from_millis(40), ..Profile::LOSSY };
    let links = Links::default().between(client, server, profile);
    let check = || Check::new("long_link", &scenario, &late).links(links.clone()).runs(100);
    let report = panic_of(|| check().assert());
    let plan = report.split("LOSSPROOF_REPLAY='").nth(1).and_then(|rest| rest.split('\'').next());
    // It takes no loss.
    assert_eq!(plan, Some("v2"), "{report}");
    let again = panic_of(|| lossproof::harness::replay("v2", || check().assert()));
    assert!(again.contains("it takes long"), "{again}");
}

/// The latency of a single link is there when a failure is made small, and when its plan is made again.
#[test]
fn a_failure_keeps_the_latency_of_its_link() {
    let (scenario, _) = (scenario(), once());
    let [server, client] = ["server", "client"].map(|name| scenario.find(name).expect("it is there"));
    let late = [Property::never("it takes long", |view| {
        view.events.last().is_some_and(|happened| happened.at >= Instant::from_millis(30))
    })];
    let profile = Profile { latency: Duration::from_millis(40), ..Profile::LOSSY };
    let links = Links::default().between(client, server, profile);
    let check = || Check::new("long_link", &scenario, &late).links(links.clone()).runs(100);
    let report = panic_of(|| check().assert());
    let plan = report.split("LOSSPROOF_REPLAY='").nth(1).and_then(|rest| rest.split('\'').next());
    // It takes no loss.
    assert_eq!(plan, Some("v1"), "{report}");
    let again = panic_of(|| lossproof::harness::replay("v1", || check().assert()));
    assert!(again.contains("it takes long"), "{again}");
}

/// The panic of a check that is to fail.
fn panic_of<R>(check: impl FnOnce() -> R) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).err().expect("it fails");
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).expect("a report")
}

/// Runs in which nothing fails can still say too little.
#[test]
fn what_no_run_has_shown_is_demanded() {
    let scenario = scenario();
    let asked = |times: usize| {
        Property::sometimes(format!("{times} requests arrive"), move |view| view.events.len() == times)
    };
    let properties = [asked(1), asked(2), asked(9)];
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    let plan = || "client>server #0 duplicate; client>server #30 drop".parse().expect("a plan");
    let check = || Check::new("vacuous", &scenario, &properties).profile(loss).plan(plan()).runs(100);
    // Unless it is demanded, nothing has to be seen.
    let tally = check().assert();
    assert_eq!(tally.never_seen().collect::<Vec<_>>(), ["9 requests arrive"]);
    assert_eq!(tally.sometimes.iter().map(|(_, runs)| *runs).collect::<Vec<_>>(), [100, 100, 0]);
    assert_eq!(tally.never_fired().map(ToString::to_string).collect::<Vec<_>>(), ["client>server #30 drop"]);
    let said = panic_of(|| check().demand_sometimes().demand_plan().assert());
    let expected = "VACUOUS vacuous: it held in 100 runs, but they lack what is demanded\n  \
                    never fired of the plan: client>server #30 drop\n  never seen: 9 requests arrive\n";
    assert_eq!(said, expected);
    check().demand_faults([FaultKind::Drop, FaultKind::Duplicate]).assert();
    let said =
        panic_of(|| check().demand_faults([FaultKind::Drop, FaultKind::Flip, FaultKind::Crash]).assert());
    assert!(said.ends_with("demanded\n  never fired: flip, crash\n"), "{said}");
    let mut few = check().demand_faults([FaultKind::Drop]).demand_plan();
    few = few.runs(1).profile(Profile::default());
    assert!(panic_of(|| few.assert()).contains("it held in 1 run, but"));
}

/// Faults stop, and from then on all has to go well, in so much time and with so many inputs.
#[test]
fn what_has_to_converge_does_so_from_the_calm_on() {
    let scenario = scenario();
    let client = scenario.find("client").expect("it is there");
    let ends = |millis| {
        let within = Duration::from_millis(millis);
        [Property::converges_within("the client ends", within, 10, move |view| view.status(client).is_some())]
    };
    let (soon, later) = (ends(50), ends(110));
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    let calm_at = Instant::from_millis(1_050);
    // It asks every 100 ms, so 50 ms after the calm.
    Check::new("converges", &scenario, &later).profile(lost).runs(1).calm_at(calm_at).assert();
    let said =
        panic_of(|| Check::new("late", &scenario, &soon).profile(lost).runs(1).calm_at(calm_at).assert());
    let detail = "FAILED late: the client ends\n  not converged: not within 0.05 s after the calm at 1.050\n";
    assert!(said.starts_with(detail) && said.contains("LOSSPROOF_REPLAY='v2; calm 1050ms; "), "{said}");
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
    let report = panic_of(|| check().assert());
    fs::remove_dir_all(&directory).expect("it is ours");
    assert!(report.contains("FAILED kept: a request is counted twice"), "{report}");
}
