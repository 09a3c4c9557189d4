//! What an outbox keeps, and what it refuses.

use super::*;
use crate::machine::Law;

/// The effects as text, one after another.
fn list<E: fmt::Debug>(out: &Outbox<E>) -> String {
    let effects = out.effects().map(|effect| match effect {
        Effect::Send { bytes, .. } => format!("send {}", bytes.escape_ascii()),
        Effect::Connect { conn, .. } => format!("connect {conn}"),
        Effect::Write { conn, bytes } => format!("write {conn} {}", bytes.escape_ascii()),
        Effect::Shutdown { conn } => format!("shutdown {conn}"),
        Effect::Close { conn } => format!("close {conn}"),
        Effect::Abort { conn } => format!("abort {conn}"),
        Effect::Pause { conn } => format!("pause {conn}"),
        Effect::Resume { conn } => format!("resume {conn}"),
        Effect::Save { bytes } => format!("save {}", bytes.escape_ascii()),
        Effect::Event(event) => format!("event {event:?}"),
        Effect::Done(status) => format!("done {}", status.code()),
        Effect::Violation(violation) => format!("violation {}", violation.law.number()),
    });
    effects.collect::<Vec<_>>().join(", ")
}

fn peer() -> Peer {
    "127.0.0.1:1060".parse().unwrap()
}

/// An outbox with one open stream.
fn open(free_len: u32) -> (Outbox<u32>, Conn) {
    let mut out = Outbox::default();
    let conn = out.accept(free_len);
    (out, conn)
}

#[test]
fn everything_stays_in_one_order() {
    let (mut out, conn) = open(100);
    out.event(1);
    out.send(peer(), b"a");
    out.write(conn, b"b");
    out.send_fmt(peer(), format_args!("{}-{}", 1, 2));
    let dialed = out.connect(peer());
    out.pause(conn);
    out.save(b"disk");
    out.event(2);
    out.resume(conn);
    out.shutdown(conn);
    out.close(conn);
    out.abort(dialed);
    out.done(Status::Failure);
    let expected = "event 1, send a, write 0.0 b, send 1-2, connect 1.0, pause 0.0, save disk, event 2, \
                    resume 0.0, shutdown 0.0, close 0.0, abort 1.0, done 1";
    assert_eq!((list(&out).as_str(), out.len()), (expected, 13));
    assert_eq!(out.take_misuse(), None);

    let mut events = Vec::new();
    out.drain(|effect| {
        if let Effect::Event(event) = effect {
            events.push(event);
        }
    });
    assert_eq!((events, out.is_empty()), (vec![1, 2], true));
}

#[test]
fn a_write_takes_what_fits_and_arms_writable_once() {
    let (mut out, conn) = open(4);
    assert_eq!(out.write(conn, b"abcd"), 4);
    assert!(!out.credit(conn, 1), "the buffer was full, but no write was short");
    assert_eq!(out.write(conn, b"efg"), 1);
    assert_eq!(out.write(conn, b"fg"), 0);
    assert_eq!(list(&out), "write 0.0 abcd, write 0.0 e");
    assert!(out.credit(conn, 1));
    assert!(!out.credit(conn, 1), "writable was due once");
    assert_eq!((out.write(conn, b"fg"), out.write(conn, b"")), (2, 0));
    assert!(!out.credit(conn, 1), "writing nothing is not short");
    assert_eq!(out.take_misuse(), None);
}

#[test]
fn a_chunk_is_put_once_and_goes_to_many() {
    let (mut out, near) = open(100);
    let narrow = out.accept(3);
    let chunk = out.put_fmt(format_args!("hello {}", 7));
    assert_eq!((chunk.len(), chunk.is_empty(), out.put(b"").is_empty()), (7, false, true));
    out.send_chunk(peer(), chunk);
    assert_eq!((out.write_chunk(near, chunk), out.write_chunk(narrow, chunk)), (7, 3));
    assert_eq!(out.write_chunk(narrow, chunk), 0);
    assert_eq!(list(&out), "send hello 7, write 0.0 hello 7, write 1.0 hel");
    assert_eq!(out.arena.len(), 7);
    assert!(!out.credit(near, 7) && out.credit(narrow, 3));
}

#[test]
fn an_index_is_used_again_with_the_next_generation_the_smallest_first() {
    let mut out = Outbox::<u32>::default();
    let names = [0; 3].map(|_| out.accept(1).to_string());
    assert_eq!(names, ["0.0", "1.0", "2.0"]);
    let old = [0, 1, 2].map(|index| Conn { index, generation: 0 });
    out.release(old[2]);
    out.release(old[0]);
    out.release(old[0]);
    let next = out.connect(peer());
    assert_eq!((next.to_string(), out.accept(1).to_string()), ("0.1".to_owned(), "2.1".to_owned()));
    assert_eq!(out.accept(1).to_string(), "3.0");
    // The old name is nobody's.
    out.pause(old[0]);
    out.close(old[0]);
    out.abort(old[0]);
    assert_eq!(list(&out), "connect 0.1");
    assert!(!out.connected(old[0], 9) && !out.credit(old[0], 9) && out.connected(next, 9));
    assert_eq!(out.write(old[0], b"x"), 0);
    assert_eq!(out.take_misuse(), Some(Misuse::NotOpen(old[0])));
    assert_eq!((out.write(next, b"0123456789"), out.take_misuse()), (9, None));
}

