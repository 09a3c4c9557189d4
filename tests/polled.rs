//! A protocol in the poll style, with queues and a clock of the standard library, as a machine.
#![cfg(feature = "sansio")]

use std::collections::VecDeque;
use std::time::{Duration, Instant as StdInstant};

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::machine::{Effect, Law};
use lossproof::polled::{Clock, MAX_TIMEOUTS, Output, Polled};
use lossproof::{
    Binding, Chance, Check, Input, Instant, Machine, Outbox, Peer, Profile, Property, Scenario, Status,
};
use sansio::Protocol;

const RETRY: Duration = Duration::from_millis(50);

/// What came from the network, and when.
struct Packet {
    now: StdInstant,
    peer: Peer,
    bytes: Vec<u8>,
}

/// What is asked, of whom, and when.
#[derive(Clone, Copy)]
struct Question {
    now: StdInstant,
    server: Peer,
    text: &'static str,
}

#[derive(Debug, PartialEq)]
struct NotText;

/// Asks until it is answered; answers with the same text.
#[derive(Default)]
struct Talker {
    writes: VecDeque<(Peer, Vec<u8>)>,
    reads: VecDeque<String>,
    asked: Option<Question>,
    retry_at: Option<StdInstant>,
    timeouts: u32,
    bug: Option<Bug>,
}

#[derive(Clone, Copy, PartialEq)]
enum Bug {
    /// The timer stays where it was.
    LeavesTimer,
    /// It is set again by what was its moment, not by what is the moment now.
    CountsFromTheLast,
}

impl Protocol<Packet, Question, ()> for Talker {
    type Rout = String;
    type Wout = (Peer, Vec<u8>);
    type Eout = ();
    type Error = NotText;
    type Time = StdInstant;

