//! For each law a machine that breaks it and no other, and the same machine repaired.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::broken;
use crate::lawful::{Cuts, Lawful, Promises};
use crate::machine::{CloseReason, Conn, Input, Law, Machine, Outbox, Peer, Status};
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What may be wrong with the machine of these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// An early timeout makes it tick.
    EarlyTick,
    /// An early timeout puts its deadline off.
    EarlyDelay,
    /// A late timeout leaves a deadline in the past.
    PastDeadline,
    /// Each read is a line.
    ReadsAreLines,
    /// At the end it tells how many reads there were.
    CountsReads,
    /// The events tell how many reads there were.
    TellsReads,
    /// It puts the time into what it sends.
    SendsTime,
    /// Its deadlines are at whole seconds of the clock.
    WholeSeconds,
    /// It counts across all machines of the process.
    Global,
    /// It answers one datagram by this many, of so many bytes.
    Many(usize, usize),
    /// It opens this many streams at once.
    Dials(usize),
    /// It writes after it has shut down.
    WritesAfterShutdown,
    /// It writes after the connection was closed.
    WritesAfterClosed,
    /// It sends after it is done.
    SendsAfterDone,
}

/// Echoes lines, answers datagrams, ticks every second.
struct Sample {
    flaw: Option<Flaw>,
    tick_at: Option<Instant>,
    line: Vec<u8>,
    reads: usize,
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);

impl Sample {
    fn next_tick(&self, due_at: Instant, now: Instant) -> Instant {
        let missed = now.since(due_at).as_secs() as u32;
        match self.flaw {
            Some(Flaw::PastDeadline) => due_at + SECOND,
            Some(Flaw::WholeSeconds) => Instant::from_millis((now + SECOND).since_start().as_secs() * 1_000),
            _ => due_at + SECOND * (missed + 1),
        }
    }

    fn read(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox<String>) {
        self.reads += 1;
        if self.flaw == Some(Flaw::TellsReads) {
            out.event(format!("read {}", self.reads));
        }
        self.line.extend_from_slice(bytes);
        if self.flaw == Some(Flaw::ReadsAreLines) {
            self.line.push(b'\n');
        }
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            out.write(conn, &line);
        }
    }

    fn answer(&self, peer: Peer, now: Instant, out: &mut Outbox<String>) {
        match self.flaw {
            Some(Flaw::SendsTime) => out.send_fmt(peer, format_args!("{now}")),
            Some(Flaw::Global) => {
                out.send_fmt(peer, format_args!("{}", GLOBAL.fetch_add(1, Ordering::Relaxed)));
            }
            Some(Flaw::Many(messages, len)) => {
                (0..messages).for_each(|_| out.send(peer, &vec![0; len]));
            }
            Some(Flaw::Dials(streams)) => (0..streams).for_each(|_| _ = out.connect(peer)),
            _ => out.send(peer, b"yes"),
        }
    }
}

