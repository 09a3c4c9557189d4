//! States that differ only in what a property sees are not taken for one another.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Fates};
use lossproof::fault::DatagramFault;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

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
