//! For each law a machine that breaks it and no other, and the same machine repaired.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::broken;
use crate::lawful::{Cuts, Decode, Lawful, Moments, Promises};
use crate::machine::{CloseReason, Conn, Ecn, Input, Law, Machine, Outbox, Outlet, Peer, Status};
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What may be wrong with the machine of these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
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
            assert_eq!(out.write(conn, &line), line.len());
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
            Input::Timeout => {
                out.event("tick".to_owned());
                self.tick_at = self.tick_at.map(|due_at| self.next_tick(due_at, now));
            }
            Input::Datagram { peer, .. } => self.answer(peer, now, out),
            Input::Received { conn, bytes } => self.read(conn, bytes, out),
            Input::Eof { conn } => {
                if self.flaw == Some(Flaw::CountsReads) {
                    assert_eq!(out.write(conn, &[self.reads as u8]), 1);
                }
                out.shutdown(conn);
                if self.flaw == Some(Flaw::WritesAfterShutdown) {
                    assert_eq!(out.write(conn, b"one thing more"), 0);
                }
            }
            Input::Closed { conn, .. } if self.flaw == Some(Flaw::WritesAfterClosed) => {
                assert_eq!(out.write(conn, b"still there?"), 0);
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
    Lawful::new(sample(flaw), sample(flaw), Promises::DEFAULT.cuts(cuts))
}

/// Gives a machine one thing of each kind; the law that it breaks first.
fn law_of(mut lawful: Lawful<Sample>) -> Option<Law> {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut out = Outlet::new();
    let at = Instant::from_millis;
    out.feed(&mut lawful, Input::Start { local: peer }, at(0));
    out.feed(&mut lawful, Input::Datagram { peer, local: peer, bytes: b"?", ecn: Ecn::default() }, at(10));
    out.feed(&mut lawful, Input::Timeout, at(1_000));
    out.feed(&mut lawful, Input::Timeout, at(4_500));
    let conn = out.accept(1_000);
    out.feed(&mut lawful, Input::Connected { conn, peer, local: peer }, at(4_600));
    for line in ["Beautiful is better than?\nSimple is", " better than?\n", "x\n"] {
        out.feed(&mut lawful, Input::Received { conn, bytes: line.as_bytes() }, at(4_700));
    }
    out.feed(&mut lawful, Input::Eof { conn }, at(4_800));
    out.release(conn);
    out.feed(&mut lawful, Input::Closed { conn, reason: CloseReason::Finished }, at(4_900));
    out.feed(&mut lawful, Input::Stop, at(5_000));
    broken(&out).map(|(law, _)| law)
}

