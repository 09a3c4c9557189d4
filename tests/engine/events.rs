//! Hosts that go down at events of their own, timers that come first, dials that fail, and clocks that err.

use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Chance, FaultKind, HostChances, Profile};
use lossproof::{Boot, Input, Instant, Net, Scenario};

use crate::reactor::{React, add, add_booting, reacting, run};

/// Sends three datagrams at its start, and one each time it is answered.
fn asks(net: &Net) {
    net.host("client").udp(2).promises(lossproof::Promises::DEFAULT).machine(|_| Asker { left: 3 });
}

/// Asks the server so often, once every 10 ms.
struct Asker {
    left: u32,
}

impl lossproof::Machine for Asker {
    type Command = u64;
    type Event = String;

    fn handle(&mut self, input: Input<'_, u64>, _: Instant, out: &mut lossproof::Outbox<String>) {
        if let Input::Start { .. } = input {
            let server = "192.168.0.1:1".parse().unwrap();
            for n in 0..self.left {
                out.send(server, &[b'0' + n as u8]);
            }
        }
    }
}

/// Saves what it is asked, tells it, and answers.
const KEEPS: React = |_, input, _, out| {
    if let Input::Datagram { bytes, .. } = input {
        out.save(bytes);
        out.event(format!("told {}", bytes[0] as char));
        out.reply(bytes);
    }
    None
};

/// What the server tells, booting with its disk, under a plan; and the plan's faults that never fired.
fn kept(plan: &str) -> (Vec<String>, Vec<String>, String) {
    let net = Net::new("events");
    let tell = |boot: Boot<'_>| format!("boot with {}", String::from_utf8_lossy(boot.disk()));
    add_booting(&net, "server", KEEPS, tell);
    asks(&net);
    let (_, events, unfired, transcript) = run(&Scenario::from(net), plan);
    (events, unfired, transcript)
}

#[test]
fn a_host_goes_down_between_two_effects_of_one_input() {
    let first = "0.000 boot with ";
    for (plan, told, disk) in [
        // Each answer is a send, each datagram a receipt.
        ("crash server after recv #0 for 1s", vec!["0.005 told 0"], "0"),
        ("crash server before send #1 for 1s", vec!["0.005 told 0", "0.005 told 1"], "1"),
        ("crash server after send #0 for 1s", vec!["0.005 told 0"], "0"),
        ("crash server after effect 1 of recv #1 for 1s", vec!["0.005 told 0"], "1"),
        ("crash server after effect 2 of recv #1 for 1s", vec!["0.005 told 0", "0.005 told 1"], "1"),
    ] {
        let (events, unfired, transcript) = kept(plan);
        let last = format!("1.005 boot with {disk}");
        let expected: Vec<&str> = [first].into_iter().chain(told).chain([last.as_str()]).collect();
        assert_eq!((events, unfired), (expected.iter().map(ToString::to_string).collect(), vec![]), "{plan}");
        let line = format!("0.005  -       fault {plan}");
        assert!(transcript.lines().any(|other| other == line), "{transcript}");
        assert!(transcript.contains("1.005  -       fault restart server"), "{transcript}");
    }
}

#[test]
fn what_a_host_has_not_done_before_it_goes_down_is_not_done() {
    let sent = |plan: &str| kept(plan).2.matches("server  send").count();
    assert_eq!(sent(""), 3);
    // The other two datagrams come while it is down.
    assert_eq!(sent("crash server before send #0"), 0);
    assert_eq!(sent("crash server after send #0"), 1);
    assert_eq!(sent("crash server after effect 2 of recv #0"), 0);
    assert_eq!(sent("crash server after effect 3 of recv #0"), 1);
}

#[test]
fn an_event_that_never_comes_does_nothing() {
    for plan in [
        "crash server after recv #3",
        "crash server before send #3",
        "crash server after send #3",
        "crash server after effect 4 of recv #0",
        "crash server after effect 1 of recv #3",
        "calm 4ms; crash server after recv #0",
    ] {
        let (events, unfired, _) = kept(plan);
        assert_eq!((events.len(), unfired.len()), (4, 1), "{plan}");
    }
    // Events are counted through lives.
    let (events, unfired, _) = kept(
        "client>server #1 delay 9ms; crash server after recv #0 for 1ms; crash server after recv #1 for 1ms",
    );
    let told: Vec<&str> = events.iter().map(String::as_str).collect();
    assert_eq!(told[1..], ["0.005 told 0", "0.006 boot with 0", "0.014 told 1", "0.015 boot with 1"]);
    assert_eq!(unfired, Vec::<String>::new());
}

