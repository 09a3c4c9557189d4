//! Nets that somebody else has made: what is taken out of them, put into them, and made by hand.

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::machine::{Law, Outlet};
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Peer, Promises, Scenario};

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
fn what_is_forgiven_is_not_held_and_all_else_is() {
    let forgiving = |names: &[&str]| {
        let net = net();
        assert!(names.iter().all(|name| net.forgive(name)));
        broken(net)
    };
    assert!(["first", "second"].contains(&broken(net()).unwrap().as_str()));
    assert_eq!(forgiving(&["first"]).as_deref(), Some("second"));
    assert_eq!(forgiving(&["second"]).as_deref(), Some("first"));
    assert_eq!(forgiving(&["first", "second"]).as_deref(), Some("third"));
    assert_eq!(forgiving(&["third", "second", "first"]), None);
    let net = net();
    assert!(!net.forgive("fourth"));
    assert!(net.forgive("first") && !net.forgive("first"));
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

#[test]
fn what_plays_a_role_can_be_made_by_hand() {
    let local: Peer = "127.0.0.1:1".parse().unwrap();
    let sent = |net: &Net| {
        let mut machine = net.make(net.find::<Sender>("a"), Boot::alone(0));
        let mut out = Outlet::new();
        out.feed(&mut machine, Input::Start { local }, Instant::START);
        // And its event.
        out.effects().len() - 1
    };
    let net = net();
    assert_eq!(sent(&net), 1);
    net.wrap(net.find::<Sender>("a"), |_, right| Sender(right.0 + 2));
    assert_eq!(sent(&net), 3);
}