#[test]
fn nothing_is_written_to_a_stream_that_is_not_open() {
    type End = fn(&mut Outbox<u32>, Conn);
    let ways: [(&str, End); 4] = [
        ("shutdown", Outbox::shutdown),
        ("close", Outbox::close),
        ("abort", Outbox::abort),
        ("release", Outbox::release),
    ];
    for (way, end) in ways {
        let (mut out, conn) = open(10);
        end(&mut out, conn);
        let len = out.len();
        assert_eq!((out.write(conn, b"x"), out.len(), out.credit(conn, 1)), (0, len, false), "{way}");
        assert_eq!(out.take_misuse(), Some(Misuse::NotOpen(conn)), "{way}");
        assert_eq!(out.take_misuse(), None, "{way}");
    }
    let mut out = Outbox::<u32>::default();
    let dialing = out.connect(peer());
    assert_eq!(out.write(dialing, b"x"), 0);
    assert_eq!(out.take_misuse(), Some(Misuse::NotOpen(dialing)));
    // Given up while it was being dialed: it does not come to stand.
    out.close(dialing);
    assert!(!out.connected(dialing, 9));
}

#[test]
fn ending_twice_is_no_misuse() {
    let (mut out, conn) = open(10);
    out.shutdown(conn);
    out.shutdown(conn);
    out.close(conn);
    out.release(conn);
    out.close(conn);
    out.abort(conn);
    out.pause(conn);
    out.resume(conn);
    assert_eq!((list(&out).as_str(), out.take_misuse()), ("shutdown 0.0, close 0.0", None));
    out.shutdown(conn);
    assert_eq!(out.take_misuse(), Some(Misuse::NotOpen(conn)));
}

#[test]
fn nothing_comes_after_done_but_a_report_of_it() {
    let puts: [fn(&mut Outbox<u32>, Conn); 8] = [
        |out, _| out.send(peer(), b"x"),
        |out, _| _ = out.connect(peer()),
        |out, conn| _ = out.write(conn, b"x"),
        Outbox::close,
        Outbox::pause,
        |out, _| out.save(b"x"),
        |out, _| out.event(1),
        |out, _| out.done(Status::Success),
    ];
    for (index, put) in puts.into_iter().enumerate() {
        let (mut out, conn) = open(10);
        out.done(Status::Success);
        put(&mut out, conn);
        assert_eq!((list(&out).as_str(), out.take_misuse()), ("done 0", Some(Misuse::AfterDone)), "{index}");
    }
    let (mut out, _) = open(10);
    out.done(Status::Success);
    out.violate(Violation { law: Law::BoundedOutput, detail: String::new() });
    assert_eq!(list(&out), "done 0, violation 8");
}

#[test]
fn reset_forgets_everything() {
    let (mut out, conn) = open(10);
    out.release(conn);
    out.accept(3);
    out.send(peer(), b"x");
    out.write(conn, b"misuse");
    out.done(Status::Success);
    out.reset();
    assert_eq!((out.is_empty(), out.take_misuse()), (true, None));
    assert_eq!((out.accept(3), out.write(conn, b"abcd")), (Conn { index: 0, generation: 0 }, 3));
    assert_eq!(list(&out), "write 0.0 abc");
}

#[test]
fn the_rooms_of_another_are_taken_over_and_a_lead_is_given_back() {
    let (mut ahead, both) = open(10);
    let shut = ahead.accept(10);
    let level = ahead.accept(10);
    let mut behind = Outbox::<u32>::default();
    behind.mirror_streams(&ahead);
    ahead.write(both, b"0123456");
    ahead.shutdown(shut);
    behind.write(both, b"01");
    behind.write(shut, b"0123");
    behind.write(level, b"0");
    ahead.write(level, b"0");
    let mut leads = Vec::new();
    behind.leads_over(&ahead, &mut leads);
    assert_eq!(leads.len(), 2);
    ahead.credit(both, 4);
    behind.mirror_streams(&ahead);
    leads.drain(..).for_each(|lead| behind.give_lead(lead));
    let rooms = [both, shut, level].map(|conn| behind.write(conn, &[0; 20]));
    assert_eq!(rooms, [12, 6, 9]);
}

#[cfg(feature = "net")]
#[test]
fn only_writes_that_follow_one_another_to_one_stream_are_merged() {
    let mut out = Outbox::<u8>::default();
    let (first, second) = (out.accept(100), out.accept(100));
    out.write(first, b"ab");
    out.write(first, b"cd");
    out.write(second, b"ef");
    out.write(first, b"gh");
    out.event(7);
    out.write(first, b"ij");
    let chunk = out.put(b"kl");
    out.write_chunk(first, chunk);
    out.write_chunk(first, chunk);
    out.merge_writes();
    let mut left = Vec::new();
    out.drain(|effect| match effect {
        Effect::Write { conn, bytes } => left.push((Some(conn), bytes.to_vec())),
        Effect::Event(event) => left.push((None, vec![event])),
        other => panic!("{other:?}"),
    });
    let written = |conn, bytes: &[u8]| (Some(conn), bytes.to_vec());
    let event = (None, vec![7]);
    assert_eq!(
        left,
        [
            written(first, b"abcd"),
            written(second, b"ef"),
            written(first, b"gh"),
            event,
            written(first, b"ijkl"),
            written(first, b"kl"),
        ]
    );
}
