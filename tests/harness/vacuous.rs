//! Checks in which nothing fails, and which say too little.

use std::time::Duration;

use lossproof::fault::{FaultKind, HostChances};
use lossproof::{Chance, Check, FaultPlan, Input, Instant, Machine, Net, Outbox, Profile};

use crate::{hosts, once, panic_of};

/// What a check says without the time that it took by the clock on the wall.
fn timeless(said: &str) -> String {
    let (before, after) = said.split_once(" (").expect("it has the times");
    let said = format!("{before}{}", after.split_once(')').expect("they end").1);
    // What was tried has a test of its own.
    let is_of_it = |line: &&str| line.starts_with("  tried ") || line.starts_with("    ");
    said.split('\n').filter(|line| !is_of_it(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_verdict_says_what_was_tried_and_what_was_not() {
    let tried = |check: Check| {
        let said = check.runs(300).verdict().unwrap().to_string();
        let tried = said.lines().skip(1).take_while(|line| !line.starts_with("  nothing failed"));
        let tried: Vec<&str> = tried.collect();
        assert!(tried.iter().all(|line| line.len() <= 80), "{said}");
        tried.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let calm = tried(Check::new(hosts().0).profile(Profile::CALM));
    assert_eq!(
        calm,
        "tried no fault; not tried: drop, duplicate, delay, flip, truncate, partition, stop, crash, poweroff, \
         restart, skew, drift, timer-first"
    );
    let lossy = tried(Check::new(hosts().0).loss(0.3));
    assert!(lossy.starts_with("tried drop ") && lossy.contains("; not tried: duplicate, "), "{lossy}");
    let all = tried(Check::new(hosts().0));
    let parts = ["crash ", "drop ", "partition ", "timer-first", "; not tried: flip, truncate, stop"];
    assert!(parts.iter().all(|part| all.contains(part)), "{all}");
    let net = hosts().0;
    net.rules_out([FaultKind::Crash, FaultKind::Skew]);
    let ruled_out = tried(Check::new(net));
    assert!(ruled_out.ends_with("; ruled out: crash, skew"), "{ruled_out}");
    let plan: FaultPlan = "client>server #30 drop; client>server #0 duplicate".parse().unwrap();
    let planned = tried(Check::new(hosts().0).plan(plan));
    assert!(planned.starts_with("tried duplicate 300; in vain: drop; not tried: delay, "), "{planned}");
}

/// A crash that nobody has asked for may be more than a protocol claims to withstand.
#[test]
fn a_report_says_how_to_rule_out_what_nobody_has_asked_for() {
    let net = || {
        let (net, server, _) = hosts();
        net.never("the server starts anew", move |run| {
            run.events(server).windows(2).any(|two| two == [1, 1])
        });
        net
    };
    let said = Check::new(net()).verdict().unwrap().to_string();
    let hint = "\n  not claimed? net.rules_out([FaultKind::Crash]) leaves that out\n  replay: ";
    let other = hint.replace("Crash", "Poweroff");
    assert!(said.starts_with("FAILED ") && (said.contains(hint) || said.contains(&other)), "{said}");
    let ruled_out = net();
    ruled_out.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    Check::new(ruled_out).assert();
    let asked = Profile {
        hosts: HostChances { crash: Chance::percent(20), max: 1, ..HostChances::NONE },
        ..Profile::CALM
    };
    let said = Check::new(net()).profile(asked).verdict().unwrap().to_string();
    assert!(said.starts_with("FAILED ") && !said.contains("not claimed?"), "{said}");
}

#[test]
fn no_runs_test_nothing() {
    for check in [Check::new(once()), Check::new(once()).exhaustive(1)] {
        let verdict = check.runs(0).verdict().unwrap();
        assert!(verdict.is_vacuous() && !verdict.holds() && verdict.tally().runs == 0, "{verdict}");
        assert!(verdict.to_string().contains("  runs\n"), "{verdict}");
    }
    let said = panic_of(|| Check::new(once()).runs(0).assert());
    let expected =
        "VACUOUS vacuous::no_runs_test_nothing: 0 runs\n  nothing failed, but the runs lack\n  runs\n";
    assert_eq!(timeless(&said), expected);
}

/// One thing to test is enough.
#[test]
fn a_check_without_profile_commands_and_properties_tests_nothing() {
    let bare = || hosts().0;
    let said = Check::new(bare()).profile(Profile::CALM).runs(1).verdict().unwrap().to_string();
    let lacks = "nothing failed, but the runs lack\n  faults, commands and properties: give the check a profile or a \
                 plan, the net a property\n";
    assert!(said.starts_with("VACUOUS ") && said.ends_with(lacks), "{said}");
    let unsaid = Check::new(bare()).verdict().unwrap();
    assert!(unsaid.holds(), "where nothing is said everything is drawn");
    let commanded = bare();
    commanded.command(Instant::START, commanded.find::<crate::Client>("client"), ());
    let generated = bare();
    generated.generate(|_, _| {});
    let folded = bare();
    folded.fold("nothing", || 0);
    for check in [
        Check::new(commanded),
        Check::new(generated),
        Check::new(folded),
        Check::new(once()),
        Check::new(bare()).loss(0.1),
        Check::new(bare()).plan("client>server #0 drop".parse().unwrap()),
    ] {
        assert!(check.runs(1).verdict().unwrap().holds());
    }
    assert!(Check::new(bare()).exhaustive(1).verdict().unwrap().holds());
}

/// Tells of every tick, for ever.
struct Clock {
    ticks: u32,
    tick_at: Option<Instant>,
}

impl Machine for Clock {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, _: Input<'_, ()>, now: Instant, out: &mut Outbox<u32>) {
        out.event(self.ticks);
        self.ticks += 1;
        self.tick_at = Some(now + Duration::from_secs(1));
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

/// A clock for ten seconds: a start and ten ticks.
fn clock(max_inputs: u64) -> Net {
    let net = Net::new("clock");
    net.max_time(Duration::from_secs(10));
    net.max_inputs(max_inputs);
    let clock = net.host("clock").machine(|_| Clock { ticks: 0, tick_at: None });
    net.always("ticks come in order", move |run| run.events(clock).is_sorted());
    net
}

#[test]
fn runs_cut_off_by_max_inputs_are_told_and_vacuous() {
    // Eleven inputs reach the bound of eleven; one more leaves it to the time.
    let verdict = Check::new(clock(11)).profile(Profile::CALM).runs(3).verdict().unwrap();
    assert!(verdict.is_vacuous() && !verdict.holds());
    let expected = "VACUOUS vacuous::runs_cut_off_by_max_inputs_are_told_and_vacuous: 3 runs; 3 ended by max_inputs\n  \
                    nothing failed, but the runs lack\n  the end of 3 of 3 runs: they reached the net's max_inputs; \
                    raise it\n";
    assert_eq!(timeless(&verdict.to_string()), expected);
    let allowed = Check::new(clock(11)).profile(Profile::CALM).runs(3).allow_cut_off().assert();
    assert!(allowed.to_string().contains("; 3 ended by max_inputs\n"), "{allowed}");
    assert!(Check::new(clock(12)).profile(Profile::CALM).runs(3).verdict().unwrap().holds());
}

/// A system that never ends by itself is ended by time, as is meant.
#[test]
fn runs_cut_off_by_max_time_are_told_and_hold() {
    let verdict = Check::new(clock(1_000)).profile(Profile::CALM).runs(3).assert();
    let expected = "PASSED vacuous::runs_cut_off_by_max_time_are_told_and_hold: 3 runs; 3 ended by max_time";
    assert_eq!(timeless(&verdict.to_string()), expected);
    // Those that come to their own end are not told.
    let whole = Check::new(once()).profile(Profile::CALM).runs(3).assert().to_string();
    assert_eq!(timeless(&whole), "PASSED vacuous::runs_cut_off_by_max_time_are_told_and_hold: 3 runs");
}

/// Of all schedules those that a limit has left out are lacking.
#[test]
fn an_exhaustive_check_that_ends_by_a_limit_is_vacuous() {
    let (net, server, _) = hosts();
    net.sometimes("a request comes", move |run| run.events(server).len() == 1);
    let scenario = lossproof::Scenario::from(net);
    let check = || Check::new(scenario.clone()).exhaustive(1);
    let all = check().assert().tally().runs;
    assert!(check().runs(all).verdict().unwrap().holds());
    let said = check().runs(all - 1).verdict().unwrap().to_string();
    let lacks = format!("  the schedules beyond the first {0} runs: the limit is {0} runs\n", all - 1);
    assert!(said.starts_with("VACUOUS ") && said.ends_with(&lacks), "{said}");
}

/// Runs in which nothing fails can still say too little.
#[test]
fn what_no_run_has_shown_is_demanded() {
    let asked = || {
        let (net, server, _) = hosts();
        for times in [1, 2, 9] {
            let name = format!("{times} requests arrive");
            net.sometimes(name, move |run| run.events(server).len() == times);
        }
        net
    };
    let plan =
        || -> FaultPlan { "client>server #0 duplicate; client>server #30 drop".parse().expect("a plan") };
    let check = || Check::new(asked()).loss(0.3).plan(plan()).runs(100);
    // Unless it is demanded, nothing has to be seen.
    let verdict = check().assert();
    let tally = verdict.tally();
    assert_eq!(tally.never_seen().collect::<Vec<_>>(), ["9 requests arrive"]);
    assert_eq!(tally.sometimes.iter().map(|(_, runs)| *runs).collect::<Vec<_>>(), [100, 100, 0]);
    assert_eq!(tally.never_fired().map(ToString::to_string).collect::<Vec<_>>(), ["client>server #30 drop"]);
    let said = panic_of(|| check().demand_sometimes().demand_plan().assert());
    let expected = "VACUOUS vacuous::what_no_run_has_shown_is_demanded: 100 runs\n  nothing failed, but the runs lack\n  \
                    never fired of the plan: client>server #30 drop\n  never seen: 9 requests arrive\n";
    assert_eq!(timeless(&said), expected);
    check().demand_faults([FaultKind::Drop, FaultKind::Duplicate]).assert();
    let said =
        panic_of(|| check().demand_faults([FaultKind::Drop, FaultKind::Flip, FaultKind::Crash]).assert());
    assert!(said.ends_with("the runs lack\n  never fired: flip, crash\n"), "{said}");
    let few = check().demand_faults([FaultKind::Drop]).demand_plan().runs(1).profile(Profile::default());
    assert!(panic_of(|| few.assert()).contains(": 1 run ("));
}

/// Faults stop, and from then on all has to go well, in so much time and with so many inputs.
#[test]
fn what_has_to_converge_does_so_from_the_calm_on() {
    let ends = |millis| {
        let (net, _, client) = hosts();
        let within = Duration::from_millis(millis);
        net.converges_within("the client ends", within, 10, move |run| run.status(client).is_some());
        let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
        // It asks every 100 ms, so 50 ms after the calm.
        Check::new(net).profile(lost).runs(1).calm_at(Instant::from_millis(1_050))
    };
    ends(110).assert();
    let said = panic_of(|| ends(50).assert());
    let detail = ": the client ends\n  not converged: not within 0.05 s after the calm at 1.050\n";
    assert!(said.contains(detail) && said.contains("LOSSPROOF_REPLAY='v2; calm 1050ms; "), "{said}");
}
