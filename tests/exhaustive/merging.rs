//! Runs that are broken off in a state that was seen before change no verdict: small machines that do anything.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Explored, Fates};
use lossproof::fault::{DatagramFault, StreamFault};
use lossproof::machine::Conn;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Moments, Net, Outbox, Peer, Promises, Scenario, Status};
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

/// How a toy talks.
#[derive(Clone, Copy, Debug)]
enum Way {
    ByDatagrams(Peer),
    ItDials(Peer),
    ItIsDialed,
}

/// A machine that does what its table says.
struct Toy {
    table: Vec<Step>,
    state: u8,
    wake_at: Option<Instant>,
    way: Way,
    /// On which stream it talks, if on any.
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
            match (self.conn, self.way) {
                (Some(conn), _) => _ = out.write(conn, &[byte]),
                (None, Way::ByDatagrams(peer)) => out.send(peer, &[byte]),
                (None, _) => {}
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
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Start { .. } => {
                if let Way::ItDials(peer) = self.way {
                    let _ = out.connect(peer);
                }
                self.step(0, now, out);
            }
            Input::Connected { conn, .. } => {
                self.conn = Some(conn);
                self.step(0, now, out);
            }
            Input::Datagram { bytes, .. } | Input::Received { bytes, .. } => {
                for byte in bytes {
                    self.step(1 + byte % 2, now, out);
                }
            }
            Input::Timeout => {
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
fn net(tables: &[Vec<Step>; 2], on_stream: bool, max_inputs: u64) -> (Net, [Host<Toy>; 2]) {
    let net = Net::new("toys");
    net.max_time(Duration::from_millis(34));
    net.max_inputs(max_inputs);
    let (a, b) = (net.host("a"), net.host("b"));
    let (a, b) = if on_stream { (a.listen(1), b) } else { (a.udp(1), b.udp(1)) };
    let (at_a, at_b) = (a.id(), b.id());
    let toy = |table: &Vec<Step>, way| Toy {
        table: table.clone(),
        state: 0,
        wake_at: None,
        way,
        conn: None,
        over: false,
    };
    let [of_a, of_b] = tables.clone();
    let a = a.machine(move |boot| {
        toy(&of_a, if on_stream { Way::ItIsDialed } else { Way::ByDatagrams(boot.peer(at_b)) })
    });
    let b = b.machine(move |boot| {
        let peer = boot.peer(at_a);
        toy(&of_b, if on_stream { Way::ItDials(peer) } else { Way::ByDatagrams(peer) })
    });
    (net, [a, b])
}

/// How many sorts of statement there are.
const SORTS: u8 = 9;

/// Statements that look at events, at their order, their times, at ends, at states, at inputs, and folds.
fn state(net: &Net, [a, b]: [Host<Toy>; 2], sort: u8, count: usize, millis: u64) {
    let span = Duration::from_millis(millis);
    match sort {
        0 => net.never("so many events of one sort", move |run| {
            let all = run.events(a).iter().chain(run.events(b));
            all.map(|event| usize::from(*event)).sum::<usize>() > count + 3
        }),
        1 => {
            let step = |number: u8| {
                move |told: &mut Vec<(u8, u8)>, event: &u8, _| {
                    told.push((number, *event));
                    !told.ends_with(&[(0, 1), (1, 0), (0, 0)])
                }
            };
            net.fold("two sorts do not come in this order", Vec::new).on(a, step(0)).on(b, step(1));
        }
        2 => net.always("no two events are just so far apart", move |run| {
            let times = run.times(a).iter().chain(run.times(b)).copied();
            let mut times: Vec<Instant> = times.collect();
            times.sort_unstable();
            times.windows(2).all(|pair| pair[1].since(pair[0]) != span)
        }),
        3 => net.eventually_within("so many events in time", span, move |run| {
            run.events(a).len() + run.events(b).len() > count + 1
        }),
        4 => net.eventually_within("somebody ends in time, or tells twice", span, move |run| {
            let somebody = run.status(a).is_some() || run.status(b).is_some();
            somebody || run.events(a).len() + run.events(b).len() > 1
        }),
        5 => net.never("one is in this state when the other has told so much", move |run| {
            run.state(a).is_some_and(|toy| toy.state == 2) && run.events(b).len() == count + 1
        }),
        6 => net.never("there are just so many inputs, and two events", move |run| {
            run.inputs() == count as u64 + 9 && run.events(a).len() + run.events(b).len() == 2
        }),
        7 => {
            net.fold("so much of one sort is sent", || 0_usize).on_send(a, move |sent, datagram, _| {
                *sent += usize::from(datagram.bytes == [1]);
                *sent <= count + 1
            });
        }
        _ => {
            net.fold("in the end so many events were told", || 0_usize)
                .on(a, |told, _, _| {
                    *told += 1;
                    true
                })
                .on_state(b, |told, toy, _| {
                    *told += usize::from(toy.state == 1);
                    true
                })
                .at_end(move |told| *told != count + 3);
        }
    }
}

fn late() -> Duration {
    Duration::from_millis(7)
}

/// What is found with merging and without.
fn both(scenario: &Scenario, faults: usize) -> [Explored; 2] {
    let fates = Fates {
        datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate, DatagramFault::Delay(late())],
        stream: vec![StreamFault::Cut, StreamFault::Stall(late()), StreamFault::Reset],
        ..Fates::none()
    };
    let search = || Exhaustive::new(scenario, fates.clone(), faults);
    [search().run(MOST, |_| ()), search().without_merging().run(MOST, |_| ())]
}

#[test]
fn merging_changes_no_verdict() {
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let any_case = (
        [any_table(), any_table()],
        any::<bool>(),
        // Most runs reach the lower bounds, and none the last.
        prop_oneof![2 => 5_u64..40, 1 => Just(120)],
        0..SORTS,
        0..4_usize,
        prop::sample::select(vec![5_u64, 7, 10, 12, 30]),
        2..4_usize,
    );
    let mut runner = TestRunner::new(config);
    let sums = std::cell::RefCell::new([[0_u64; 3]; 2]);
    let result = runner.run(&any_case, |(tables, on_stream, max_inputs, sort, count, millis, faults)| {
        let (net, hosts) = net(&tables, on_stream, max_inputs);
        state(&net, hosts, sort, count, millis);
        let [merged, whole] = both(&Scenario::from(net), faults);
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

/// Sends at 0, 10 and 20 ms.
#[derive(Hash)]
struct ThreeSends(Peer, u8);

impl Machine for ThreeSends {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if matches!(input, Input::Start { .. } | Input::Timeout) {
            out.send(self.0, &[self.1]);
            self.1 += 1;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        (self.1 < 3).then(|| Instant::from_millis(10 * u64::from(self.1)))
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.hash(&mut to);
        true
    }
}

/// Tells of the third.
struct TellsThird;

impl Machine for TellsThird {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        if let Input::Datagram { bytes: [2], .. } = input {
            out.event("it is there");
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Two starts, two timeouts and three datagrams are seven inputs. A datagram that comes twice takes the room of the
/// last; and it leads to a state that was seen before, with an input less.
#[test]
fn asking_for_more_faults_finds_no_less_where_inputs_are_bounded() {
    let explored = |max_inputs: u64, faults: usize, converges: bool| {
        let net = Net::new("three sends");
        if !converges {
            net.max_inputs(max_inputs);
        }
        let server = net.host("server").udp(1).machine(|_| TellsThird);
        net.host("client")
            .udp(1)
            .promises(Promises::DEFAULT.moments(Moments::Anywhere))
            .machine(move |boot| ThreeSends(boot.peer(server), 0));
        let (name, second) = ("the third arrives", Duration::from_secs(1));
        if converges {
            net.converges_within(name, second, max_inputs, move |run| !run.events(server).is_empty());
        } else {
            net.eventually_within(name, second, move |run| !run.events(server).is_empty());
        }
        let fates = Fates { datagram: vec![DatagramFault::Duplicate], ..Fates::none() };
        Exhaustive::new(&Scenario::from(net), fates, faults).run(1_000, |_| ())
    };
    for (faults, converges) in [(1, false), (2, false), (3, false), (1, true), (3, true)] {
        let failure = explored(7, faults, converges).failure.expect("the room is not enough for the third");
        assert_eq!(failure.plan.to_string(), "v2; seed 0; client>server #0 duplicate", "{faults}");
        let why = if converges { "not within 7 inputs" } else { "the scenario's inputs are used up" };
        assert!(failure.detail.contains(why), "{}", failure.detail);
    }
    for converges in [false, true] {
        // Room for one more, and it takes two.
        assert!(explored(8, 1, converges).holds());
        assert_eq!(explored(8, 2, converges).failure.expect("two of them take it").plan.len(), 2);
        // And where there is room for all it is merged.
        let all = explored(100, 2, converges);
        assert!(all.holds() && all.merged > 0, "{all:?}");
    }
}
