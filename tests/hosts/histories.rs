//! Operations that overlap, judged by a model of the object: some order of them has to explain all results.

use std::time::Duration;

use lossproof::scenario::{Model, Operation};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile, Scenario};

/// What a register is to do: keep the number that was written last.
#[derive(Clone, Default, Hash)]
struct Register(u8);

impl Model for Register {
    /// A number to write, or nothing to read.
    type Call = Option<u8>;
    type Result = u8;

    fn apply(&mut self, call: &Option<u8>) -> u8 {
        self.0 = call.unwrap_or(self.0);
        self.0
    }
}

/// Keeps a number. Planted: it answers reads with what it knew 20 ms ago, to be quick.
struct Server {
    number: u8,
    before: (u8, Instant),
    is_stale: bool,
}

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes: &[id, is_write, number], .. } = input {
            if is_write == 1 && number != self.number {
                self.before = (self.number, now);
                self.number = number;
            }
            let (before, changed_at) = self.before;
            let is_early = now.since(changed_at) < Duration::from_millis(20);
            let known = if self.is_stale && is_early && is_write == 0 { before } else { self.number };
            out.reply(&[id, known]);
        }
    }
}

/// Tells of what it asks and what it is answered.
struct Client {
    server: Peer,
    next_id: u8,
}

#[derive(Debug, PartialEq)]
enum Told {
    Asked(u8, Option<u8>),
    Answered(u8, u8),
}

impl Machine for Client {
    type Command = Option<u8>;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, Option<u8>>, _: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Command(call) => {
                out.event(Told::Asked(self.next_id, *call));
                out.send(self.server, &[self.next_id, u8::from(call.is_some()), call.unwrap_or(0)]);
                self.next_id += 1;
            }
            Input::Datagram { bytes: &[id, result], .. } => out.event(Told::Answered(id, result)),
            _ => {}
        }
    }
}

/// Two clients; the first writes, the second reads, so many milliseconds later.
fn register(is_stale: bool, operations: &[(u64, usize, Option<u8>)], max_states: usize) -> Scenario {
    let net = Net::new("register");
    let server = net.host("server").udp(1).machine(move |_| Server {
        number: 0,
        before: (0, Instant::START),
        is_stale,
    });
    let clients = ["writer", "reader"].map(|name| {
        net.host(name).udp(2).machine(move |boot| Client { server: boot.peer(server), next_id: 0 })
    });
    for &(millis, client, call) in operations {
        net.command(Instant::from_millis(millis), clients[client], call);
    }
    let read = |told: &Told| match *told {
        Told::Asked(id, call) => Some(Operation::Invoked { id: u64::from(id), call }),
        Told::Answered(id, result) => Some(Operation::Returned { id: u64::from(id), result }),
    };
    let history = net.history("the register is linearizable", Register::default()).max_states(max_states);
    history.on(clients[0], read).on(clients[1], read).judge();
    Scenario::from(net)
}

/// A read that begins after a write has ended, and does not see it.
#[test]
fn a_history_finds_a_stale_read() {
    let operations = [(100, 0, Some(7)), (111, 1, None)];
    let check = |is_stale| Check::new(register(is_stale, &operations, 1_000)).runs(1).verdict().unwrap();
    assert!(check(false).holds());
    let verdict = check(true);
    let failure = verdict.failure().unwrap();
    assert_eq!(
        (failure.broken.as_str(), failure.detail.as_str()),
        (
            "the register is linearizable",
            "no order of 2 operations explains their results: at most 1 fit together; None cannot have returned 0 after \
         them, at 0.121"
        )
    );
}

/// One that overlaps with the write may have come before it.
#[test]
fn a_read_that_overlaps_may_see_either() {
    let overlapping = [(100, 0, Some(7)), (109, 1, None)];
    assert!(Check::new(register(true, &overlapping, 1_000)).runs(1).verdict().unwrap().holds());
}

/// A lost write may have been done, or not; a duplicate that comes late is found out.
#[test]
fn faults_make_a_history_of_it() {
    let operations = [(100, 0, Some(7)), (130, 0, Some(8)), (160, 1, None), (190, 1, None)];
    let lossy = Check::new(register(false, &operations, 1_000)).loss(0.3).runs(300).verdict().unwrap();
    assert!(lossy.holds(), "{lossy}");
    let late = Profile {
        duplicate: lossproof::Chance::percent(20),
        jitter: Duration::from_millis(60),
        ..Profile::default()
    };
    let verdict =
        Check::new(register(false, &operations, 1_000)).profile(late).runs(3_000).verdict().unwrap();
    let failure = verdict.failure().expect("an old write comes again, after a newer one was read");
    assert_eq!(failure.broken, "the register is linearizable");
}

/// The search is bounded; a run that it cannot judge is counted, and the verdict says so.
#[test]
fn a_history_that_is_too_long_to_judge_is_given_up_and_told() {
    // One after another: a state for each.
    let operations: Vec<_> = (0..5).map(|n| (20 * n, 0, Some(n as u8))).collect();
    let check = |max_states| {
        Check::new(register(false, &operations, max_states)).profile(Profile::CALM).runs(3).verdict().unwrap()
    };
    let judged = check(5);
    assert!(judged.holds() && judged.tally().gave_up.is_empty(), "{judged}");
    let given_up = check(4);
    assert_eq!(given_up.tally().gave_up.values().sum::<u64>(), 3);
    let said = "; 3 of 'the register is linearizable' gave up on 5 operations after 4 states";
    assert!(given_up.to_string().contains(said), "{given_up}");
}

/// An answer to what nobody has asked is a mistake of the test's events.
#[test]
fn an_answer_without_a_question_is_told() {
    struct Confused;
    impl Machine for Confused {
        type Command = ();
        type Event = u8;
        fn handle(&mut self, _: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
            out.event(3);
        }
    }
    let net = Net::new("confused");
    let host = net.host("host").machine(|_| Confused);
    let history = net.history("the register", Register::default());
    history.on(host, |id| Some(Operation::Returned { id: u64::from(*id), result: 0 })).judge();
    let verdict = Check::new(net).runs(1).verdict().unwrap();
    let detail = &verdict.failure().unwrap().detail;
    assert_eq!(detail, "operation 3 returned and was not under way, at 0.000");
}
