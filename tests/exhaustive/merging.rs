//! Runs that are broken off in a state that was seen before change no verdict: small machines that do anything.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates, Property};
use lossproof::fault::{DatagramFault, StreamFault};
use lossproof::machine::Conn;
use lossproof::{Binding, Input, Instant, Machine, Outbox, Peer, Scenario, Status};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// How many runs a case takes at most.
const MOST: u64 = 2_500;
const STATES: u8 = 3;
/// Start, two sorts of message, a timeout, an end.
const INPUTS: u8 = 5;

/// What a toy does with one input in one state.
#[derive(Clone, Copy, Debug)]
struct Step {
    next: u8,
    send: Option<u8>,
    tell: Option<u8>,
    wait: Option<u64>,
    ends: bool,
}

fn any_step() -> impl Strategy<Value = Step> {
    let few = || prop::option::weighted(0.6, 0..2_u8);
    let wait = prop::option::weighted(0.4, prop::sample::select(vec![5_u64, 7, 12]));
    (0..STATES, few(), few(), wait, prop::bool::weighted(0.05))
        .prop_map(|(next, send, tell, wait, ends)| Step { next, send, tell, wait, ends })
}

fn any_table() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), usize::from(STATES * INPUTS))
}

/// A machine that does what its table says.
struct Toy {
    table: Vec<Step>,
    state: u8,
    wake_at: Option<Instant>,
    /// Whom it talks to, by datagrams; or on which stream.
    peer: Option<Peer>,
    conn: Option<Conn>,
    over: bool,
}

impl Toy {
    fn step(&mut self, input: u8, now: Instant, out: &mut Outbox<u8>) {
        if self.over {
            return;
        }
        let Step { next, send, tell, wait, ends } = self.table[usize::from(self.state * INPUTS + input)];
        self.state = next;
        if let Some(byte) = send {
            match (self.conn, self.peer) {
                (Some(conn), _) => _ = out.write(conn, &[byte]),
                (None, Some(peer)) => out.send(peer, &[byte]),
                (None, None) => {}
            }
        }
        if let Some(tell) = tell {
            out.event(tell);
        }
        self.wake_at = wait.map(|millis| now + Duration::from_millis(millis));
        if ends {
            self.over = true;
            self.wake_at = None;
            out.done(Status::Success);
        }
    }
}

impl Machine for Toy {
    type Command = Option<Peer>;
    type Event = u8;

    fn handle(&mut self, input: Input<'_, Option<Peer>>, now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Start { .. } => self.step(0, now, out),
            Input::Command(Some(peer)) => _ = out.connect(peer),
            Input::Connected { conn, .. } => {
                self.conn = Some(conn);
                self.step(0, now, out);
            }
            Input::Datagram { bytes, .. } | Input::Received { bytes, .. } => {
                for byte in bytes {
                    self.step(1 + byte % 2, now, out);
                }
            }
            Input::Timeout if self.wake_at.is_some_and(|at| at <= now) => {
                self.wake_at = None;
                self.step(3, now, out);
            }
            Input::Eof { .. } | Input::ConnectFailed { .. } => self.step(4, now, out),
            Input::Closed { .. } => {
                self.conn = None;
                self.step(4, now, out);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.wake_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.state, self.wake_at.map(|at| at.since(now)), self.conn, self.over).hash(&mut to);
        true
    }
}

/// Two toys that talk by datagrams, or on a stream that the second opens.
fn scenario(tables: &[Vec<Step>; 2], on_stream: bool) -> Scenario<Option<Peer>, u8> {
    let mut scenario = Scenario::new("toys");
    scenario.max_time = Instant::from_millis(34);
    scenario.max_inputs = 120;
    let bindings = if on_stream {
        [Binding::Listener { port: 1 }, Binding::Dialer]
    } else {
        [Binding::Datagram { port: 1, connect: None }; 2]
    };
    let addresses = ["192.168.0.2:1", "192.168.0.1:1"].map(|text| text.parse::<Peer>().unwrap());
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let (table, peer) = (tables[index].clone(), (!on_stream).then_some(addresses[index]));
        scenario.host(name, bindings[index], move |_| {
            let table = table.clone();
            Box::new(Toy { table, state: 0, wake_at: None, peer, conn: None, over: false })
        });
    }
    if on_stream {
        let b = scenario.find("b").unwrap();
        scenario.command(Instant::START, b, Some(addresses[1]));
    }
    scenario
}

