//! Hosts before they have a machine, and whose they are.

use std::time::Duration;

use lossproof::{Check, HostId, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Asks the other for its turn as long as it has none.
struct Player {
    other: Peer,
    begins: bool,
}

impl Machine for Player {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Start { .. } if self.begins => out.send(self.other, &[0]),
            Input::Datagram { peer, bytes, .. } if peer == self.other && bytes[0] < 10 => {
                out.event(bytes[0]);
                out.send(self.other, &[bytes[0] + 1]);
            }
            _ => {}
        }
    }
}

/// Neither can be made before the other: each is named before it has a machine.
#[test]
fn two_hosts_know_each_other() {
    let net = Net::new("ping-pong");
    let (a, b) = (net.host("a").udp(1), net.host("b").udp(2));
    let (at_a, at_b) = (a.id(), b.id());
    let a = a.machine(move |boot| Player { other: boot.peer(at_b), begins: true });
    let b = b.machine(move |boot| Player { other: boot.peer(at_a), begins: false });
    assert_eq!(
        (HostId::from(a), a.peer().to_string(), b.peer().to_string()),
        (at_a, "192.168.0.1:1".to_owned(), "192.168.0.2:2".to_owned())
    );
    net.eventually_within("they come to ten", Duration::from_secs(1), move |run| {
        run.events(b) == [0, 2, 4, 6, 8] && run.events(a) == [1, 3, 5, 7, 9]
    });
    Check::new(net).runs(1).assert();
}

fn one_host() -> (Net, lossproof::scenario::Host<Player>) {
    let net = Net::new("one");
    let host = net.host("host").udp(1).machine(|boot| Player { other: boot.peer(one()), begins: false });
    (net, host)
}

/// The first host of any net.
fn one() -> HostId {
    Net::new("any").host("host").id()
}

/// Both nets have a host of this index and type; a handle would name the wrong one without a word.
#[test]
fn a_handle_of_another_net_is_refused_wherever_it_is_used() {
    let refused = |name: &str, act: &dyn Fn(&Net, lossproof::scenario::Host<Player>)| {
        let ((net, _), (_, stranger)) = (one_host(), one_host());
        let act = std::panic::AssertUnwindSafe(|| act(&net, stranger));
        let panic = std::panic::catch_unwind(act).expect_err(name);
        let said = panic.downcast_ref::<&str>().copied().unwrap_or_default();
        assert!(
            said.ends_with("of a host of another net") || said.ends_with("for a host of another net"),
            "{name}: {said}"
        );
    };
    refused("command", &|net, host| net.command(Instant::START, host, ()));
    refused("fold", &|net, host| _ = net.fold("fold", || 0).on(host, |_, _, _| true));
    refused("show", &|net, host| net.show(host, |_, _| Ok(())));
    refused("replace", &|net, host| {
        net.replace(host, |boot| Player { other: boot.peer(one()), begins: true });
    });
    refused("wrap", &|net, host| net.wrap(host, |_, player| player));
    // A closure is only asked in a run; that it panics is the property's fault.
    let told = |property: fn(&lossproof::Run<'_>, lossproof::scenario::Host<Player>) -> bool| {
        let ((net, _), (_, stranger)) = (one_host(), one_host());
        net.always("about a stranger", move |run| property(run, stranger));
        Check::new(net).runs(1).verdict().unwrap().failure().unwrap().detail.clone()
    };
    for property in [
        |run: &lossproof::Run<'_>, host| run.events(host).is_empty(),
        |run: &lossproof::Run<'_>, host| run.new_events(host).is_empty(),
        |run: &lossproof::Run<'_>, host| run.times(host).is_empty(),
        |run: &lossproof::Run<'_>, host| run.state(host).is_some(),
        |run: &lossproof::Run<'_>, host| run.status(host).is_none(),
    ] {
        let detail = told(property);
        assert!(
            detail.starts_with("the property itself panicked: this handle is of a host of another net"),
            "{detail}"
        );
    }
}

#[test]
fn a_host_is_found_by_name_and_role() {
    let (net, host) = one_host();
    assert_eq!(net.find::<Player>("host").id(), host.id());
}

struct Other;

impl Machine for Other {
    type Command = ();
    type Event = u8;
    fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<u8>) {}
}

#[test]
#[should_panic(expected = "host is a hosts::places::Player, not a hosts::places::Other")]
fn a_host_of_another_role_is_not_found() {
    one_host().0.find::<Other>("host");
}

#[test]
#[should_panic(expected = "no host is called hots")]
fn a_host_that_is_not_there_is_not_found() {
    one_host().0.find::<Player>("hots");
}

#[test]
#[should_panic(expected = "host 'b' has no machine: call `machine`")]
fn a_host_without_a_machine_is_named() {
    let (net, _) = one_host();
    let _ = net.host("b").udp(2);
    let _ = Scenario::from(net);
}