#[test]
fn each_law_is_held_and_named() {
    let table = [
        (Flaw::PastDeadline, Law::TimerAdvances),
        (Flaw::ReadsAreLines, Law::CutsDoNotMatter),
        (Flaw::CountsReads, Law::CutsDoNotMatter),
        (Flaw::TellsReads, Law::CutsDoNotMatter),
        (Flaw::SendsTime, Law::ShiftedInTime),
        (Flaw::WholeSeconds, Law::ShiftedInTime),
        (Flaw::Many(1_025, 1), Law::BoundedOutput),
        (Flaw::Many(17, 62_000), Law::BoundedOutput),
        (Flaw::Dials(1_025), Law::BoundedOutput),
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
    for flaw in [Flaw::Many(1_024, 1_024), Flaw::Dials(1_024)] {
        assert_eq!(law_of(lawful(Some(flaw), Cuts::Free)), None, "{flaw:?}");
    }
}

#[test]
fn time_that_goes_back_is_named() {
    let mut lawful = lawful(None, Cuts::Free);
    let mut out = Outlet::new();
    let local = "127.0.0.1:1060".parse().unwrap();
    out.feed(&mut lawful, Input::Start { local }, Instant::from_nanos(5));
    out.feed(&mut lawful, Input::Command(&()), Instant::from_nanos(5));
    assert_eq!(broken(&out), None);
    out.feed(&mut lawful, Input::Command(&()), Instant::from_nanos(4));
    let detail = "an input came at 0.000000004, after one at 0.000000005".to_owned();
    assert_eq!(broken(&out), Some((Law::TimeGoesOn, detail)));
}

#[test]
fn a_plain_twin_without_a_shift_sees_what_is_not_determined_and_nothing_else() {
    let plain = |flaw| lawful(Some(flaw), Cuts::Free).plain().with_shift(Duration::ZERO);
    assert_eq!(law_of(plain(Flaw::Global)), Some(Law::SameInputsSameOutputs));
    for flaw in [Flaw::ReadsAreLines, Flaw::CountsReads, Flaw::SendsTime] {
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
}

#[test]
fn without_a_twin_the_laws_of_the_machine_alone_are_held() {
    let alone = |flaw| {
        let promises = Promises::DEFAULT.not_repeatable();
        law_of(Lawful::new(sample(Some(flaw)), sample(Some(flaw)), promises))
    };
    for flaw in [Flaw::ReadsAreLines, Flaw::SendsTime, Flaw::Global] {
        assert_eq!(alone(flaw), None, "{flaw:?}");
    }
    assert_eq!(alone(Flaw::PastDeadline), Some(Law::TimerAdvances));
    assert_eq!(alone(Flaw::Many(1_025, 1)), Some(Law::BoundedOutput));
    assert_eq!(alone(Flaw::SendsAfterDone), Some(Law::SilentAfterTheEnd));
}

/// Sends the moment as eight bytes, behind a count that is wrong once it is `broken`.
struct Clock {
    is_broken: bool,
    sent: u8,
}

static WRONG: AtomicU64 = AtomicU64::new(0);

impl Machine for Clock {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            self.sent += 1;
            let count = if self.is_broken { WRONG.fetch_add(1, Ordering::Relaxed) as u8 } else { self.sent };
            let moment = now.since_start().as_nanos() as u64;
            out.reply(&[&[count][..], &moment.to_be_bytes()].concat());
        }
    }
}

/// Blanks the moment of a clock's message.
fn blank(message: &mut [u8]) {
    message[1..].fill(0);
}

fn law_of_clock(is_broken: bool, promises: Promises) -> Option<Law> {
    let clock = || Clock { is_broken, sent: 0 };
    let mut lawful = Lawful::new(clock(), clock(), promises);
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let mut out = Outlet::new();
    for millis in [10, 20] {
        out.feed(
            &mut lawful,
            Input::Datagram { peer, local: peer, bytes: b"?", ecn: Ecn::default() },
            Instant::from_millis(millis),
        );
    }
    broken(&out).map(|(law, _)| law)
}

/// What law 5 asks of all, a protocol with time stamps cannot keep: it says where they are, and keeps the rest.
#[test]
fn moments_in_messages_are_allowed_where_they_are_declared_and_all_else_is_compared() {
    let blanked = Promises::DEFAULT.moments(Moments::Blanked(blank));
    assert_eq!(law_of_clock(false, Promises::DEFAULT), Some(Law::ShiftedInTime));
    assert_eq!(law_of_clock(false, blanked), None);
    assert_eq!(law_of_clock(true, blanked), Some(Law::ShiftedInTime), "the count is no moment");
}

/// Without a shift the moments are the same, so that law 6 is still held.
#[test]
fn where_moments_are_anywhere_law_5_alone_is_given_up() {
    let anywhere = Promises::DEFAULT.moments(Moments::Anywhere);
    assert_eq!(law_of_clock(false, anywhere), None);
    assert_eq!(law_of_clock(true, anywhere), Some(Law::SameInputsSameOutputs));
    let with = |flaw| law_of(Lawful::new(sample(Some(flaw)), sample(Some(flaw)), anywhere));
    assert_eq!(with(Flaw::SendsTime), None);
    assert_eq!(with(Flaw::WholeSeconds), None);
    assert_eq!(with(Flaw::ReadsAreLines), Some(Law::CutsDoNotMatter));
    assert_eq!(with(Flaw::PastDeadline), Some(Law::TimerAdvances));
}

/// Says what it is given, and at one place the moment.
struct Saying(fn(Instant, Peer, &mut Outbox<String>));

