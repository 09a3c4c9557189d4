//! Properties over state, and machines that stand for others.

use std::any::Any;
use std::time::Duration;

use lossproof::machine::BoxedMachine;
use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Scenario, Status};

/// Counts its commands, and is done at 0.
struct Counter {
    count: u32,
}

impl Machine for Counter {
    type Command = u32;
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, u32>, _: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Command(0) => out.done(Status::Success),
            Input::Command(n) => self.count += n,
            _ => {}
        }
    }
}

/// A counter that is commanded so at these milliseconds.
fn counter(commands: &[(u64, u32)]) -> (Net, Host<Counter>) {
    let net = Net::new("counter");
    let host = net.host("counter").machine(|_| Counter { count: 0 });
    for &(millis, n) in commands {
        net.command(Instant::from_millis(millis), host, n);
    }
    (net, host)
}

/// What is broken in the one run of a plan, and what was seen.
fn broken(net: Net, plan: &str) -> Option<(String, String)> {
    let verdict = Check::new(net).plan(plan.parse().unwrap()).runs(1).verdict().unwrap();
    verdict.failure().map(|failure| (failure.broken.clone(), failure.detail.clone()))
}

/// No event tells of what is inside: the property looks itself.
#[test]
fn a_property_looks_at_the_state_of_a_machine() {
    let (net, host) = counter(&[(10, 2), (20, 3)]);
    net.never("the count is five", move |run| run.state(host).is_some_and(|counter| counter.count == 5));
    assert_eq!(broken(net, ""), Some(("the count is five".to_owned(), "it happened at 0.020".to_owned())));
}

/// All machines are made before the first is started, so there is a state from the first input on.
#[test]
fn there_is_a_state_at_the_first_input() {
    let net = Net::new("counters");
    let hosts = ["a", "b", "c"].map(|name| net.host(name).machine(|_| Counter { count: 0 }));
    net.always("all are there", move |run| hosts.iter().all(|host| run.state(*host).is_some()));
    assert_eq!(broken(net, ""), None);
}

#[test]
fn there_is_no_state_while_a_host_is_down_and_a_new_one_after() {
    let (net, host) = counter(&[(10, 2), (1_500, 9), (2_500, 1)]);
    net.always("the count is gone with the machine", move |run| {
        let now = run.now();
        let is_down = now >= Instant::from_millis(1_000) && now < Instant::from_millis(2_000);
        let count = run.state(host).map(|counter| counter.count);
        let expected = match now.since_start().as_millis() {
            _ if is_down => None,
            ..10 | 2_000..2_500 => Some(0),
            10..1_000 => Some(2),
            _ => Some(1),
        };
        if count == expected { Ok(()) } else { Err(format!("{count:?} instead of {expected:?}")) }
    });
    net.sometimes("it is down", move |run| run.state(host).is_none());
    net.sometimes("it has begun anew", move |run| run.state(host).is_some_and(|counter| counter.count == 1));
    let plan = "at 1s crash counter; at 2s restart counter".parse().unwrap();
    Check::new(net).plan(plan).runs(1).demand_sometimes().assert();
}

#[test]
fn the_state_of_a_machine_that_is_done_is_kept() {
    let (net, host) = counter(&[(10, 2), (20, 0), (30, 7)]);
    net.eventually_within("it ends", Duration::from_secs(1), move |run| run.status(host).is_some());
    net.never("it forgets", move |run| {
        run.status(host).is_some() && run.state(host).map(|counter| counter.count) != Some(2)
    });
    assert_eq!(broken(net, ""), None);
}

/// Around a counter: it gives each command twice.
struct Doubling {
    inside: Counter,
    is_shown: bool,
}

impl Machine for Doubling {
    type Command = u32;
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, u32>, now: Instant, out: &mut Outbox<&'static str>) {
        if matches!(input, Input::Command(1..)) {
            out.event("doubled");
            self.inside.handle(input, now, out);
        }
        self.inside.handle(input, now, out);
    }

    fn shows(&self) -> Option<&dyn Any> {
        self.is_shown.then_some(&self.inside)
    }
}

