//! States that differ only in what a property sees are not taken for one another.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Fates};
use lossproof::fault::DatagramFault;
use lossproof::scenario::Host;
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

/// How often the asker looks.
const LOOK: u64 = 12;

/// Asks, and asks again at its first look if it has no answer. At the second it forgets whether it had one, or it ends.
#[derive(Hash)]
struct Asker {
    server: Peer,
    is_answered: bool,
    looks: u64,
    /// How often it has asked, if it counts that.
    asked: Option<u32>,
    ends: bool,
}

impl Asker {
    fn ask(&mut self, out: &mut Outbox<()>) {
        out.send(self.server, b"?");
        self.asked = self.asked.map(|asked| asked + 1);
    }
}

impl Machine for Asker {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.ask(out),
            Input::Datagram { .. } => self.is_answered = true,
            Input::Timeout => {
                self.looks += 1;
                match self.looks {
                    1 if !self.is_answered => self.ask(out),
                    2 if self.ends => out.done(Status::Success),
                    2 => self.is_answered = false,
                    3 => self.ask(out),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        (self.looks < 3).then(|| Instant::from_millis(LOOK * (self.looks + 1)))
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.hash(&mut to);
        true
    }
}

/// Answers, and tells of the commands that it is given.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { .. } => out.reply(b"!"),
            Input::Command(()) => out.event(()),
            _ => {}
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

fn hosts(counts: bool, ends: bool) -> (Net, Host<Server>, Host<Asker>) {
    let net = Net::new("asker");
    let server = net.host("server").udp(1).machine(|_| Server);
    let asker = net.host("asker").udp(2).machine(move |boot| Asker {
        server: boot.peer(server),
        is_answered: false,
        looks: 0,
        asked: counts.then_some(0),
        ends,
    });
    (net, server, asker)
}

/// The first failure of all schedules with losses, and how many runs were broken off before.
fn first_failure(net: Net) -> Option<(String, u64)> {
    let losses = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
    // It goes by the clock, which the laws would mind.
    let explored = Exhaustive::new(&Scenario::from(net), losses, 2).without_laws().run(1_000, |_| ());
    explored.failure.map(|failure| (failure.plan.to_string(), explored.merged))
}

/// The machines are in one state at the second look, whether one question was lost or none. A fold has counted them.
#[test]
fn what_a_fold_has_seen_is_not_forgotten() {
    let count = |most: u32| {
        let (net, _, asker) = hosts(false, false);
        net.fold("so many questions", || 0_u32).on_send(asker, move |sent, _, _| {
            *sent += 1;
            *sent <= most
        });
        first_failure(net)
    };
    assert_eq!(count(2).map(|(plan, _)| plan), Some("v2; seed 0; asker>server #0 drop".to_owned()));
    assert_eq!(count(3), None);
}

/// A machine that is done does nothing more, but a property may still look at it.
#[test]
fn the_state_of_what_has_ended_is_not_forgotten() {
    let (net, server, asker) = hosts(true, true);
    for millis in [3 * LOOK, 4 * LOOK] {
        net.command(Instant::from_millis(millis), server, ());
    }
    net.never("it had asked twice, as it turns out later", move |run| {
        run.state(asker).and_then(|asker| asker.asked) == Some(2) && run.events(server).len() == 2
    });
    let failure = first_failure(net).map(|(plan, _)| plan);
    assert_eq!(failure, Some("v2; seed 0; asker>server #0 drop".to_owned()));
}

/// Without anything that looks, the same runs are broken off.
#[test]
fn states_that_nobody_tells_apart_are_one() {
    let (net, ..) = hosts(false, false);
    net.always("time goes on", |run| run.now() < Instant::START + Duration::from_secs(9));
    let losses = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
    let explored = Exhaustive::new(&Scenario::from(net), losses, 2).without_laws().run(1_000, |_| ());
    assert!(explored.holds() && explored.merged > 0, "{explored:?}");
}

/// Sends a datagram for each command, to the host of that number.
struct Sender([Peer; 2]);

impl Machine for Sender {
    type Command = usize;
    type Event = ();