impl Machine for Saying {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        if let Input::Datagram { peer, .. } = input {
            self.0(now, peer, out);
        }
    }
}

/// What is said of a machine that puts this out, with messages decoded in this way.
fn said(decode: Option<Decode>, put: fn(Instant, Peer, &mut Outbox<String>)) -> String {
    let mut lawful = Lawful::new(Saying(put), Saying(put), Promises::DEFAULT);
    lawful.judge.twin.decode = decode;
    let peer: Peer = "[2001:db8:1111:2222:3333:4444:5555:6666]:60000".parse().unwrap();
    let mut out = Outlet::new();
    out.feed(
        &mut lawful,
        Input::Datagram { peer, local: peer, bytes: b"", ecn: Ecn::default() },
        Instant::from_nanos(100_000_001),
    );
    let (law, detail) = broken(&out).expect("the moment differs");
    assert_eq!(law, Law::ShiftedInTime);
    assert!(detail.chars().count() < 400, "{} characters: {detail}", detail.chars().count());
    detail
}

/// A message with a moment in its middle, and much before and after it.
fn long(now: Instant) -> Vec<u8> {
    [&[0xfe; 4_000][..], &now.since_start().as_nanos().to_be_bytes(), &[0xfe; 4_000]].concat()
}

/// Thousands of bytes are told as those around the first that differs.
#[test]
fn what_differs_is_told_by_its_first_byte_and_in_short() {
    let short = said(None, |now, peer, out| {
        out.send(peer, b"the same");
        out.send_fmt(peer, format_args!("at {}", now.since_start().as_secs()));
    });
    assert_eq!(
        short,
        "at 0.100000001 the machine sent \"at 0\" (4 bytes) from 0.0.0.0:0 to 127.0.0.1:1, its twin sent \"at 3600\" \
         (7 bytes); they differ from byte 3 on"
            .replace("0.0.0.0:0", "[::]:0")
            .replace("127.0.0.1:1,", "[2001:db8:1111:2222:3333:4444:5555:6666]:60000,")
    );
    let sent = said(None, |now, peer, out| out.send(peer, &long(now)));
    assert!(sent.contains("sent …\"\\xfe\\xfe") || sent.contains("sent …\"\\x00"), "{sent}");
    assert!(sent.contains("(8016 bytes)") && sent.ends_with("; they differ from byte 4010 on"), "{sent}");
    let saved = said(None, |now, _, out| out.save(&long(now)));
    assert!(saved.contains("the machine saved …\"") && saved.contains("(8016 bytes)"), "{saved}");
}

#[test]
fn an_event_that_differs_is_told_around_what_differs() {
    let told = said(None, |now, _, out| {
        out.event(format!("{}{now}{}", "before ".repeat(500), "after ".repeat(500)));
    });
    assert!(
        told.contains("reported …") && told.contains("before 0.100") && told.contains("before 3600.117"),
        "{told}"
    );
    let nothing = said(None, |now, _, out| {
        if now > Instant::from_millis(3_600_000) {
            out.event("it is late".to_owned());
        }
    });
    assert_eq!(nothing, "at 0.100000001 the machine did nothing more, its twin reported \"it is late\"");
}

/// A reader of reports knows messages by their names, not by their bytes.
#[test]
fn messages_that_differ_are_told_decoded() {
    let decode: Decode = |bytes| {
        let moment = bytes.get(4_008..4_016)?;
        let moment = u64::from_be_bytes(moment.try_into().ok()?);
        Some(format!("Tick({moment}){}", " and padding".repeat(100)))
    };
    let told = said(Some(decode), |now, peer, out| out.send(peer, &long(now)));
    assert!(told.starts_with("at 0.100000001 the machine sent Tick(100000001) and"), "{told}");
    assert!(told.contains("its twin sent Tick(3600117000001) and"), "{told}");
    // One that says the same of both hides what is to be seen.
    let blind = said(Some(|_| Some("Tick".to_owned())), |now, peer, out| out.send(peer, &long(now)));
    assert!(blind.contains("(8016 bytes)") && !blind.contains("Tick"), "{blind}");
}