/// A planted bug takes the place of a role; what is asked of the role stands as it was written.
#[test]
fn a_machine_that_replaces_another_shows_what_it_stands_for() {
    let (net, host) = counter(&[(10, 2)]);
    net.replace(host, |_| Doubling { inside: Counter { count: 0 }, is_shown: true });
    net.never("the count is four", move |run| run.state(host).is_some_and(|counter| counter.count == 4));
    assert_eq!(broken(net, "").map(|(what, _)| what), Some("the count is four".to_owned()));
}

/// Without that a property over its state would hold of nothing.
#[test]
fn a_machine_that_does_not_show_what_it_stands_for_is_told_so() {
    let (net, host) = counter(&[(10, 2)]);
    net.replace(host, |_| Doubling { inside: Counter { count: 0 }, is_shown: false });
    net.always("the count is small", move |run| run.state(host).is_none_or(|counter| counter.count < 9));
    let (what, detail) = broken(net, "").unwrap();
    assert_eq!(what, "the count is small");
    let said = "the property itself panicked: hosts::states::Doubling plays a role of hosts::states::Counter and does not \
                show one: implement Machine::shows";
    assert!(detail.starts_with(said), "{detail}");
}

#[test]
fn a_machine_is_put_around_the_one_that_plays_a_role() {
    let (net, host) = counter(&[(10, 2)]);
    net.wrap(host, |_, inside| Doubling { inside, is_shown: true });
    net.eventually_within("it counts twice", Duration::from_secs(1), move |run| {
        run.events(host) == ["doubled"] && run.state(host).is_some_and(|counter| counter.count == 4)
    });
    assert_eq!(broken(net, ""), None);
}

/// Which machine plays a role can be chosen for each life; the box is looked into.
#[test]
fn a_box_shows_what_is_in_it() {
    let (net, host) = counter(&[(10, 2), (2_500, 2)]);
    net.replace(host, |boot| -> BoxedMachine<_, _> {
        let inside = Counter { count: 0 };
        if boot.incarnation() == 0 { Box::new(inside) } else { Box::new(Doubling { inside, is_shown: true }) }
    });
    net.sometimes("two", move |run| run.state(host).is_some_and(|counter| counter.count == 2));
    net.sometimes("four", move |run| run.state(host).is_some_and(|counter| counter.count == 4));
    let plan = "at 1s crash counter; at 2s restart counter".parse().unwrap();
    Check::new(net).plan(plan).runs(1).demand_sometimes().assert();
}

#[test]
#[should_panic(expected = "counter has no hosts::states::Counter any more")]
fn what_was_replaced_is_not_there_to_be_wrapped() {
    let (net, host) = counter(&[]);
    net.replace(host, |_| Doubling { inside: Counter { count: 0 }, is_shown: true });
    net.wrap(host, |_, inside| Doubling { inside, is_shown: true });
}

/// `bool` says that something is wrong, a `Result` says what.
#[test]
fn an_answer_can_tell_what_was_seen() {
    let (net, host) = counter(&[(10, 2)]);
    net.always("the count is small", move |run| match run.state(host).map_or(0, |counter| counter.count) {
        0 | 1 => Ok(()),
        count => Err(format!("it is {count}")),
    });
    let seen = ("the count is small".to_owned(), "it is 2, at 0.010".to_owned());
    assert_eq!(broken(net, ""), Some(seen));
    let (net, host) = counter(&[(10, 2)]);
    net.always("the count is small", move |run| run.state(host).map_or(0, |counter| counter.count) < 2);
    assert_eq!(broken(net, "").unwrap().1, "it did not hold at 0.010");
}

/// The same net for two checks: handles are good for both.
#[test]
fn a_net_without_its_properties_has_the_same_hosts() {
    let (net, host) = counter(&[(10, 2)]);
    net.never("it counts", move |run| run.state(host).is_some_and(|counter| counter.count > 0));
    net.fold("nor does it so", || 0).on_state(host, |_, counter, _| counter.count == 0);
    let net = net.without_properties();
    net.sometimes("it counts", move |run| run.state(host).is_some_and(|counter| counter.count > 0));
    let scenario = Scenario::from(net);
    assert_eq!(scenario.properties().len(), 1);
    Check::new(scenario).runs(1).demand_sometimes().assert();
}