#[test]
fn what_is_down_comes_back_once_and_at_the_calm_at_the_latest() {
    let boots = |plan: &str| -> Vec<String> {
        let events = kept(plan).0.into_iter();
        events.filter(|event| event.contains("boot")).map(|event| event[..5].to_owned()).collect()
    };
    assert_eq!(boots("crash server after recv #0"), ["0.000"]);
    assert_eq!(boots("calm 50ms; crash server after recv #0 for 1s"), ["0.000", "0.050"]);
    assert_eq!(boots("crash server after recv #0 for 1s; at 20ms restart server"), ["0.000", "0.020"]);
    assert_eq!(boots("poweroff server after recv #0 for 20ms"), ["0.000", "0.025"]);
}

/// Tells what comes when, with a timer at 5 ms.
const RACES: React = |_, input, now, out| match input {
    Input::Start { .. } => Some(now + Duration::from_millis(5)),
    Input::Timeout => {
        out.event("timer".to_owned());
        None
    }
    Input::Datagram { .. } => {
        out.event("datagram".to_owned());
        None
    }
    _ => None,
};

#[test]
fn a_timer_comes_first_where_a_fact_says_so() {
    let net = Net::new("ties");
    add(&net, "server", |deadline, input, now, out| {
        let set_at = RACES(deadline, input, now, out);
        set_at.or(deadline.filter(|_| !matches!(input, Input::Timeout)))
    });
    asks(&net);
    let scenario = Scenario::from(net);
    let told = |plan: &str| {
        let (_, events, unfired, _) = run(&scenario, plan);
        let words: Vec<String> = events.iter().map(|event| event[6..].to_owned()).collect();
        (words.join(" "), unfired.len())
    };
    assert_eq!(told(""), ("datagram datagram datagram timer".to_owned(), 0));
    assert_eq!(told("at 5ms timer-first server"), ("timer datagram datagram datagram".to_owned(), 0));
    assert_eq!(told("at 4ms timer-first server").1, 1, "nothing is due then");
    assert_eq!(told("link 6ms; at 5ms timer-first server").1, 1, "the timer is alone");
    assert_eq!(told("calm 5ms; at 5ms timer-first server").1, 1);
    // It is drawn, and recorded as that fact.
    let hosts = HostChances { timer_first: Chance::ALWAYS, ..HostChances::NONE };
    let settings = Settings { profile: Profile { hosts, ..Profile::CALM }, ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&settings);
    assert_eq!(outcome.fired[FaultKind::TimerFirst as usize], 1);
    assert_eq!(engine.plan(&settings).to_string(), "v2; seed 0; at 5ms timer-first server");
}

#[test]
fn a_clock_stands_still_or_drifts() {
    let net = Net::new("clocks");
    add(&net, "a", |_, input, now, out| {
        if matches!(input, Input::Start { .. }) {
            return Some(now + Duration::from_secs(10));
        }
        out.event("rings".to_owned());
        None
    });
    let scenario = Scenario::from(net);
    let ring = |plan| run(&scenario, plan).1.join(", ");
    assert_eq!(ring("at 1s skew a -3s"), "13.000 rings");
    assert_eq!(ring("at 1s skew a -3s; at 2s skew a -3s"), "16.000 rings");
    assert_eq!(ring("at 1s drift a x1.5"), "7.000 rings");
    assert_eq!(ring("at 1s drift a x0.5"), "19.000 rings");
    assert_eq!(ring("at 1s drift a x0.9; at 6s drift a x1"), "10.500 rings");
}

#[test]
fn a_host_is_isolated_and_groups_are_kept_apart() {
    let net = Net::new("groups");
    add(&net, "server", KEEPS);
    asks(&net);
    add(&net, "c", |_, _, _, _| None);
    let scenario = Scenario::from(net);
    let events = |plan: &str| run(&scenario, plan).1.len();
    assert_eq!((events(""), events("at 0s isolate c"), events("at 0s isolate server")), (3, 3, 0));
    assert_eq!(
        (events("at 0s isolate client; at 0s heal"), events("at 0s partition c,client|server")),
        (3, 0)
    );
    let plan: lossproof::fault::FaultPlan = "at 0s partition a,b|c,d".parse().unwrap();
    assert_eq!(plan.len(), 4);
}

/// Dials the server twice, one after the other, and tells what becomes of it.
const DIALS: React = |_, input, _, out| {
    match input {
        Input::Start { .. } => {
            out.connect("192.168.0.1:9".parse().unwrap());
            out.connect("192.168.0.1:9".parse().unwrap());
        }
        Input::ConnectFailed { reason, .. } => out.event(format!("{reason:?}")),
        Input::Connected { .. } => out.event("Connected".to_owned()),
        _ => {}
    }
    None
};

