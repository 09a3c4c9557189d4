//! The machines by hand, at their bounds and one beyond.

use std::time::Duration;

use super::messages::{Durable, Message, Register, Version};
use super::*;
use crate::machine::{Ecn, Effect, Input, Machine, Outlet, Status};

const TIMING: Timing = Timing { beat: BEAT, promise: PROMISE, lease: LEASE, jitter: JITTER };
const NANO: Duration = Duration::from_nanos(1);

fn peer(number: u16) -> Peer {
    Peer::from((std::net::Ipv4Addr::LOCALHOST.into(), number))
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The last moment before another one.
fn before(at: Instant) -> Instant {
    Instant::from_nanos(at.as_nanos() - 1)
}

/// A member at port 1, of those at the ports from 1 on.
struct Bench {
    member: Member,
    out: Outlet<MemberEvent>,
    /// What it has saved last.
    disk: Vec<u8>,
}

impl Bench {
    /// One of so many that begins at `at`, with what was saved before.
    fn new(members: u16, disk: &[u8], at: Instant) -> Self {
        let all: Vec<Peer> = (1..=members).map(peer).collect();
        let boot = Boot { disk, ..Boot::alone(7) };
        let member = Member::new(peer(1), &all, TIMING, boot);
        let mut bench = Self { member, out: Outlet::new(), disk: disk.to_vec() };
        bench.give(Input::Start { local: peer(1) }, at);
        bench
    }

    /// What one input makes it do, in order: `save`, an event, or what is sent to whom.
    fn give(&mut self, input: Input<'_, ()>, now: Instant) -> Vec<String> {
        self.out.feed(&mut self.member, input, now);
        let (mut did, disk) = (Vec::new(), &mut self.disk);
        self.out.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => {
                let message = Message::decode(bytes).expect("it sends messages");
                did.push(format!("{message} to {}", peer.port().expect("it has a port")));
            }
            Effect::Save { bytes } => {
                *disk = bytes.to_vec();
                did.push("save".to_owned());
            }
            Effect::Event(event) => did.push(format!("{event:?}")),
            Effect::Done(status) => did.push(format!("{status:?}")),
            other => panic!("{other:?}"),
        });
        did
    }

    fn hear(&mut self, from: u16, message: Message, now: Instant) -> Vec<String> {
        let bytes = message.encode();
        self.give(
            Input::Datagram { peer: peer(from), local: peer(1), bytes: &bytes, ecn: Ecn::default() },
            now,
        )
    }

    fn ask(&mut self, from: u16, term: u64, now: Instant) -> Vec<String> {
        self.hear(from, Message::Ask { term, version: Version { term: 0, number: 0 } }, now)
    }

    /// Has it stand when it is time to; when that was.
    fn stand(&mut self) -> Instant {
        let stands_at = self.member.deadline().expect("it follows");
        let did = self.give(Input::Timeout, stands_at);
        assert!(did[1].starts_with("Stood"), "{did:?}");
        stands_at
    }

    /// Has it elected by the member at port 2, and heard; when it was elected.
    fn lead(&mut self) -> Instant {
        let led_at = self.stand();
        let term = self.member.durable().term;
        self.hear(2, Message::Vote { term }, led_at);
        assert!(self.member.leads());
        led_at
    }

    fn heard(&mut self, from: u16, round: u64, now: Instant) -> Vec<String> {
        let (term, version) = (self.member.durable().term, self.member.durable().register.version);
        self.hear(from, Message::Heard { term, round, version }, now)
    }
}

fn beat(term: u64, round: u64) -> Message {
    Message::Beat {
        term,
        round,
        register: Register { version: Version { term, number: 0 }, ..Register::default() },
    }
}

#[test]
fn a_vote_is_saved_before_it_is_given_and_given_once() {
    let mut bench = Bench::new(3, b"", at(0));
    assert_eq!(bench.ask(2, 5, at(1)), ["save", "Voted { term: 5, candidate: 1 }", "vote 5 to 2"]);
    assert_eq!(Durable::decode(&bench.disk).map(|durable| (durable.term, durable.voted)), Ok((5, Some(1))));
    assert_eq!(bench.ask(3, 5, at(2)), [""; 0], "another asks in that term");
    assert_eq!(bench.ask(2, 5, at(3)), ["vote 5 to 2"], "the vote may have been lost");
    assert_eq!(bench.ask(3, 4, at(4)), ["later 5 to 3"]);
    assert_eq!(bench.ask(3, 6, at(5)), ["save", "Voted { term: 6, candidate: 2 }", "vote 6 to 3"]);

    // Started again, it knows.
    let disk = bench.disk.clone();
    let mut bench = Bench::new(3, &disk, at(10));
    let over = at(10) + PROMISE;
    assert_eq!(bench.ask(2, 6, over), [""; 0]);
    assert_eq!(bench.ask(3, 6, over), ["vote 6 to 3"]);
}