    fn handle(&mut self, input: Input<'_, usize>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Command(&to) = input {
            out.send(self.0[to], b"go");
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Tells of each datagram, or of the second alone; only then it counts.
struct Teller {
    only_second: bool,
    count: u8,
}

impl Machine for Teller {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            self.count += u8::from(self.only_second);
            if !self.only_second || self.count == 2 {
                out.event(());
            }
        }
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.count.hash(&mut to);
        true
    }
}

/// In the run without a fault, and in all with one but the last, the events of `a` are not read. A run in which there is one
/// more of them has been broken off when it turns out that they are.
#[test]
fn what_is_read_only_after_a_fault_is_not_forgotten() {
    let net = Net::new("tellers");
    let teller = |only_second| move |_: Boot<'_>| Teller { only_second, count: 0 };
    let a = net.host("a").udp(1).machine(teller(false));
    let b = net.host("b").udp(1).machine(teller(true));
    let sender = net.host("sender").udp(1).machine(move |boot| Sender([boot.peer(a), boot.peer(b)]));
    for (millis, to) in [(0, 0), (10, 0), (30, 1)] {
        net.command(Instant::from_millis(millis), sender, to);
    }
    net.never("the second has told, and the first once too often", move |run| {
        !run.events(b).is_empty() && run.events(a).len() == 3
    });
    let fates = Fates { datagram: vec![DatagramFault::Duplicate], ..Fates::none() };
    let scenario = Scenario::from(net);
    let one = Exhaustive::new(&scenario, fates.clone(), 1).run(1_000, |_| ());
    assert!(one.holds(), "{one:?}");
    let failure = Exhaustive::new(&scenario, fates, 2).run(1_000, |_| ()).failure.expect("it is found");
    assert_eq!(failure.plan.to_string(), "v2; seed 0; sender>a #0 duplicate; sender>b #0 duplicate");
}

/// Says that it works: in its first life after a while, in later ones when it is told to go.
struct Worker {
    works_at: Option<Instant>,
    is_new: bool,
}

impl Machine for Worker {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } if self.is_new => self.works_at = Some(now + Duration::from_millis(90)),
            Input::Timeout => {
                self.works_at = None;
                out.event(());
            }
            Input::Datagram { .. } if !self.is_new => out.event(()),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.works_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.is_new, self.works_at.map(|at| at.since(now))).hash(&mut to);
        true
    }
}

/// The time that a demand leaves is counted from the last start: of two hosts in one state, one may have more of it left.
#[test]
fn when_a_host_has_started_is_not_forgotten() {
    let net = Net::new("workers");
    let worker =
        net.host("worker").udp(1).machine(|boot| Worker { works_at: None, is_new: boot.incarnation() == 0 });
    let sender = net.host("sender").udp(1).machine(move |boot| Sender([boot.peer(worker); 2]));
    for millis in [0, 50, 107] {
        net.command(Instant::from_millis(millis), sender, 0);
    }
    net.eventually_within("it works", Duration::from_millis(100), move |run| !run.events(worker).is_empty());
    let scenario = Scenario::from(net);
    let fates = Fates::parse("drop; crash for 20ms; crash for 5ms", &scenario.names()).unwrap();
    let one = Exhaustive::new(&scenario, fates.clone(), 1).run(1_000, |_| ());
    assert!(one.holds(), "{one:?}");
    let search = Exhaustive::new(&scenario, fates, 2);
    let failure = search.run(1_000, |_| ()).failure.expect("what is told to go too late");
    assert!(failure.plan.to_string().contains("crash worker after recv #0 for 5ms"), "{}", failure.plan);
    let whole = search.without_merging().run(1_000, |_| ()).failure;
    assert_eq!(whole.map(|failure| failure.plan), Some(failure.plan));
}