#[test]
fn a_dial_is_refused_or_not_answered() {
    let net = Net::new("dials");
    reacting(net.host("server").listen(9), |_, _, _, _| None);
    reacting(net.host("client").udp(1), DIALS);
    let scenario = Scenario::from(net);
    let told = |plan: &str| {
        let (_, events, unfired, transcript) = run(&scenario, plan);
        assert_eq!(unfired, Vec::<String>::new(), "{transcript}");
        events
    };
    assert_eq!(told("client>server refuse"), ["0.010 Refused", "0.010 Connected"]);
    assert_eq!(told("client>server/1 silence"), ["0.010 Connected", "30.000 TimedOut"]);
    assert_eq!(told("client>server/* refuse"), ["0.010 Refused", "0.010 Refused"]);
    assert_eq!(told("client>server/* refuse; client>server silence").len(), 2);
    let (_, _, unfired, _) = run(&scenario, "server>client refuse");
    assert_eq!(unfired.len(), 1, "it does not dial");
}

/// Everything that is drawn for hosts makes, as a plan, the same run again.
#[test]
fn what_is_drawn_of_hosts_makes_the_same_run_again() {
    let net = Net::new("drawn");
    let tell = |boot: Boot<'_>| format!("boot {}", boot.incarnation());
    let babbles: React = |deadline, input, now, out| match input {
        Input::Start { .. } => Some(now + Duration::from_millis(7)),
        Input::Timeout => {
            out.save(b"x");
            for peer in ["192.168.0.1:1", "192.168.0.2:1", "192.168.0.3:1"] {
                out.send(peer.parse().unwrap(), b"hello");
            }
            out.event("tick".to_owned());
            (now < Instant::from_millis(500)).then(|| now + Duration::from_millis(7))
        }
        Input::Datagram { peer, .. } => {
            out.event(format!("from {peer}"));
            deadline
        }
        _ => deadline,
    };
    for name in ["a", "b", "c"] {
        add_booting(&net, name, babbles, tell);
    }
    let scenario = Scenario::from(net);
    let often = Chance::percent(2);
    let hosts = HostChances {
        crash: often,
        poweroff: often,
        partition: often,
        skew: often,
        drift: often,
        stop: often,
        timer_first: Chance::percent(30),
        longest: Duration::from_millis(100),
        max: 4,
        ..HostChances::NONE
    };
    let profile = Profile { loss: Chance::percent(10), hosts, ..Profile::CALM };
    let mut fired = [0; FaultKind::ALL.len()];
    for seed in 0..300 {
        let mut engine = Engine::new(&scenario);
        // It stops by the clock, which a twin would do elsewhere.
        let drawn = Settings { seed, profile, laws: None, ..Settings::default() };
        let first = engine.run(&drawn);
        let (plan, text) = (engine.plan(&drawn), engine.transcript().to_string());
        let outcome = engine.run(&Settings {
            plan: lossproof::engine::Prepared::new(&plan.to_string().parse().unwrap(), &scenario).unwrap(),
            laws: None,
            ..Settings::default()
        });
        assert_eq!(
            (first.at, first.inputs, first.packets),
            (outcome.at, outcome.inputs, outcome.packets),
            "{plan}"
        );
        // A partition that stopped nothing is told where it was drawn, and is no fact of the run.
        let without = |text: &str| -> Vec<String> {
            let lines =
                text.lines().filter(|line| !line.contains("fault partition") && !line.contains("fault heal"));
            lines.filter(|line| !line.contains("fault isolate")).map(str::to_owned).collect()
        };
        let (before, after) = (without(&text), without(&engine.transcript().to_string()));
        assert_eq!(before.iter().zip(&after).find(|(before, after)| before != after), None, "{plan}");
        for (sum, times) in fired.iter_mut().zip(first.fired) {
            *sum += times;
        }
        let lasting: u64 = [FaultKind::Crash, FaultKind::Poweroff, FaultKind::Heal, FaultKind::Stop]
            .iter()
            .map(|kind| first.fired[*kind as usize])
            .sum();
        assert!(lasting <= 4, "{plan}");
    }
    for kind in [
        FaultKind::Crash,
        FaultKind::Poweroff,
        FaultKind::Partition,
        FaultKind::Heal,
        FaultKind::Skew,
        FaultKind::Drift,
        FaultKind::Stop,
        FaultKind::TimerFirst,
    ] {
        assert!(fired[kind as usize] > 10, "{kind}: {fired:?}");
    }
}
