//! A machine made of one function.

use lossproof::engine::{Engine, Outcome, Prepared, Settings};
use lossproof::machine::Boot;
use lossproof::{Binding, HostId, Input, Instant, Machine, Outbox, Promises, Scenario};

/// What the function gets and returns: the state, which is the next deadline.
pub(crate) type React = fn(Option<Instant>, Input<'_, u64>, Instant, &mut Outbox<String>) -> Option<Instant>;

struct Reactor {
    deadline: Option<Instant>,
    react: React,
}

impl Machine for Reactor {
    type Command = u64;
    type Event = String;

    fn handle(&mut self, input: Input<'_, u64>, now: Instant, out: &mut Outbox<String>) {
        // A timeout that is not due is nothing to react to.
        if matches!(input, Input::Timeout) && self.deadline.is_none_or(|due_at| due_at > now) {
            return;
        }
        self.deadline = (self.react)(self.deadline, input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

pub(crate) fn datagram(port: u16) -> Binding {
    Binding::Datagram { port, connect: None }
}

/// Adds a host that reacts.
pub(crate) fn add(
    scenario: &mut Scenario<u64, String>,
    name: &str,
    binding: Binding,
    react: React,
) -> HostId {
    let promises = Promises { max_messages: 1_000, ..Promises::default() };
    scenario.host_promising(name, binding, promises, move |_| Box::new(Reactor { deadline: None, react }))
}

/// Adds a host that tells of its boot before it reacts.
pub(crate) fn add_booting(
    scenario: &mut Scenario<u64, String>,
    name: &str,
    react: React,
    tell: fn(Boot<'_>) -> String,
) {
    struct Booting(Option<String>, Reactor);
    impl Machine for Booting {
        type Command = u64;
        type Event = String;

        fn handle(&mut self, input: Input<'_, u64>, now: Instant, out: &mut Outbox<String>) {
            if let Some(boot) = self.0.take() {
                out.event(boot);
            }
            self.1.handle(input, now, out);
        }

        fn deadline(&self) -> Option<Instant> {
            self.1.deadline()
        }
    }
    scenario.host(name, datagram(1), move |boot| {
        Box::new(Booting(Some(tell(boot)), Reactor { deadline: None, react }))
    });
}

/// A run under a plan: how it went, the events with their moments, the plan's faults that never fired, the
/// transcript.
pub(crate) fn run(
    scenario: &Scenario<u64, String>,
    plan: &str,
) -> (Outcome, Vec<String>, Vec<String>, String) {
    let names = scenario.names();
    let plan = Prepared::new(&plan.parse().unwrap(), &names).unwrap();
    let mut engine = Engine::default();
    let outcome = engine.run(scenario, &Settings { plan, ..Settings::default() });
    assert_eq!(engine.violation(), None);
    let events = engine.events().iter().map(|happened| format!("{} {}", happened.at, happened.event));
    let unfired = engine.unfired().map(|fault| fault.named(&names).to_string());
    let transcript = engine.transcript(scenario, &names).to_string();
    (outcome, events.collect(), unfired.collect(), transcript)
}