#[test]
fn a_candidate_with_an_earlier_register_gets_no_vote() {
    let version = Version { term: 3, number: 4 };
    let durable = Durable { term: 3, voted: None, register: Register { version, writer: 9, value: 1 } };
    for (term, number, is_voted) in [(3, 3, false), (2, 9, false), (3, 4, true), (4, 0, true)] {
        let mut bench = Bench::new(3, &durable.encode(), at(0));
        let did = bench.hear(2, Message::Ask { term: 4, version: Version { term, number } }, at(0) + PROMISE);
        assert_eq!(
            did.last().is_some_and(|last| last == "vote 4 to 2"),
            is_voted,
            "{term} {number}: {did:?}"
        );
        assert_eq!(did[0], "save", "the term is a later one");
    }
}

#[test]
fn a_promise_lasts_to_its_last_moment_through_a_start_anew() {
    let mut bench = Bench::new(3, b"", at(0));
    let heard = bench.hear(2, beat(1, 0), at(100));
    assert_eq!(heard, ["save", "Follows { term: 1, leader: 1 }", "heard 1 0 1 0 to 2"]);
    let over = at(100) + PROMISE;
    assert_eq!(bench.ask(3, 2, before(over)), [""; 0]);
    let disk = bench.disk.clone();
    let mut again = Bench::new(3, &disk, at(200));
    assert_eq!(again.ask(3, 2, before(at(200) + PROMISE)), [""; 0]);
    let late = Message::Ask { term: 2, version: Version { term: 1, number: 0 } };
    assert_eq!(again.hear(3, late, at(200) + PROMISE).last().unwrap(), "vote 2 to 3");
    assert_eq!(bench.hear(3, late, over).last().unwrap(), "vote 2 to 3");
    // One that was never there has promised nothing.
    assert_eq!(Bench::new(3, b"", at(0)).ask(3, 1, at(0)).last().unwrap(), "vote 1 to 3");
}

#[test]
fn a_lease_is_counted_from_the_sending_and_ends_before_the_promise() {
    let mut bench = Bench::new(3, b"", at(0));
    let led_at = bench.lead();
    let get = Message::Get { id: 7 };
    assert_eq!(bench.hear(9, get, led_at), ["elsewhere 7 nobody to 9"], "nobody has heard it yet");
    let late = led_at + Duration::from_millis(300);
    let left = Duration::from_millis(600);
    let held = format!("LeaseHeld {{ term: 1, left: {left:?} }}");
    assert_eq!(bench.heard(2, 0, late), [held, "Wrote { term: 1, value: 0 }".to_owned()]);
    assert_eq!(bench.heard(3, 0, late), [""; 0], "a majority is enough");
    let over = led_at + LEASE;
    assert_eq!(bench.hear(9, get, before(over)), ["Read { value: 0 }", "value 7 0 0 to 9"]);
    assert_eq!(bench.hear(9, get, over), ["elsewhere 7 nobody to 9"]);
    // While it holds it, it votes for nobody, also when it knows of a later term.
    assert_eq!(bench.ask(2, 9, before(over)), [""; 0]);
    let stepped = bench.hear(2, Message::Later { term: 5 }, late);
    assert_eq!(stepped, ["SteppedDown { term: 5 }", "save"]);
    let ask = Message::Ask { term: 6, version: Version { term: 1, number: 0 } };
    assert_eq!(bench.hear(2, ask, before(over)), [""; 0]);
    assert_eq!(bench.hear(2, ask, over).last().unwrap(), "vote 6 to 2");
    // The drift that is withstood, at both ends.
    assert!(LEASE.as_secs_f64() / 0.95 < PROMISE.as_secs_f64() / 1.05);
}

#[test]
fn votes_of_this_term_are_counted_and_one_for_each_voter() {
    let mut bench = Bench::new(5, b"", at(0));
    let stood_at = bench.stand();
    let vote = |term| Message::Vote { term };
    for (from, term) in [(2, 1), (2, 1), (3, 0), (9, 1), (1, 1)] {
        bench.hear(from, vote(term), stood_at);
        assert!(!bench.member.leads(), "{from} in {term}");
    }
    let asked = bench.give(Input::Timeout, stood_at + BEAT);
    assert_eq!(asked, [3, 4, 5].map(|to| format!("ask 1 0 0 to {to}")), "who has voted is not asked again");
    let led = bench.hear(3, vote(1), stood_at + BEAT);
    assert_eq!(led[..3], ["save", "BecameLeader { term: 1 }", "beat 1 0 1 0 0 0 to 2"]);
    assert_eq!(bench.hear(4, vote(1), stood_at + BEAT), [""; 0]);
}

