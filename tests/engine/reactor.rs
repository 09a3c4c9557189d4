//! A machine made of one function.

use lossproof::engine::{Engine, Outcome, Prepared, Settings};
use lossproof::scenario::{Host, Place};
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Promises, Scenario};

/// What the function gets and returns: the state, which is the next deadline.
pub(crate) type React = fn(Option<Instant>, Input<'_, u64>, Instant, &mut Outbox<String>) -> Option<Instant>;

/// Tells first what it was told to, and then reacts.
pub(crate) struct Reactor {
    told_first: Option<String>,
    deadline: Option<Instant>,
    react: React,
}

impl Machine for Reactor {
    type Command = u64;
    type Event = String;

    fn handle(&mut self, input: Input<'_, u64>, now: Instant, out: &mut Outbox<String>) {
        self.told_first.take().into_iter().for_each(|text| out.event(text));
        self.deadline = (self.react)(self.deadline, input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Adds a host that reacts, with a datagram socket on port 1.
pub(crate) fn add(net: &Net, name: &str, react: React) -> Host<Reactor> {
    reacting(net.host(name).udp(1), react)
}

/// Has a host with other sockets react.
pub(crate) fn reacting(place: Place<'_>, react: React) -> Host<Reactor> {
    let promises = Promises::DEFAULT.max_messages(10_000);
    place.promises(promises).machine(move |_| Reactor { told_first: None, deadline: None, react })
}

/// Adds a host that tells of its boot before it reacts.
pub(crate) fn add_booting(
    net: &Net,
    name: &str,
    react: React,
    tell: fn(Boot<'_>) -> String,
) -> Host<Reactor> {
    let make = move |boot: Boot<'_>| Reactor { told_first: Some(tell(boot)), deadline: None, react };
    net.host(name).udp(1).machine(make)
}

/// The events of the last run of an engine, with their moments; at equal moments those of the first host first.
pub(crate) fn told(engine: &Engine<'_>) -> Vec<String> {
    let transcript = engine.transcript().to_string();
    let events = transcript.lines().filter_map(|line| {
        let (begin, event) = line.split_once("  event ")?;
        let at = begin.split_once(' ').map_or(begin, |(at, _)| at);
        Some(format!("{at} {}", event.trim_matches('"')))
    });
    events.collect()
}

/// A run under a plan: how it went, the events with their moments, the plan's faults that never fired, the
/// transcript.
pub(crate) fn run(scenario: &Scenario, plan: &str) -> (Outcome, Vec<String>, Vec<String>, String) {
    let names = scenario.names();
    let plan = Prepared::new(&plan.parse().unwrap(), scenario).unwrap();
    let mut engine = Engine::new(scenario);
    let outcome = engine.run(&Settings { plan, ..Settings::default() });
    assert_eq!(engine.violation(), None);
    let unfired = engine.unfired().map(|fault| fault.named(&names).to_string());
    (outcome, told(&engine), unfired.collect(), engine.transcript().to_string())
}
