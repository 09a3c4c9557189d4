//! What an outbox keeps, and what it refuses.

use super::*;
use crate::machine::{Input, Law, Machine};
use crate::time::Instant;

/// The effects as text, one after another.
fn list<E: fmt::Debug>(out: &Outbox<E>) -> String {
    let effects = out.effects.from(0).map(|effect| match effect {
        Effect::Send { bytes, .. } => format!("send {}", bytes.escape_ascii()),
        Effect::Connect { conn, .. } => format!("connect {conn}"),
        Effect::Write { conn, bytes } => format!("write {conn} {}", bytes.escape_ascii()),
        Effect::Shutdown { conn } => format!("shutdown {conn}"),
        Effect::Close { conn } => format!("close {conn}"),
        Effect::Abort { conn } => format!("abort {conn}"),
        Effect::Pause { conn } => format!("pause {conn}"),
        Effect::Resume { conn } => format!("resume {conn}"),
        Effect::Join { group } => format!("join {group}"),
        Effect::Leave { group } => format!("leave {group}"),
        Effect::Save { bytes } => format!("save {}", bytes.escape_ascii()),
        Effect::Event(index) => format!("event {:?}", out.events[index as usize]),
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
    let mut out = Outbox::new();
    let conn = out.accept(free_len);
    (out, conn)
}

#[test]
fn everything_stays_in_one_order() {
    let (mut out, conn) = open(100);
    out.event(1);
    out.send(peer(), b"a");
    assert_eq!(out.write(conn, b"b"), 1);
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

    out.clear();
    assert!(out.len() == 0);
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
    let mut out = Outbox::<u32>::new();
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
        ("shutdown", |out, conn| out.shutdown(conn)),
        ("close", |out, conn| out.close(conn)),
        ("abort", |out, conn| out.abort(conn)),
        ("release", |out, conn| out.release(conn)),
    ];
    for (way, end) in ways {
        let (mut out, conn) = open(10);
        end(&mut out, conn);
        let len = out.len();
        assert_eq!((out.write(conn, b"x"), out.len(), out.credit(conn, 1)), (0, len, false), "{way}");
        assert_eq!(out.take_misuse(), Some(Misuse::NotOpen(conn)), "{way}");
        assert_eq!(out.take_misuse(), None, "{way}");
    }
    let mut out = Outbox::<u32>::new();
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
        |out, conn| out.close(conn),
        |out, conn| out.pause(conn),
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
    assert_eq!(out.write(conn, b"misuse"), 0);
    out.done(Status::Success);
    out.reset();
    assert_eq!((out.len(), out.take_misuse()), (0, None));
    assert_eq!((out.accept(3), out.write(conn, b"abcd")), (Conn { index: 0, generation: 0 }, 3));
    assert_eq!(list(&out), "write 0.0 abc");
}

#[test]
fn the_rooms_of_another_are_taken_over_and_a_lead_is_given_back() {
    let (mut ahead, both) = open(10);
    let shut = ahead.accept(10);
    let level = ahead.accept(10);
    let mut behind = Outbox::<u32>::new();
    behind.mirror_streams(&mut ahead);
    assert_eq!(ahead.write(both, b"0123456"), 7);
    ahead.shutdown(shut);
    assert_eq!(
        [(both, 2), (shut, 4), (level, 1)].map(|(conn, len)| behind.write(conn, &[0; 4][..len])),
        [2, 4, 1]
    );
    assert_eq!(ahead.write(level, b"0"), 1);
    let mut leads = Vec::new();
    behind.leads_over(&ahead, &mut leads);
    assert_eq!(leads.len(), 2);
    ahead.credit(both, 4);
    behind.mirror_streams(&mut ahead);
    leads.drain(..).for_each(|lead| behind.give_lead(lead));
    let rooms = [both, shut, level].map(|conn| behind.write(conn, &[0; 20]));
    assert_eq!(rooms, [12, 6, 9]);
}

#[cfg(feature = "net")]
#[test]
fn only_writes_that_follow_one_another_to_one_stream_are_merged() {
    let mut out = Outbox::<u8>::new();
    let (first, second) = (out.accept(100), out.accept(100));
    for (conn, bytes) in [(first, b"ab"), (first, b"cd"), (second, b"ef"), (first, b"gh")] {
        assert_eq!(out.write(conn, bytes), 2);
    }
    out.event(7);
    assert_eq!(out.write(first, b"ij"), 2);
    let chunk = out.put(b"kl");
    assert_eq!(out.write_chunk(first, chunk) + out.write_chunk(first, chunk), 4);
    out.merge_writes();
    let left = "write 0.0 abcd, write 1.0 ef, write 0.0 gh, event 7, write 0.0 ijkl, write 0.0 kl";
    assert_eq!(list(&out), left);
}

/// A host with an IPv4 and an IPv6 socket.
fn two_sockets() -> Outbox<u32> {
    let mut out = Outbox::new();
    out.open(&["127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap()]);
    out
}

#[test]
fn a_datagram_leaves_from_the_first_socket_of_its_family() {
    let mut out = two_sockets();
    let v6: Peer = "[::1]:7".parse().unwrap();
    out.send(peer(), b"four");
    out.send(v6, b"six");
    let locals: Vec<String> = out
        .effects
        .from(0)
        .map(|effect| match effect {
            Effect::Send { local, peer, .. } => format!("{local} to {peer}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(locals, ["127.0.0.1:9 to 127.0.0.1:1060", "[::1]:9 to [::1]:7"]);
    let unix: Peer = "unix:/tmp/x".parse().unwrap();
    out.send(unix, b"nowhere to leave from");
    assert_eq!((out.len(), out.take_misuse()), (2, Some(Misuse::NoSocket(unix))));
}

#[test]
fn a_host_without_a_datagram_socket_sends_none() {
    let mut out = Outbox::<u32>::new();
    out.open(&[]);
    out.send(peer(), b"from port 0?");
    assert_eq!((list(&out).as_str(), out.take_misuse()), ("", Some(Misuse::NoSocket(peer()))));
}

#[test]
fn only_an_own_address_of_the_same_family_can_be_sent_from() {
    let own: Peer = "[::1]:9".parse().unwrap();
    let v6: Peer = "[::1]:7".parse().unwrap();
    let (other, v4): (Peer, Peer) = ("[::1]:10".parse().unwrap(), "127.0.0.1:9".parse().unwrap());
    for (local, to, misuse) in [
        (own, v6, None),
        (v4, peer(), None),
        (other, v6, Some(Misuse::NotLocal(other))),
        (v4, v6, Some(Misuse::NotLocal(v4))),
    ] {
        let mut out = two_sockets();
        out.send_from(local, to, b"x");
        assert_eq!(
            (out.len(), out.take_misuse()),
            (usize::from(misuse.is_none()), misuse),
            "{local} to {to}"
        );
    }
}

#[test]
fn a_datagram_has_at_most_what_ip_carries() {
    let v6: Peer = "[::1]:7".parse().unwrap();
    let unix: Peer = "unix:/tmp/x".parse().unwrap();
    for (to, max_len) in [(peer(), 65_507), (unix, 65_507), (v6, 65_527)] {
        let mut out = Outbox::<u32>::new();
        out.send(to, &vec![0; max_len]);
        assert_eq!((out.len(), out.take_misuse()), (1, None), "{to}");
        out.send(to, &vec![0; max_len + 1]);
        assert_eq!((out.len(), out.take_misuse()), (1, Some(Misuse::TooLong(max_len + 1))), "{to}");
    }
}

#[test]
fn a_reply_needs_a_datagram() {
    let mut out = two_sockets();
    out.reply(b"?");
    assert_eq!((out.len(), out.take_misuse()), (0, Some(Misuse::NothingToAnswer)));
}

#[test]
fn a_shutdown_while_dialing_waits_for_the_connection() {
    let mut out = Outbox::<u32>::new();
    let conn = out.connect(peer());
    out.shutdown(conn);
    out.shutdown(conn);
    assert_eq!((list(&out).as_str(), out.take_misuse()), ("connect 0.0, shutdown 0.0", None));
    assert!(out.connected(conn, 9), "it was not given up");
    assert_eq!((out.write(conn, b"x"), out.take_misuse()), (0, Some(Misuse::NotOpen(conn))));
}

/// Answers, and wants to be woken at a moment.
struct Sleeper(Option<Instant>);

impl Machine for Sleeper {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Datagram { .. } => out.reply(b"here"),
            Input::Timeout => {
                self.0 = None;
                out.event("awake");
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.0
    }
}

#[test]
fn a_timeout_that_is_not_due_is_not_handed_in() {
    let due_at = Instant::from_millis(5);
    for (deadline, at, told) in [
        (Some(due_at), Instant::from_nanos(4_999_999), false),
        (Some(due_at), due_at, true),
        (Some(due_at), Instant::from_millis(6), true),
        (None, due_at, false),
    ] {
        let mut out = Outlet::new();
        let mut sleeper = Sleeper(deadline);
        out.feed(&mut sleeper, Input::Timeout, at);
        assert_eq!(
            (out.is_empty(), sleeper.0.is_none()),
            (!told, told || deadline.is_none()),
            "{deadline:?} at {at}"
        );
    }
}

#[test]
fn what_is_drained_is_handed_out_once_and_in_order() {
    let (near, local): (Peer, Peer) = (peer(), "127.0.0.1:9".parse().unwrap());
    let mut out = Outlet::new();
    let mut sleeper = Sleeper(Some(Instant::START));
    let ecn = Ecn::default();
    out.feed(&mut sleeper, Input::Datagram { peer: near, local, bytes: b"?", ecn }, Instant::START);
    out.feed(&mut sleeper, Input::Timeout, Instant::START);
    let mut seen = Vec::new();
    out.drain(|effect| seen.push(format!("{effect:?}")));
    assert_eq!(seen.len(), 2);
    assert!(seen[0].starts_with("Send") && seen[1] == "Event(\"awake\")", "{seen:?}");
    assert!(out.is_empty() && out.effects().len() == 0);
    out.drain(|effect| panic!("{effect:?}"));
}

#[test]
fn a_reply_answers_the_datagram_of_this_input_alone() {
    struct Late;
    impl Machine for Late {
        type Command = ();
        type Event = ();
        fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
            if matches!(input, Input::Stop) {
                out.reply(b"too late");
            }
        }
    }
    let (near, local): (Peer, Peer) = (peer(), "127.0.0.1:9".parse().unwrap());
    let (mut out, ecn) = (Outlet::new(), Ecn::default());
    out.feed(&mut Late, Input::Datagram { peer: near, local, bytes: b"?", ecn }, Instant::START);
    out.feed(&mut Late, Input::Stop, Instant::START);
    assert_eq!((out.is_empty(), out.take_misuse()), (true, Some(Misuse::NothingToAnswer)));
}
