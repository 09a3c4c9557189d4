//! Law 4 where streams are full: machines that hold back are never accused, and those that misread cuts are.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::broken;
use crate::lawful::{Lawful, Promises};
use crate::machine::{CloseReason, Conn, Ecn, Effect, Input, Law, Machine, Outbox, Outlet, Peer, Status};
use crate::time::Instant;

/// How a machine handles a stream. All of these are right.
#[derive(Clone, Copy, Debug)]
struct Ways {
    /// Frames with one byte of length, each answered in double; or else every byte as it comes.
    framed: bool,
    /// It answers on the other of its two streams.
    relays: bool,
    /// It reads on while so many bytes wait to be written.
    patience: usize,
    /// It takes frames apart even while it holds back.
    eager: bool,
    /// A stream that brings nothing for so long ends it all.
    idle: Option<Duration>,
}

/// Answers what it reads; while its answers do not fit, it pauses what it reads.
struct Holder {
    ways: Ways,
    /// Planted: the header of a frame is read as if it came whole.
    hasty: bool,
    conns: Vec<Conn>,
    unread: Vec<u8>,
    unsent: VecDeque<u8>,
    sent_len: usize,
    paused: bool,
    ended: bool,
    give_up_at: Option<Instant>,
}

impl Holder {
    fn new(ways: Ways, hasty: bool) -> Self {
        Self {
            ways,
            hasty,
            conns: Vec::new(),
            unread: Vec::new(),
            unsent: VecDeque::new(),
            sent_len: 0,
            paused: false,
            ended: false,
            give_up_at: None,
        }
    }

    /// Takes whole frames out of what was read, up to where it has to hold back.
    fn take_apart(&mut self) {
        if !self.ways.framed {
            self.unsent.extend(self.unread.drain(..));
            return;
        }
        // A hasty one takes what is there for the whole frame.
        while let Some(&len) = self.unread.first()
            && (self.hasty || self.unread.len() > usize::from(len))
            && (self.ways.eager || self.unsent.len() <= self.ways.patience)
        {
            let end = self.unread.len().min(usize::from(len) + 1);
            let frame: Vec<u8> = self.unread.drain(..end).collect();
            self.unsent.extend(frame.iter().chain(&frame));
        }
    }

    fn flush(&mut self, out: &mut Outbox<usize>) {
        let to = self.conns[usize::from(self.ways.relays)];
        loop {
            self.take_apart();
            let sent = out.write(to, self.unsent.make_contiguous());
            self.unsent.drain(..sent);
            self.sent_len += sent;
            if sent == 0 {
                break;
            }
        }
        let holds_back = self.unsent.len() > self.ways.patience;
        if holds_back != self.paused {
            self.paused = holds_back;
            if holds_back { out.pause(self.conns[0]) } else { out.resume(self.conns[0]) }
        }
        if self.ended && self.unsent.is_empty() {
            self.ended = false;
            out.event(self.sent_len);
            self.conns.iter().for_each(|&conn| out.close(conn));
        }
    }
}