impl Machine for Sample {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => self.tick_at = Some(self.next_tick(now, now)),
            Input::Timeout => match (self.tick_at, self.flaw) {
                (Some(due_at), _) if due_at <= now => {
                    out.event("tick".to_owned());
                    self.tick_at = Some(self.next_tick(due_at, now));
                }
                (_, Some(Flaw::EarlyTick)) => out.event("tick".to_owned()),
                (_, Some(Flaw::EarlyDelay)) => self.tick_at = Some(now + SECOND),
                _ => {}
            },
            Input::Datagram { peer, .. } => self.answer(peer, now, out),
            Input::Received { conn, bytes } => self.read(conn, bytes, out),
            Input::Eof { conn } => {
                if self.flaw == Some(Flaw::CountsReads) {
                    out.write(conn, &[self.reads as u8]);
                }
                out.shutdown(conn);
                if self.flaw == Some(Flaw::WritesAfterShutdown) {
                    out.write(conn, b"one thing more");
                }
            }
            Input::Closed { conn, .. } if self.flaw == Some(Flaw::WritesAfterClosed) => {
                out.write(conn, b"still there?");
            }
            Input::Stop => {
                out.done(Status::Success);
                if self.flaw == Some(Flaw::SendsAfterDone) {
                    out.event("gone".to_owned());
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

fn sample(flaw: Option<Flaw>) -> Sample {
    Sample { flaw, tick_at: None, line: Vec::new(), reads: 0 }
}

fn lawful(flaw: Option<Flaw>, cuts: Cuts) -> Lawful<Sample> {
    Lawful::new(sample(flaw), sample(flaw), Promises { cuts, ..Promises::default() })
}

/// Gives a machine one thing of each kind; the law that it breaks first.
fn law_of(mut lawful: Lawful<Sample>) -> Option<Law> {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut out = Outbox::default();
    let at = Instant::from_millis;
    lawful.handle(Input::Start { local: peer }, at(0), &mut out);
    lawful.handle(Input::Datagram { peer, bytes: b"?" }, at(10), &mut out);
    lawful.handle(Input::Timeout, at(1_000), &mut out);
    lawful.handle(Input::Timeout, at(4_500), &mut out);
    let conn = out.accept(1_000);
    lawful.handle(Input::Connected { conn, peer, local: peer }, at(4_600), &mut out);
    for line in ["Beautiful is better than?\nSimple is", " better than?\n", "x\n"] {
        lawful.handle(Input::Received { conn, bytes: line.as_bytes() }, at(4_700), &mut out);
    }
    lawful.handle(Input::Eof { conn }, at(4_800), &mut out);
    out.release(conn);
    lawful.handle(Input::Closed { conn, reason: CloseReason::Finished }, at(4_900), &mut out);
    lawful.handle(Input::Stop, at(5_000), &mut out);
    broken(&out).map(|(law, _)| law)
}

#[test]
fn each_law_is_held_and_named() {
    let table = [
        (Flaw::EarlyTick, Law::EarlyTimeout),
        (Flaw::EarlyDelay, Law::EarlyTimeout),
        (Flaw::PastDeadline, Law::TimerAdvances),
        (Flaw::ReadsAreLines, Law::CutsDoNotMatter),
        (Flaw::CountsReads, Law::CutsDoNotMatter),
        (Flaw::TellsReads, Law::CutsDoNotMatter),
        (Flaw::SendsTime, Law::ShiftedInTime),
        (Flaw::WholeSeconds, Law::ShiftedInTime),
        (Flaw::Many(17, 1), Law::BoundedOutput),
        (Flaw::Many(2, 64 * 1024 + 1), Law::BoundedOutput),
        (Flaw::Dials(17), Law::BoundedOutput),
        (Flaw::WritesAfterShutdown, Law::SilentAfterTheEnd),
        (Flaw::WritesAfterClosed, Law::SilentAfterTheEnd),
        (Flaw::SendsAfterDone, Law::SilentAfterTheEnd),
    ];
    for (flaw, law) in table {
        assert_eq!(law_of(lawful(Some(flaw), Cuts::Free)), Some(law), "{flaw:?}");
    }
    assert_eq!(law_of(lawful(None, Cuts::Free)), None);
}

#[test]
fn what_reaches_the_bounds_breaks_no_law() {
    for flaw in [Flaw::Many(16, 8 * 1024), Flaw::Dials(16)] {
        assert_eq!(law_of(lawful(Some(flaw), Cuts::Free)), None, "{flaw:?}");
    }
}

#[test]
fn time_that_goes_back_is_named() {
    let mut lawful = lawful(None, Cuts::Free);
    let mut out = Outbox::default();
    let local = "127.0.0.1:1060".parse().unwrap();
    lawful.handle(Input::Start { local }, Instant::from_nanos(5), &mut out);
    lawful.handle(Input::Timeout, Instant::from_nanos(5), &mut out);
    assert_eq!(broken(&out), None);
    lawful.handle(Input::Timeout, Instant::from_nanos(4), &mut out);
    let detail = "an input came at 0.000000004, after one at 0.000000005".to_owned();
    assert_eq!(broken(&out), Some((Law::TimeGoesOn, detail)));
}

#[test]
fn a_plain_twin_without_a_shift_sees_what_is_not_determined_and_nothing_else() {
    let plain = |flaw| lawful(Some(flaw), Cuts::Free).plain().with_shift(Duration::ZERO);
    assert_eq!(law_of(plain(Flaw::Global)), Some(Law::SameInputsSameOutputs));
    for flaw in [Flaw::EarlyTick, Flaw::ReadsAreLines, Flaw::CountsReads, Flaw::SendsTime] {
        assert_eq!(law_of(plain(flaw)), None, "{flaw:?}");
    }
    // A twin that starts later differs too; that alone does not tell why.
    assert_eq!(law_of(lawful(Some(Flaw::Global), Cuts::Free)), Some(Law::ShiftedInTime));
    let unshifted = lawful(Some(Flaw::Global), Cuts::Free).with_shift(Duration::ZERO);
    assert_eq!(law_of(unshifted), Some(Law::SameInputsSameOutputs));
}

#[test]
fn events_may_tell_of_reads_where_that_is_declared() {
    assert_eq!(law_of(lawful(Some(Flaw::TellsReads), Cuts::EventsTell)), None);
    for flaw in [Flaw::ReadsAreLines, Flaw::CountsReads] {
        assert_eq!(law_of(lawful(Some(flaw), Cuts::EventsTell)), Some(Law::CutsDoNotMatter), "{flaw:?}");
    }
}

#[test]
fn where_cuts_matter_only_the_other_laws_are_held() {
    for flaw in [Flaw::TellsReads, Flaw::ReadsAreLines, Flaw::CountsReads] {
        assert_eq!(law_of(lawful(Some(flaw), Cuts::Matter)), None, "{flaw:?}");
    }
    assert_eq!(law_of(lawful(Some(Flaw::SendsTime), Cuts::Matter)), Some(Law::ShiftedInTime));
    assert_eq!(law_of(lawful(Some(Flaw::EarlyTick), Cuts::Matter)), Some(Law::EarlyTimeout));
}

#[test]
fn without_a_twin_the_laws_of_the_machine_alone_are_held() {
    let alone = |flaw| {
        let promises = Promises { repeatable: false, ..Promises::default() };
        law_of(Lawful::new(sample(Some(flaw)), sample(Some(flaw)), promises))
    };
    for flaw in [Flaw::EarlyTick, Flaw::ReadsAreLines, Flaw::SendsTime, Flaw::Global] {
        assert_eq!(alone(flaw), None, "{flaw:?}");
    }
    assert_eq!(alone(Flaw::PastDeadline), Some(Law::TimerAdvances));
    assert_eq!(alone(Flaw::Many(17, 1)), Some(Law::BoundedOutput));
    assert_eq!(alone(Flaw::SendsAfterDone), Some(Law::SilentAfterTheEnd));
}