#[test]
fn a_write_is_told_of_once_a_majority_keeps_it_and_is_done_once() {
    let mut bench = Bench::new(3, b"", at(0));
    let now = bench.lead();
    let set = |id, after| Message::Set { id, after, value: 50 + id };
    assert_eq!(bench.hear(9, set(7, 0), now), [""; 0], "what it found is not kept by a majority yet");
    bench.heard(2, 0, now);
    assert_eq!(bench.hear(9, set(7, 3), now), ["overtaken 7 to 9"]);
    let did = bench.hear(9, set(7, 0), now);
    assert_eq!(did[..2], ["save", "beat 1 1 1 1 7 57 to 2"]);
    assert_eq!(bench.hear(9, set(8, 7), now), [""; 0], "one after another");
    assert_eq!(bench.hear(9, set(7, 0), now), [""; 0], "it comes again");
    assert_eq!(bench.hear(9, Message::Get { id: 4 }, now)[1], "value 4 0 0 to 9", "nobody has been told");
    // An answer to the beat before tells nothing of it.
    let before = Message::Heard { term: 1, round: 1, version: Version { term: 1, number: 0 } };
    assert_eq!(bench.hear(3, before, now), [""; 0]);
    assert_eq!(bench.heard(2, 1, now), ["Wrote { term: 1, value: 57 }", "done 7 to 9"]);
    assert_eq!(bench.hear(9, set(7, 0), now), ["done 7 to 9"], "its answer was lost");
    assert_eq!(bench.hear(9, set(8, 7), now)[0], "save");
    bench.heard(3, 2, now);
    assert_eq!(bench.hear(9, set(7, 0), now), ["overtaken 7 to 9"], "never a second time");
    assert_eq!(bench.hear(9, set(0, 8), now), ["overtaken 0 to 9"], "0 is nobody's");
}

#[test]
fn an_answer_counts_for_as_many_beats_as_are_remembered() {
    for (behind, counts) in [(MAX_ROUNDS as u64 - 1, true), (MAX_ROUNDS as u64, false)] {
        let mut bench = Bench::new(3, b"", at(0));
        let mut now = bench.lead();
        let last = 200;
        for _ in 0..last {
            // Nothing but the number of beats is to make an answer too old.
            now += NANO;
            bench.member.beat_now(now, bench.out.outbox());
            bench.out.drain(|_| ());
        }
        let did = bench.heard(2, last - behind, now);
        assert_eq!(did[0].starts_with("LeaseHeld"), counts, "{did:?}");
        assert_eq!(bench.heard(2, last + 1, now), [""; 0], "a beat that was not sent yet");
    }
}

#[test]
fn one_alone_leads_at_once_and_one_that_cannot_read_its_disk_never() {
    let mut bench = Bench::new(1, b"", at(0));
    assert!(bench.member.is_settled());
    let set = Message::Set { id: 7, after: 0, value: 5 };
    let did = bench.hear(9, set, at(1));
    assert_eq!((did[0].as_str(), did.last().unwrap().as_str()), ("save", "done 7 to 9"));
    let again = Bench::new(1, &bench.disk, at(0));
    assert_eq!((again.member.durable().term, again.member.durable().register.value), (2, 5));

    let mut out = Outlet::new();
    let boot = Boot { disk: b"what?", ..Boot::alone(7) };
    let mut member = Member::new(peer(1), &[], TIMING, boot);
    out.feed(&mut member, Input::Start { local: peer(1) }, at(0));
    assert!(out.is_done() && member.deadline().is_none());
    out.drain(|effect| {
        assert!(matches!(effect, Effect::Event(MemberEvent::Unreadable) | Effect::Done(Status::Failure)));
    });
}

/// What one input makes a client send and tell.
fn step(client: &mut Client, input: Input<'_, Command>, now: Instant) -> Vec<String> {
    let (mut out, mut did) = (Outlet::new(), Vec::new());
    out.feed(client, input, now);
    out.drain(|effect| match effect {
        Effect::Send { peer, bytes, .. } => {
            let words = Message::decode(bytes).expect("it sends messages").to_string();
            did.push(format!("{} to {}", words.split(' ').next().unwrap(), peer.port().unwrap()));
        }
        Effect::Event(ClientEvent::Asked { .. }) => did.push("Asked".to_owned()),
        Effect::Event(event) => did.push(event.to_string()),
        Effect::Done(status) => did.push(format!("{status:?}")),
        other => panic!("{other:?}"),
    });
    did
}