impl Machine for Holder {
    type Command = ();
    type Event = usize;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<usize>) {
        match input {
            Input::Connected { conn, .. } => self.conns.push(conn),
            Input::Received { bytes, .. } => {
                self.unread.extend_from_slice(bytes);
                self.give_up_at = self.ways.idle.map(|span| now + span);
                self.flush(out);
            }
            Input::Eof { .. } => {
                self.ended = true;
                self.flush(out);
            }
            Input::Writable { .. } => self.flush(out),
            Input::Timeout => {
                self.give_up_at = None;
                out.done(Status::Failure);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

/// One thing that the world does.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// It brings so many of the bytes that are left, unless the stream is paused.
    Bring(usize),
    /// It makes room for so many on either stream.
    Room(usize, u32),
    /// It lets so many milliseconds pass.
    Wait(u64),
    Eof,
}

/// Plays the world; the law that was broken, if one was, and how many bytes were written.
fn play(ways: Ways, hasty: bool, rooms: [u32; 2], stream: &[u8], turns: &[Turn]) -> (Option<Law>, usize) {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let promises = Promises::DEFAULT.max_messages(10_000);
    let mut lawful = Lawful::new(Holder::new(ways, hasty), Holder::new(ways, hasty), promises);
    let mut out = Outlet::new();
    let mut now = Instant::START;
    let conns = rooms.map(|room| out.accept(room));
    let (mut rest, mut paused, mut eof, mut over, mut written) = (stream, false, false, false, 0);
    let mut inputs = vec![Input::Start { local: peer }];
    inputs.extend(conns.map(|conn| Input::Connected { conn, peer, local: peer }));
    let mut turns = turns.iter();
    loop {
        for input in std::mem::take(&mut inputs) {
            out.feed(&mut lawful, input, now);
            if let Some((law, _)) = broken(&out) {
                return (Some(law), written);
            }
            out.drain(|effect| match effect {
                Effect::Write { bytes, .. } => written += bytes.len(),
                Effect::Pause { .. } => paused = true,
                Effect::Resume { .. } => paused = false,
                Effect::Close { .. } | Effect::Done(_) => over = true,
                _ => {}
            });
        }
        let Some(&turn) = turns.next().filter(|_| !over) else { break };
        match turn {
            Turn::Bring(len) if !paused && !eof && !rest.is_empty() => {
                let (bytes, after) = rest.split_at(len.min(rest.len()));
                rest = after;
                inputs.push(Input::Received { conn: conns[0], bytes });
            }
            Turn::Room(which, len) => {
                if out.credit(conns[which], len) {
                    inputs.push(Input::Writable { conn: conns[which] });
                }
            }
            Turn::Wait(millis) => {
                now += Duration::from_millis(millis);
                if let Some(due_at) = lawful.deadline().filter(|due_at| *due_at <= now) {
                    now = due_at;
                    inputs.push(Input::Timeout);
                }
            }
            Turn::Eof if !paused && !eof => {
                eof = true;
                inputs.push(Input::Eof { conn: conns[0] });
            }
            Turn::Bring(_) | Turn::Eof => {}
        }
    }
    if !lawful.machine().conns.is_empty() && lawful.deadline().is_none_or(|due_at| due_at > now) && !over {
        out.release(conns[0]);
        out.feed(&mut lawful, Input::Closed { conn: conns[0], reason: CloseReason::Reset }, now);
    }
    (broken(&out).map(|(law, _)| law), written)
}

fn ways() -> impl Strategy<Value = Ways> {
    let idle = proptest::option::of((1_u64..30).prop_map(Duration::from_millis));
    (any::<bool>(), any::<bool>(), 0_usize..12, any::<bool>(), idle)
        .prop_map(|(framed, relays, patience, eager, idle)| Ways { framed, relays, patience, eager, idle })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        6 => (1_usize..40).prop_map(Turn::Bring),
        6 => (0_usize..2, 1_u32..24).prop_map(|(which, len)| Turn::Room(which, len)),
        3 => (0_u64..20).prop_map(Turn::Wait),
        1 => Just(Turn::Eof),
    ];
    vec(turn, 0..60)
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(0_u8..12, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_holds_back_is_never_accused(
        ways in ways(), rooms in [0_u32..20, 0_u32..20], stream in stream(), turns in turns(),
    ) {
        prop_assert_eq!(play(ways, false, rooms, &stream, &turns).0, None);
    }
}

#[test]
fn a_header_read_as_if_it_came_whole_is_found_and_nothing_else() {
    let mut runner = TestRunner::deterministic();
    let (mut found, mut full) = (0, 0);
    for _ in 0..300 {
        let strategy = (ways(), [0_u32..20, 0_u32..20], stream(), turns());
        let (ways, rooms, stream, turns) = strategy.new_tree(&mut runner).unwrap().current();
        let ways = Ways { framed: true, ..ways };
        let (law, _) = play(ways, true, rooms, &stream, &turns);
        assert!(matches!(law, None | Some(Law::CutsDoNotMatter)), "{law:?}");
        found += usize::from(law.is_some());
        full += usize::from(play(ways, false, rooms, &stream, &turns).1 > 0);
    }
    assert!(found > 100 && full > 200, "found {found} times, where {full} wrote at all");
}

/// Echoes at once and reads on only when a datagram tells it to; an end of line ends what it says.
#[derive(Default)]
struct Nibbler {
    idle_at: Option<Instant>,
}

impl Machine for Nibbler {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Received { conn, bytes } => {
                self.idle_at = Some(now + Duration::from_secs(1));
                if out.write(conn, bytes) < bytes.len() {
                    out.event("it did not fit");
                }
                if bytes.contains(&b'\n') {
                    out.shutdown(conn);
                }
                out.pause(conn);
            }
            Input::Datagram { .. } => out.resume(Conn { index: 0, generation: 0 }),
            Input::Timeout => {
                self.idle_at = None;
                out.event("idle");
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.idle_at
    }
}

/// Gives a nibbler a text whole, then what `then` has; what was said of it.
fn nibble(
    text: &[u8],
    then: impl Fn(&mut Lawful<Nibbler>, Peer, &mut Outlet<&'static str>),
) -> Option<(Law, String)> {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut lawful = Lawful::new(Nibbler::default(), Nibbler::default(), Promises::default());
    let mut out = Outlet::new();
    let conn = out.accept(text.len() as u32);
    out.feed(&mut lawful, Input::Start { local: peer }, Instant::START);
    out.feed(&mut lawful, Input::Connected { conn, peer, local: peer }, Instant::START);
    out.feed(&mut lawful, Input::Received { conn, bytes: text }, Instant::START);
    then(&mut lawful, peer, &mut out);
    broken(&out)
}

#[test]
fn a_twin_that_is_behind_keeps_the_room_that_it_has_left() {
    for text in ["a text of some length", "one that ends what it says\n"] {
        let said = nibble(text.as_bytes(), |lawful, peer, out| {
            for _ in 0..10 {
                out.feed(
                    lawful,
                    Input::Datagram { peer, local: peer, bytes: b"", ecn: Ecn::default() },
                    Instant::START,
                );
            }
        });
        assert_eq!(said, None, "{text:?}");
    }
}

#[test]
fn a_twin_that_is_behind_is_not_held_to_other_timers() {
    let said = nibble(b"a text of some length", |lawful, peer, out| {
        out.feed(
            lawful,
            Input::Datagram { peer, local: peer, bytes: b"", ecn: Ecn::default() },
            Instant::from_millis(500),
        );
        out.feed(lawful, Input::Timeout, Instant::from_millis(1_000));
        for _ in 0..10 {
            out.feed(
                lawful,
                Input::Datagram { peer, local: peer, bytes: b"", ecn: Ecn::default() },
                Instant::from_millis(1_100),
            );
        }
    });
    assert_eq!(said, None);
}

#[test]
fn a_twin_that_has_still_to_read_when_all_is_over_is_not_compared() {
    let said = nibble(b"a text of some length", |lawful, _, out| {
        let conn = Conn { index: 0, generation: 0 };
        out.release(conn);
        let reason = CloseReason::Reset;
        out.feed(lawful, Input::Closed { conn, reason }, Instant::from_millis(1));
        out.feed(lawful, Input::Timeout, Instant::from_millis(1_000));
    });
    assert_eq!(said, None);
}
