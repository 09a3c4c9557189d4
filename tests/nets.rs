//! What a net is told of hosts that somebody else has made.

use lossproof::engine::{Engine, Settings};
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Promises, Scenario};

/// Counts its own start as one, and sends so many datagrams to itself.
struct Counter(usize);

impl Machine for Counter {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u32>) {
        if let Input::Start { local } = input {
            out.event(1);
            (0..self.0).for_each(|_| out.send(local, b"x"));
        }
    }
}

/// A net with a property of each kind, none of which holds.
fn net() -> (Net, Host<Counter>) {
    let net = Net::new("counters");
    let host = net.host("counter").udp(7).machine(|_| Counter(0));
    net.always("the list is empty", move |run| run.events(host).is_empty());
    net.fold("the first", || ()).on(host, |(), _, _| false);
    net.fold("the second", || 0).on(host, |sum, event, _| {
        *sum += event;
        *sum == 0
    });
    net.fold("the last", || ()).on(host, |(), event, _| *event == 0);
    (net, host)
}

/// The name of what is broken.
fn broken(net: Net) -> Option<String> {
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    engine.broken().map(|(name, _)| name.to_owned())
}

#[test]
fn the_others_hold_on_when_a_property_is_left_out() {
    let mut left_out = Vec::new();
    loop {
        let net = left_out.iter().fold(net().0, |net, name: &String| {
            assert!(net.has_property(name));
            let net = net.without_property(name);
            assert!(!net.has_property(name));
            net
        });
        let Some(name) = broken(net) else { break };
        left_out.push(name);
    }
    assert_eq!(left_out, ["the first", "the second", "the last", "the list is empty"]);
}

#[test]
#[should_panic = "no property is called \"the third\""]
fn a_property_that_is_not_there_cannot_be_left_out() {
    let _ = net().0.without_property("the third");
}

#[test]
#[should_panic = "two properties are called \"the first\""]
fn a_fold_has_a_name_of_its_own() {
    net().0.fold("the first", || ());
}

#[test]
fn who_plays_a_role_instead_may_promise_something_else() {
    let other = |max_messages| {
        let (net, host) = net();
        let net = net.without_properties();
        net.replace(host, |_| Counter(2));
        net.promises(host, Promises::DEFAULT.max_messages(max_messages));
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings::default());
        engine.violation().is_some()
    };
    assert_eq!((other(1), other(2)), (true, false));
}
