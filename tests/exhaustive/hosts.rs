//! Hosts that go down in the middle of an input, and timers that come first, as fates.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{DownFate, Exhaustive, Explored, Fates};
use lossproof::fault::DatagramFault;
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Counts what it is asked, keeps the count, and answers with it.
struct Keeper {
    count: u8,
    /// It answers before it has kept what it answers.
    is_hasty: bool,
}

impl Keeper {
    fn new(boot: Boot<'_>, is_hasty: bool) -> Self {
        Self { count: boot.disk().first().copied().unwrap_or(0), is_hasty }
    }
}

impl Machine for Keeper {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
        if let Input::Datagram { .. } = input {
            self.count += 1;
            if self.is_hasty {
                out.reply(&[self.count]);
                out.save(&[self.count]);
            } else {
                out.save(&[self.count]);
                out.reply(&[self.count]);
            }
        }
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.count.hash(&mut to);
        true
    }
}

/// Asks every 100 ms until it has so many answers.
struct Asker {
    server: Peer,
    left: u8,
    ask_at: Option<Instant>,
}

impl Machine for Asker {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Datagram { bytes, .. } => {
                out.event(bytes[0]);
                self.left = self.left.saturating_sub(1);
            }
            Input::Start { .. } | Input::Timeout => {
                out.send(self.server, b"?");
                self.ask_at = Some(now + Duration::from_millis(100));
            }
            _ => {}
        }
        self.ask_at = self.ask_at.filter(|_| self.left > 0);
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.left, self.ask_at.map(|at| at.since(now))).hash(&mut to);
        true
    }
}

fn counters(is_hasty: bool) -> Scenario {
    let net = Net::new("counters");
    let server = net.host("server").udp(1).machine(move |boot| Keeper::new(boot, is_hasty));
    let client = net.host("client").udp(2).machine(move |boot| Asker {
        server: boot.peer(server),
        left: 2,
        ask_at: None,
    });
    net.always("no count is given twice", move |run| {
        run.events(client).windows(2).all(|pair| pair[0] < pair[1])
    });
    Scenario::from(net)
}

fn crashes() -> Fates {
    Fates {
        down: vec![DownFate { silent: false, back_after: Some(Duration::from_millis(30)) }],
        ..Fates::none()
    }
}

fn explore(scenario: &Scenario, fates: Fates, max_faults: usize) -> Explored {
    let explored = Exhaustive::new(scenario, fates.clone(), max_faults).run(u64::MAX, |_| ());
    let whole = Exhaustive::new(scenario, fates, max_faults).without_merging().run(u64::MAX, |_| ());
    assert_eq!(
        explored.failure.as_ref().map(|failure| &failure.broken),
        whole.failure.as_ref().map(|failure| &failure.broken)
    );
    if explored.holds() {
        assert_eq!(
            explored.runs + explored.saved,
            whole.runs,
            "each schedule is made, or left out and counted"
        );
    }
    explored
}

#[test]
fn who_answers_before_it_has_saved_is_found_by_one_crash() {
    let explored = explore(&counters(true), crashes(), 1);
    let failure = explored.failure.expect("it is hasty");
    let plan = failure.plan.to_string();
    assert!(plan.ends_with("crash server after effect 1 of recv #0 for 30ms"), "{plan}");
}

#[test]
fn who_saves_first_holds_in_every_schedule() {
    let explored = explore(&counters(false), crashes(), 2);
    assert!(explored.holds(), "{:?}", explored.failure);
    // Without a fault: of the client's two starts of a send two events each, of the receipts of the server two, of those of
    // the client one.
    assert_eq!(explored.by_faults[..2], [1, 10]);
    let losses = vec![DatagramFault::Drop];
    assert!(explore(&counters(false), Fates { datagram: losses, ..crashes() }, 3).holds());
}

/// Beats every second, and takes the other for dead that is silent for a second.
struct Beater {
    server: Peer,
    beat_at: Instant,
    left: u8,
}

impl Machine for Beater {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } | Input::Timeout = input
            && self.left > 0
        {
            out.send(self.server, b"beat");
            (self.left, self.beat_at) = (self.left - 1, now + Duration::from_secs(1));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.beat_at).filter(|_| self.left > 0)
    }
}

struct Watcher {
    dead_at: Option<Instant>,
}

impl Machine for Watcher {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Datagram { .. } => self.dead_at = Some(now + Duration::from_secs(1)),
            Input::Timeout => {
                out.event("dead");
                self.dead_at = None;
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.dead_at
    }
}

#[test]
fn a_timeout_equal_to_its_interval_is_found_by_a_tie() {
    let net = Net::new("beats");
    let watcher = net.host("watcher").udp(1).machine(|_| Watcher { dead_at: None });
    net.host("beater").udp(2).machine(move |boot| Beater {
        server: boot.peer(watcher),
        beat_at: Instant::START,
        left: 4,
    });
    net.never("who beats is taken for dead", move |run| {
        run.events(watcher).contains(&"dead") && run.now() < Instant::from_millis(4_000)
    });
    let scenario = Scenario::from(net);
    let ties = Fates { timer_first: true, ..Fates::none() };
    let failure = explore(&scenario, ties, 1).failure.expect("it is too hasty");
    assert_eq!(failure.plan.to_string(), "v2; seed 0; at 1005ms timer-first watcher");
    assert!(explore(&scenario, crashes(), 0).holds());
}

#[test]
fn fates_of_hosts_are_read_and_written() {
    let text = "drop; crash for 200ms; poweroff; timer-first";
    let fates = Fates::parse(text, &["a", "b"]).unwrap();
    assert_eq!((fates.to_string().as_str(), fates.down.len(), fates.timer_first), (text, 2, true));
    let error = Fates::parse("crash 200ms", &["a", "b"]).unwrap_err().to_string();
    assert!(error.starts_with("'crash 200ms' is neither a fault nor a direction: "), "{error}");
}
