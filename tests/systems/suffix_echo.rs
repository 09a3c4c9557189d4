//! suffix-echo in simulation, and its machines by hand.

use std::fmt;
use std::time::Duration;

use lossproof::fault::strategy::plan;
use lossproof::machine::{CloseReason, Conn, Effect, Outlet};
use lossproof::systems::suffix_echo::{
    self, Client, Command, MAX_LINE_LEN, MAX_TAKEN_LEN, MAX_WAITING_LEN, SUFFIX, Server, print_client,
    print_server,
};
use lossproof::systems::{Options, Typed};
use lossproof::{Input, Instant, Machine, Net, Peer, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, assert_snapshot, config, run, stormy};

const TIMEOUT: Duration = Duration::from_secs(5);

fn net() -> Net {
    suffix_echo::net(&Options::default())
}

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

/// A machine with one connection that stands, and what it puts out.
struct One<M: Machine> {
    machine: M,
    out: Outlet<M::Event>,
    print: fn(&M::Event, &mut dyn fmt::Write) -> fmt::Result,
    conn: Conn,
    now: Instant,
    written: Vec<u8>,
    shown: String,
    done: Option<Status>,
    /// Pauses and resumes, closes and aborts, in order.
    acts: Vec<&'static str>,
}

impl<M: Machine> One<M> {
    fn new(
        machine: M,
        conn: Conn,
        out: Outlet<M::Event>,
        print: fn(&M::Event, &mut dyn fmt::Write) -> fmt::Result,
    ) -> Self {
        let now = Instant::START;
        Self {
            machine,
            out,
            print,
            conn,
            now,
            written: Vec::new(),
            shown: String::new(),
            done: None,
            acts: Vec::new(),
        }
    }

    fn give(&mut self, input: Input<'_, M::Command>) {
        self.out.feed(&mut self.machine, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        self.out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => self.written.extend_from_slice(bytes),
            Effect::Event(event) => (self.print)(&event, &mut self.shown).unwrap(),
            Effect::Done(status) => self.done = Some(status),
            Effect::Pause { .. } => self.acts.push("pause"),
            Effect::Resume { .. } => self.acts.push("resume"),
            Effect::Close { .. } => self.acts.push("close"),
            Effect::Abort { .. } => self.acts.push("abort"),
            Effect::Connect { .. } => {}
            other => panic!("{other:?}"),
        });
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.give(Input::Received { conn: self.conn, bytes });
    }

    /// Gives the stream room, and the machine the word of it if it is due.
    fn room(&mut self, len: u32) {
        if self.out.credit(self.conn, len) {
            self.give(Input::Writable { conn: self.conn });
        }
    }
}

fn server(room: u32) -> One<Server> {
    let mut out = Outlet::new();
    let conn = out.accept(room);
    let mut one = One::new(Server::default(), conn, out, print_server);
    let (peer, local) = (peer("127.0.0.1:50000"), peer("127.0.0.1:8888"));
    one.give(Input::Connected { conn, peer, local });
    one
}

/// A client at its first prompt.
fn client(room: u32) -> One<Client> {
    let (server, local) = (peer("127.0.0.1:8888"), peer("127.0.0.1:50000"));
    let (mut machine, mut out) = (Client::new(server, TIMEOUT), Outlet::new());
    out.feed(&mut machine, Input::Start { local: peer("127.0.0.1:0") }, Instant::START);
    let conn = match out.effects().next() {
        Some(Effect::Connect { conn, .. }) => conn,
        other => panic!("{other:?}"),
    };
    out.drain(|_| ());
    assert!(out.connected(conn, room));
    let mut one = One::new(machine, conn, out, print_client);
    one.give(Input::Connected { conn, peer: server, local });
    assert_eq!(std::mem::take(&mut one.shown), "你要发送的数据:");
    one
}

/// Has a client send a line.
fn send(client: &mut One<Client>, line: &str) {
    client.give(Input::Command(&Command::Send(line.as_bytes().to_vec())));
}

/// S87, S89, S92.
#[test]
fn a_character_and_a_reply_are_cut_and_stalled() {
    let plan = "client>server @2 stall 300ms; server>client @4 stall 1s; client>server @1200 cut";
    let (transcript, _) = run(net(), plan);
    // What is read is what was written; the reads, and what is asked, are left out to keep it short.
    let is_kept = |line: &&str| ![" read ", " command "].iter().any(|what| line.contains(what));
    let kept: Vec<&str> = transcript.lines().filter(is_kept).collect();
    assert_snapshot("suffix-echo", plan, &kept.join("\n"));
}

