//! Nets that somebody else has made: what is taken out of them, put into them.

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::machine::Law;
use lossproof::{Input, Instant, Machine, Net, Outbox, Promises, Scenario};

/// Sends so many datagrams at its start, and tells how many it was to send.
struct Sender(usize);

impl Machine for Sender {
    type Command = ();
    type Event = usize;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<usize>) {
        if let Input::Start { local } = input {
            (0..self.0).for_each(|_| out.send(local, b"x"));
            out.event(self.0);
        }
    }
}

/// A host that sends once, of which three things are held that are not true.
fn net() -> Net {
    let net = Net::new("sender");
    let host = net.host("a").udp(1).promises(Promises::DEFAULT.max_messages(1)).machine(|_| Sender(1));
    net.fold("first", || ()).on(host, |(), _, _| false);
    net.fold("second", || ()).on(host, |(), _, _| true).on_send(host, |(), _, _| false);
    net.always("third", move |run| run.events(host).is_empty());
    net
}

/// What the first run breaks.
fn broken(net: Net) -> Option<String> {
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 0);
    search.runs(0..1).failure.map(|failure| failure.broken)
}

#[test]
fn what_is_taken_out_is_not_judged_and_all_else_is() {
    let without = |names: &[&str]| broken(names.iter().fold(net(), |net, name| net.without_property(name)));
    assert!(["first", "second"].contains(&broken(net()).unwrap().as_str()));
    assert_eq!(without(&["first"]).as_deref(), Some("second"));
    assert_eq!(without(&["second"]).as_deref(), Some("first"));
    assert_eq!(without(&["first", "second"]).as_deref(), Some("third"));
    assert_eq!(without(&["third", "second", "first"]), None);
    assert!(net().has_property("first") && !net().has_property("fourth"));
    assert!(!net().without_property("first").has_property("first"));
}

#[test]
fn another_machine_may_promise_something_else() {
    let sending = |count, promised: Option<usize>| {
        let net = net().without_properties();
        let host = net.find::<Sender>("a");
        net.replace(host, move |_| Sender(count));
        if let Some(most) = promised {
            net.promises(host, Promises::DEFAULT.max_messages(most));
        }
        broken(net)
    };
    let law = Some(Law::BoundedOutput.to_string());
    assert_eq!((sending(1, None), sending(2, None)), (None, law.clone()));
    assert_eq!((sending(2, Some(2)), sending(3, Some(2))), (None, law));
}