#[test]
fn a_client_asks_who_leads_and_gives_up_in_time() {
    let timeout = Duration::from_secs(1);
    let mut client = Client::new(vec![peer(1), peer(2)], 0, timeout, Boot::alone(7));
    assert_eq!(step(&mut client, Input::Start { local: peer(50) }, at(0)), ["Ready for a line"]);
    assert_eq!(step(&mut client, Input::Command(&Command::Get), at(0)), ["Asked", "get to 1"]);
    assert_eq!(step(&mut client, Input::Command(&Command::Set(3)), at(1)), [""; 0], "one after another");
    for (tries, millis) in [(2, 300), (1, 600), (2, 900)] {
        assert_eq!(client.deadline(), Some(at(millis)));
        assert_eq!(step(&mut client, Input::Timeout, at(millis)), [format!("get to {tries}")]);
    }
    assert_eq!(client.deadline(), Some(at(1_000)));
    let gave_up = step(&mut client, Input::Timeout, at(1_000));
    assert_eq!(gave_up, ["no leader answers: it may have been done, or not", "Ready for a line"]);
    assert_eq!(step(&mut client, Input::Command(&Command::Leave), at(1_001)), ["Failure"]);
}

#[test]
fn a_client_is_sent_on_once_and_writes_after_what_it_reads() {
    let mut client = Client::new(vec![peer(1)], 0, Duration::from_secs(1), Boot::alone(7));
    step(&mut client, Input::Start { local: peer(50) }, at(0));
    let id = {
        let mut out = Outlet::new();
        out.feed(&mut client, Input::Command(&Command::Set(3)), at(0));
        let mut asked = None;
        out.drain(|effect| {
            if let Effect::Event(ClientEvent::Asked { id, .. }) = effect {
                asked = Some(id);
            }
        });
        asked.expect("it asks")
    };
    let mut hear = |from: u16, message: Message| {
        let bytes = message.encode();
        step(
            &mut client,
            Input::Datagram { peer: peer(from), local: peer(50), bytes: &bytes, ecn: Ecn::default() },
            at(1),
        )
    };
    let elsewhere = |number| Message::Elsewhere { id, leader: Some(peer(number)) };
    assert_eq!(hear(1, elsewhere(2)), ["127.0.0.1:2 leads", "get to 2"]);
    assert_eq!(hear(2, elsewhere(1)), [""; 0], "two that name each other");
    assert_eq!(hear(1, Message::Value { id, writer: 8, value: 1 }), [""; 0], "it asks another now");
    assert_eq!(hear(2, Message::Done { id }), [""; 0], "it has not written yet");
    assert_eq!(hear(2, Message::Value { id: id ^ 1, writer: 8, value: 1 }), [""; 0], "another's answer");
    assert_eq!(hear(2, Message::Value { id, writer: 8, value: 1 }), ["set to 2"]);
    assert_eq!(hear(2, Message::Value { id, writer: 8, value: 1 }), [""; 0], "the same once more");
    assert_eq!(hear(2, Message::Done { id }), ["The register is 3", "Ready for a line"]);
}

#[test]
fn lines_are_commands() {
    let line = |text: &str| typed(Typed::Line(text.as_bytes().to_vec()));
    assert_eq!(
        (line("get"), line(" set  5 \r"), typed(Typed::End)),
        (Command::Get, Command::Set(5), Command::Leave)
    );
    for text in ["", "set", "set x", "set 5 6", "get 5", "set -1", "set 18446744073709551616"] {
        assert_eq!(line(text), Command::Unknown, "{text:?}");
    }
}

/// A candidate whose register is an earlier one wins nowhere, and would stand first again and again.
#[test]
fn a_candidate_who_cannot_win_holds_nobody_back() {
    let version = Version { term: 3, number: 4 };
    let durable = Durable { term: 3, voted: None, register: Register { version, writer: 9, value: 1 } };
    let mut bench = Bench::new(3, &durable.encode(), at(0));
    let stands_at = bench.member.deadline();
    assert_eq!(bench.ask(2, 4, at(0) + PROMISE), ["save"], "the term is a later one");
    assert_eq!(bench.member.deadline(), stands_at);
    // Who gives its vote lets the candidate go first.
    let ask = Message::Ask { term: 5, version };
    assert_eq!(bench.hear(2, ask, at(0) + PROMISE).last().unwrap(), "vote 5 to 2");
    assert!(bench.member.deadline() > stands_at);
}