/// S93: the server's end is noticed at the prompt.
#[test]
fn a_server_that_crashes_is_noticed_at_the_prompt() {
    let plan = "at 13s crash server; at 14s restart server";
    assert_run("suffix-echo-crash", net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 200);
    for plan in [
        "client>server cut every 1 byte; server>client cut every 7 bytes",
        "client>server @8 reset",
        "server>client @30 reset; client>server @3 cut",
        "at 6005ms crash server; at 7s restart server",
        "at 18005ms crash client; at 19s restart client",
        "at 6s partition server>client; at 8s heal",
        "at 12s poweroff server; at 20s restart server",
    ] {
        assert_held(net(), plan, stormy(), 20);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn its_properties_hold_under_any_plan(plan in plan(&["server", "client"], 8)) {
        assert_held(net(), &plan.to_string(), stormy(), 2);
    }
}

/// S87.
#[test]
fn each_read_of_at_most_1024_bytes_is_answered() {
    for (len, answers) in [(1, 1), (MAX_TAKEN_LEN, 1), (MAX_TAKEN_LEN + 1, 2), (2 * MAX_TAKEN_LEN + 1, 3)] {
        let mut server = server(u32::MAX);
        let said = vec![b'x'; len];
        server.receive(&said);
        let expected: Vec<u8> =
            said.chunks(MAX_TAKEN_LEN).flat_map(|taken| [taken, SUFFIX.as_bytes()].concat()).collect();
        assert_eq!((server.written.len(), &server.written), (len + answers * 13, &expected));
    }
}

/// S88, S92.
#[test]
fn the_server_shows_what_it_takes_and_the_end() {
    let mut server = server(u32::MAX);
    server.receive(b"a\xe4\xbd");
    server.receive(b"\xa0");
    server.receive(b"\xff\xe4");
    server.give(Input::Eof { conn: server.conn });
    assert_eq!(server.shown, "a\n你\n\u{fffd}\n\u{fffd}\n客户端127.0.0.1:50000:断开链接\n");
    let answers = [&b"a\xe4\xbd"[..], b"\xa0", b"\xff\xe4"].map(|taken| [taken, SUFFIX.as_bytes()].concat());
    assert_eq!(server.written, answers.concat());
    assert_eq!(server.acts, ["close"]);
    server.give(Input::Closed { conn: server.conn, reason: CloseReason::Finished });
    assert_eq!(server.shown.matches("断开链接").count(), 1, "the end is told once");
}

/// S88.
#[test]
fn a_reset_is_an_end_too() {
    let mut server = server(u32::MAX);
    server.receive(b"hi");
    server.give(Input::Closed { conn: server.conn, reason: CloseReason::Reset });
    assert_eq!(server.shown, "hi\n客户端127.0.0.1:50000:断开链接\n");
}

/// S87: who does not read is not read from, and what waits is bounded.
#[test]
fn a_client_that_does_not_read_is_paused() {
    let mut server = server(0);
    let said = vec![b'x'; 64 * 1024];
    server.receive(&said);
    assert_eq!((server.written.len(), server.acts.as_slice()), (0, &["pause"][..]));
    server.room(MAX_WAITING_LEN as u32 - 1);
    assert_eq!((server.written.len(), server.acts.as_slice()), (MAX_WAITING_LEN - 1, &["pause"][..]));
    server.room(1);
    assert_eq!((server.written.len(), server.acts.as_slice()), (MAX_WAITING_LEN, &["pause", "resume"][..]));
    server.room(1000);
    server.receive(b"on");
    assert!(server.written.ends_with("on 我收到了".as_bytes()));
}

/// S89, S93: a long reply does not shift the next one.
#[test]
fn the_client_takes_the_whole_reply_and_no_more() {
    let mut client = client(u32::MAX);
    let line = "长".repeat(2000);
    send(&mut client, &line);
    assert_eq!((client.written.as_slice(), client.shown.as_str()), (line.as_bytes(), ""));
    let mut reply = Vec::new();
    for taken in line.as_bytes().chunks(1000) {
        reply.extend_from_slice(taken);
        reply.extend_from_slice(SUFFIX.as_bytes());
    }
    let (before, last) = reply.split_at(reply.len() - 1);
    for slice in before.chunks(1024) {
        client.receive(slice);
        assert_eq!(client.shown, "", "it is not whole");
    }
    client.receive(last);
    let shown = format!("{}\n你要发送的数据:", String::from_utf8_lossy(&reply));
    assert_eq!(std::mem::take(&mut client.shown), shown);
    // What comes unasked is no reply to the next line.
    client.receive(b"surplus");
    send(&mut client, "hi");
    client.receive("hi 我收到了".as_bytes());
    assert_eq!(client.shown, "hi 我收到了\n你要发送的数据:");
}

/// S93.
#[test]
fn an_empty_line_is_asked_for_again() {
    let mut client = client(u32::MAX);
    send(&mut client, "");
    assert_eq!((client.written.len(), client.shown.as_str(), client.done), (0, "你要发送的数据:", None));
    assert_eq!(client.machine.deadline(), None);
}

/// S93.
#[test]
fn the_end_of_the_server_is_noticed() {
    let mut at_prompt = client(u32::MAX);
    at_prompt.give(Input::Eof { conn: at_prompt.conn });
    assert_eq!(at_prompt.shown, "\n127.0.0.1:8888 has closed the connection\n");
    assert_eq!(at_prompt.done, Some(Status::Failure));

    for (input, shown) in [
        (
            Input::Eof { conn: at_prompt.conn },
            "127.0.0.1:8888 closed the connection before its reply was whole\n",
        ),
        (
            Input::Closed { conn: at_prompt.conn, reason: CloseReason::Reset },
            "the connection with 127.0.0.1:8888 was reset\n",
        ),
    ] {
        let mut waiting = client(u32::MAX);
        send(&mut waiting, "hello");
        waiting.receive("hello 我收到".as_bytes());
        waiting.give(input);
        assert_eq!((waiting.shown.as_str(), waiting.done), (shown, Some(Status::Failure)));
    }
}

/// S89: every wait is bounded, and another text is no reply.
#[test]
fn a_reply_that_does_not_come_or_is_none_ends_the_client() {
    let mut client_of = client(u32::MAX);
    send(&mut client_of, "hello");
    client_of.now = Instant::from_nanos(4_999_999_999);
    client_of.give(Input::Timeout);
    assert_eq!(client_of.done, None);
    client_of.now = Instant::START + TIMEOUT;
    client_of.give(Input::Timeout);
    assert_eq!(
        (client_of.shown.as_str(), client_of.done),
        ("no answer within 5 seconds\n", Some(Status::Failure))
    );
    assert_eq!(client_of.acts, ["abort"]);

    let mut client = client(u32::MAX);
    send(&mut client, "hello");
    client.receive(b"help");
    assert_eq!(
        (client.shown.as_str(), client.done),
        ("the reply is not what was sent: \"help\"\n", Some(Status::Failure))
    );
}

#[test]
fn a_line_at_the_bound_is_sent_and_one_byte_more_is_not() {
    let mut at_bound = client(1000);
    send(&mut at_bound, &"x".repeat(MAX_LINE_LEN));
    assert_eq!((at_bound.written.len(), at_bound.shown.as_str()), (1000, ""));
    at_bound.room(u32::MAX / 2);
    assert_eq!(at_bound.written.len(), MAX_LINE_LEN);
    let mut beyond = client(1000);
    send(&mut beyond, &"x".repeat(MAX_LINE_LEN + 1));
    assert_eq!((beyond.written.len(), beyond.done), (0, None));
    assert_eq!(beyond.shown, "a line has at most 65536 bytes, not 65537\n你要发送的数据:");
}

/// S89.
#[test]
fn the_end_of_the_input_leaves_with_success() {
    let mut client = client(u32::MAX);
    client.give(Input::Command(&suffix_echo::typed(Typed::End)));
    assert_eq!(client.done, Some(Status::Success));
}

#[cfg(feature = "turmoil")]
mod parity {
    use super::*;
    use crate::support::{assert_parity, both_ways};
    use lossproof::fault::strategy::stream_plan;
    use lossproof::fault::{Fault, Profile};

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(mut plan in stream_plan(&both_ways(), 1300, 6)) {
            // Turmoil holds 64 segments of a stream, and the long line would be cut into more.
            plan.retain(|fault| !matches!(fault, Fault::CutEvery { .. }));
            assert_parity(net(), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn resets_and_partitions_are_the_same_in_both_worlds() {
        for plan in [
            "client>server cut every 40 bytes; server>client cut every 50 bytes",
            "client>server @8 reset",
            "server>client @30 reset; client>server @3 cut",
            "at 6s partition server>client; at 8s heal",
            "at 1ms partition client|server",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), stormy(), 1);
        }
    }
}