    fn handle_read(&mut self, packet: Packet) -> Result<(), NotText> {
        let text = String::from_utf8(packet.bytes).map_err(|_| NotText)?;
        match self.asked {
            None => self.writes.push_back((packet.peer, text.into_bytes())),
            Some(Question { text: asked, now: asked_at, .. }) if text == asked => {
                (self.asked, self.retry_at) = (None, None);
                self.reads.push_back(format!("{text}, after {:?}", packet.now - asked_at));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<String> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, question: Question) -> Result<(), NotText> {
        self.asked = Some(question);
        self.retry_at = Some(question.now);
        self.handle_timeout(question.now)
    }

    fn poll_write(&mut self) -> Option<(Peer, Vec<u8>)> {
        self.writes.pop_front()
    }

    fn handle_timeout(&mut self, now: StdInstant) -> Result<(), NotText> {
        self.timeouts += 1;
        if let (Some(Question { server, text, .. }), Some(retry_at)) = (self.asked, self.retry_at) {
            self.writes.push_back((server, text.as_bytes().to_vec()));
            self.retry_at = Some(match self.bug {
                None => now + RETRY,
                Some(Bug::LeavesTimer) => retry_at,
                Some(Bug::CountsFromTheLast) => retry_at + RETRY,
            });
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<StdInstant> {
        self.retry_at
    }

    fn close(&mut self) -> Result<(), NotText> {
        self.writes.extend(self.asked.take().map(|asked| (asked.server, b"bye".to_vec())));
        Ok(())
    }
}

type Talking = Polled<Talker, Packet, Question, (), &'static str, Result<String, NotText>>;

/// A talker whose commands are questions to this server.
fn talking(server: Peer, bug: Option<Bug>) -> Talking {
    #[expect(clippy::disallowed_methods, reason = "any moment will do as that at which the run starts")]
    let base = StdInstant::now();
    Polled::new(
        Talker { bug, ..Talker::default() },
        Clock::since(base),
        move |talker, input, now| match input {
            Input::Command(text) => talker.handle_write(Question { now, server, text }),
            Input::Datagram { peer, bytes } => {
                talker.handle_read(Packet { now, peer, bytes: bytes.to_vec() })
            }
            _ => Ok(()),
        },
        |output, out| match output {
            Output::Write((peer, bytes)) => out.send(peer, &bytes),
            Output::Read(text) => out.event(Ok(text)),
            Output::Error(error) => out.event(Err(error)),
            Output::Event(()) => {}
        },
    )
}

fn scenario(bug: Option<Bug>) -> Scenario<&'static str, Result<String, NotText>> {
    let mut scenario = Scenario::new("talk");
    let nobody = "127.0.0.1:1".parse().expect("an address");
    let server = scenario.host("server", Binding::datagram(7), move |_| Box::new(talking(nobody, None)));
    let server = scenario.peer(server);
    let client = scenario.host("client", Binding::datagram(8), move |_| Box::new(talking(server, bug)));
    scenario.command(Instant::from_millis(3), client, "ready?");
    scenario
}

#[test]
fn it_runs_in_the_engine_and_keeps_the_laws() {
    let scenario = scenario(None);
    let answered = Property::eventually_within("the question is answered", Duration::from_secs(20), |view| {
        !view.events.is_empty()
    });
    let once = Property::never("it is answered twice", |view| view.events.len() > 1);
    let faults = Profile { loss: Chance::percent(30), duplicate: Chance::percent(10), ..Profile::default() };
    Check::new("polled", &scenario, &[answered, once]).profile(faults).runs(2_000).assert();
}

#[test]
fn its_moments_are_those_of_the_run() {
    let scenario = scenario(None);
    let plan = "client>server #0 drop; server>client #0 delay 7ms".parse().expect("a plan");
    let plan = Prepared::new(&plan, &scenario.names()).expect("the hosts are there");
    let (_, _, transcript) = Search::new(&scenario, &[], plan, Profile::default(), 0).show(0);
    assert_eq!(
        transcript.lines().filter(|line| line.contains("  client ")).collect::<Vec<_>>(),
        [
            "0.003  client  command #0",
            "0.003  client  send  #0 \"ready?\" → server",
            "0.053  client  send  #1 \"ready?\" → server",
            "0.070  client  recv  #0 \"ready?\" ← server",
            "0.070  client  event Ok(\"ready?, after 67ms\")",
        ]
    );
}

/// What a machine puts out for an input: datagrams as texts, the others by their names.
fn answers(machine: &mut Talking, input: Input<'_, &'static str>, now: Instant) -> Vec<String> {
    let mut out = Outbox::default();
    machine.handle(input, now, &mut out);
    assert_eq!(out.take_misuse(), None);
    let mut answers = Vec::new();
    out.drain(|effect| {
        answers.push(match effect {
            Effect::Send { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        });
    });
    answers
}

#[test]
fn timeouts_stops_and_errors_are_handled() {
    let peer: Peer = "127.0.0.1:7".parse().expect("an address");
    let mut machine = talking(peer, None);
    let millis = Instant::from_millis;
    assert_eq!(machine.deadline(), None);
    assert_eq!(answers(&mut machine, Input::Command("?"), millis(1)), ["?"]);
    assert_eq!((machine.deadline(), machine.protocol().timeouts), (Some(millis(51)), 1));
    // Early, it is not handed on; late, it is once.
    assert!(answers(&mut machine, Input::Timeout, millis(50)).is_empty());
    assert_eq!(machine.protocol().timeouts, 1);
    assert_eq!(answers(&mut machine, Input::Timeout, millis(500)), ["?"]);
    assert_eq!((machine.deadline(), machine.protocol().timeouts), (Some(millis(550)), 2));
    let refused = Input::Datagram { peer, bytes: &[0xff] };
    assert_eq!(answers(&mut machine, refused, millis(501)), ["Event(Err(NotText))"]);
    assert_eq!(
        answers(&mut machine, Input::Stop, millis(502)),
        ["bye", &format!("{:?}", Effect::<()>::Done(Status::Success))]
    );
}

#[test]
fn a_timer_that_is_late_is_served_until_it_is_not() {
    let peer = "127.0.0.1:7".parse().expect("an address");
    let mut machine = talking(peer, Some(Bug::CountsFromTheLast));
    answers(&mut machine, Input::Command("?"), Instant::START);
    assert_eq!(answers(&mut machine, Input::Timeout, Instant::from_millis(175)).len(), 3);
    assert_eq!(machine.deadline(), Some(Instant::from_millis(200)));
    // One that stays is a broken law, and no endless loop.
    let mut machine = talking(peer, Some(Bug::LeavesTimer));
    answers(&mut machine, Input::Command("?"), Instant::START);
    assert_eq!(answers(&mut machine, Input::Timeout, Instant::START).len(), MAX_TIMEOUTS as usize);
    let scenario = scenario(Some(Bug::LeavesTimer));
    let failure = Search::new(&scenario, &[], Prepared::default(), Profile::default(), 0).runs(0..1).failure;
    assert_eq!(failure.expect("it breaks a law").broken, Law::TimerAdvances.to_string());
}
