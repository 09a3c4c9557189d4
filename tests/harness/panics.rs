//! Panics are findings: told with whose they are, where they were and what came before, once.

use lossproof::machine::Law;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Status};

use crate::{CHECKED, Client, Counter, checked, hosts, said};

/// Cannot bear a second request.
struct Fragile(u32);

impl Machine for Fragile {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
        if let Input::Datagram { .. } = input {
            self.0 += 1;
            assert!(self.0 < 2, "it was too much");
            out.reply(b"counted");
        }
    }
}

fn fragile() -> Net {
    let net = Net::new("fragile");
    let server = net.host("server").udp(1060).machine(|_| Fragile(0));
    let place = net.host("client").udp(49_152);
    place.machine(move |boot| Client { server: boot.peer(server), ask_at: None });
    net
}

/// The line of this file that has this text.
fn place(text: &str) -> String {
    let at = include_str!("panics.rs").lines().position(|line| line.contains(text)).expect("it is there");
    format!("tests/harness/panics.rs:{}", at + 1)
}

#[test]
#[ignore = "it is to fail: another test runs it and looks at what it says"]
fn a_machine_panics() {
    Check::new(fragile()).loss(0.3).assert();
}

/// It takes hundreds of runs in which the machine panics to make the failure small; the text comes in the report alone.
#[test]
fn a_panic_names_place_host_and_input_and_its_text_comes_once() {
    let report = said(&checked("panics::a_machine_panics", &[]));
    let detail = format!(
        "FAILED panics::a_machine_panics: law 7 (no input makes the machine panic)\n  \
         server: it was handed Datagram at 0.105: it was too much (at {})\n",
        place("assert!(self.0 < 2")
    );
    assert!(report.contains(&detail), "{report}");
    assert!(report.contains("    server>client #0 drop\n"), "it is made small: {report}");
    // What `assert` itself says is a panic too.
    assert_eq!(report.matches("panicked at").count(), 1, "{report}");
    assert_eq!(report.matches("it was too much").count(), 1, "{report}");
}

/// A property that is wrong is not the machine's fault.
#[test]
fn a_panic_in_a_property_is_told_as_that() {
    let (net, server, _) = hosts();
    net.always("the third count is 3", move |run| {
        run.events(server).is_empty() || run.events(server)[2] == 3
    });
    let failure = Check::new(net).runs(1).verdict().unwrap();
    let failure = failure.failure().unwrap();
    assert_eq!(failure.broken, "the third count is 3");
    let expected = format!(
        "the property itself panicked: index out of bounds: the len is 1 but the index is 2 (at {})",
        place("run.events(server)[2] == 3")
    );
    assert_eq!(failure.detail, expected);
}

#[test]
fn a_panic_in_a_fold_names_the_fold() {
    type Step = fn(&mut u32, &u32, Instant) -> bool;
    let tell = |at_event: Step, at_end: fn(&u32) -> bool| {
        let (net, server, _) = hosts();
        net.fold("harmless", || 0_u32).on(server, |_, _, _| true);
        net.fold("fragile", || 0_u32).on(server, at_event).at_end(at_end);
        let verdict = Check::new(net).loss(0.1).runs(1).verdict().unwrap();
        let failure = verdict.failure().unwrap();
        (failure.broken.clone(), failure.detail.split(" (at ").next().unwrap().to_owned())
    };
    let expected = ("fragile".to_owned(), "the property itself panicked: no luck".to_owned());
    assert_eq!(tell(|_, _, _| panic!("no luck"), |_| true), expected);
    assert_eq!(tell(|_, _, _| true, |_| panic!("no luck")), expected);
}

#[test]
fn a_panic_of_a_factory_or_a_generator_is_told_as_that() {
    let net = Net::new("made");
    net.host("server").machine(|boot| -> Counter { panic!("no server for {}", boot.incarnation()) });
    let verdict = Check::new(net).loss(0.1).runs(1).verdict().unwrap();
    let failure = verdict.failure().unwrap();
    assert_eq!(failure.broken, Law::NoPanic.to_string());
    assert!(
        failure.detail.starts_with("server: it was made at 0.000: no server for 0 (at "),
        "{}",
        failure.detail
    );
    let (net, ..) = hosts();
    net.generate(|_, _| panic!("no commands"));
    let verdict = Check::new(net).runs(1).verdict().unwrap();
    let failure = verdict.failure().unwrap();
    assert_eq!(failure.broken, "commands");
    assert!(failure.detail.starts_with("generating them panicked: no commands (at "), "{}", failure.detail);
}

/// Panics when it is commanded to.
struct Obedient;

impl Machine for Obedient {
    type Command = u32;
    type Event = ();

    fn handle(&mut self, input: Input<'_, u32>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Command(7) => panic!("not seven"),
            Input::Command(9) => out.done(Status::Success),
            _ => {}
        }
    }
}

/// A machine leaves its engine in the middle of a run; what was generated for the run is told all the same.
#[test]
fn the_commands_of_a_run_that_panicked_are_told() {
    let net = Net::new("commands");
    let host = net.host("host").machine(|_| Obedient);
    net.generate(move |_, commands| {
        for (millis, number) in [(1, 5), (2, 7), (3, 9)] {
            commands.give(Instant::from_millis(millis), host, number);
        }
    });
    let verdict = Check::new(net).runs(1).verdict().unwrap();
    let failure = verdict.failure().unwrap();
    assert_eq!(
        (failure.plan.to_string().as_str(), failure.commands.as_slice()),
        ("v2; seed 16294208416658607535; commands 1", &["command 1 at 0.002 host 7".to_owned()][..])
    );
}

/// It is not said again and again, nor where it is not so.
#[test]
fn the_first_report_says_how_tests_become_faster() {
    let output = checked(CHECKED, &[]);
    let said = said(&output);
    let hint = "[profile.dev.package.lossproof]\nopt-level = 3\n";
    assert_eq!(said.matches(hint).count(), usize::from(cfg!(debug_assertions)), "{said}");
}