/// Statements that look at events, at their order, their times, and at ends.
fn properties(sort: u8, count: usize, millis: u64) -> Vec<Property<u8>> {
    let span = Duration::from_millis(millis);
    vec![match sort {
        0 => Property::never("so many events of one sort", move |view| {
            view.events.iter().filter(|happened| happened.event == 1).count() > count + 3
        }),
        1 => Property::never("two sorts in this order", move |view| {
            let sorts = view.events.iter().map(|happened| (happened.host.index(), happened.event));
            let sorts: Vec<_> = sorts.collect();
            sorts.windows(3).any(|three| three == [(0, 1), (1, 0), (0, 0)])
        }),
        2 => Property::always("no two events are just so far apart", move |view| {
            let times: Vec<Instant> = view.events.iter().map(|happened| happened.at).collect();
            times.windows(2).all(|pair| pair[1].since(pair[0]) != span)
        }),
        3 => Property::eventually_within("so many events in time", span, move |view| {
            view.events.len() > count + 1
        }),
        _ => Property::eventually_within("somebody ends in time, or tells twice", span, |view| {
            view.statuses.iter().any(Option::is_some) || view.events.len() > 1
        }),
    }]
}

/// What is found with merging and without.
fn both(scenario: &Scenario<Option<Peer>, u8>, properties: &[Property<u8>], faults: usize) -> [Explored; 2] {
    let fates = Fates {
        datagram: vec![
            DatagramFault::Drop,
            DatagramFault::Duplicate,
            DatagramFault::Delay(Duration::from_millis(7)),
        ],
        stream: vec![StreamFault::Cut, StreamFault::Stall(Duration::from_millis(7)), StreamFault::Reset],
        ..Fates::none()
    };
    let search = || Exhaustive::new(scenario, properties, fates.clone(), faults);
    [search().run(MOST, |_| ()), search().without_merging().run(MOST, |_| ())]
}

#[test]
fn merging_changes_no_verdict() {
    let config = Config { cases: 250, failure_persistence: None, ..Config::default() };
    let any_case = (
        [any_table(), any_table()],
        any::<bool>(),
        0..5_u8,
        0..4_usize,
        prop::sample::select(vec![5_u64, 7, 10, 12, 30]),
        2..4_usize,
    );
    let mut runner = TestRunner::new(config);
    let sums = std::cell::RefCell::new([[0_u64; 3]; 2]);
    let result = runner.run(&any_case, |(tables, on_stream, sort, count, millis, faults)| {
        let (scenario, properties) = (scenario(&tables, on_stream), properties(sort, count, millis));
        let [merged, whole] = both(&scenario, &properties, faults);
        let plan = |explored: &Explored| {
            explored.failure.as_ref().map(|failure| (failure.broken.clone(), failure.plan.clone()))
        };
        prop_assert!(whole.merged == 0 && whole.saved == 0);
        if !whole.is_complete && whole.failure.is_none() {
            return Ok(());
        }
        prop_assert_eq!(plan(&merged), plan(&whole));
        prop_assert_eq!(merged.is_complete, whole.is_complete);
        if whole.is_complete {
            prop_assert_eq!(merged.runs + merged.saved, whole.runs);
        }
        let sums = &mut sums.borrow_mut()[usize::from(on_stream)];
        sums[0] += merged.saved;
        sums[1] += u64::from(whole.is_complete && whole.runs > 1);
        sums[2] += u64::from(whole.failure.is_some_and(|failure| !failure.plan.is_empty()));
        Ok(())
    });
    result.unwrap();
    // Of all sorts of case there were some, on datagrams and on streams.
    for [saved, held, failed] in sums.into_inner() {
        assert!(saved > 20 && held > 20 && failed > 5, "{saved} {held} {failed}");
    }
}
