//! hello-tcp in simulation.

use lossproof::fault::Flow;
use lossproof::fault::strategy::stream_plan;
use lossproof::machine::limits::MAX_READ_LEN;
use lossproof::machine::{CloseReason, Conn, Effect, Outlet};
use lossproof::systems::Options;
use lossproof::systems::hello_tcp::{
    self, Client, ClientEvent, MAX_NAME_LEN, PAUSE, Server, ServerEvent, WELCOME,
};
use lossproof::{Input, Instant, Machine, Net, Peer};
use proptest::prelude::*;

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net() -> Net {
    hello_tcp::net(&Options::default())
}

fn flows() -> Vec<Flow> {
    let pairs =
        [("client-1", "server"), ("server", "client-1"), ("client-2", "server"), ("server", "client-2")];
    pairs.map(|(from, to)| Flow::new(from, to)).to_vec()
}

/// A run without what opens connections, and without pauses.
fn assert_talk(name: &str, plan: &str) {
    let (text, _) = run(net(), plan);
    let left_out = [" connect ", " connected ", " pause ", " resume "];
    let lines = text.split_inclusive('\n').filter(|line| !left_out.iter().any(|verb| line.contains(verb)));
    assert_snapshot(name, plan, &lines.collect::<String>());
}

/// S55, S61. One client is reset while the server thinks; the other is greeted in two parts, for its name was cut.
#[test]
fn a_name_that_is_cut_is_two_and_a_reset_keeps_nobody_waiting() {
    assert_talk("hello-tcp", "client-2>server @3 cut; client-1>server @7 reset; at 1900ms crash server");
}

/// S55.
#[test]
fn a_server_that_crashes_is_no_hang() {
    assert_talk("hello-tcp-crash", "at 1500ms crash server; at 1700ms restart server");
}

/// S55.
#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 500);
    let plan = "client-1>server cut every 2 bytes; server>client-2 cut every 3 bytes";
    assert_held(net(), plan, stormy(), 200);
    assert_held(hello_tcp::net(&Options { time_scale: 0.01, ..Options::default() }), "", stormy(), 200);
}

/// S61.
#[test]
fn its_properties_hold_wherever_it_is_reset() {
    for offset in 0..23 {
        let plan = format!("client-1>server @{offset} reset; server>client-2 @{} reset", offset * 2);
        assert_held(net(), &plan, stormy(), 5);
    }
}

#[test]
fn its_properties_hold_when_it_crashes() {
    for millis in [12, 21, 500, 1_026, 1_031, 3_040, 3_500] {
        let plan = format!("at {millis}ms crash server; at 4s restart server");
        assert_held(net(), &plan, stormy(), 20);
    }
}

/// A client that starts anew is another one, and one that is stopped ends well.
#[test]
fn its_properties_hold_when_a_client_starts_anew_or_is_stopped() {
    for plan in [
        "at 1100ms crash client-1; at 2s restart client-1",
        "at 1100ms stop client-2; at 2s poweroff client-2; at 3s restart client-1",
    ] {
        assert_held(net(), plan, stormy(), 50);
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// S55, S56.
    #[test]
    fn its_properties_hold_whatever_is_cut_and_stalled(plan in stream_plan(&flows(), 50, 8)) {
        assert_held(net(), &plan.to_string(), stormy(), 1);
    }
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use lossproof::fault::Profile;

    use super::*;
    use crate::support::assert_parity;

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn hello_tcp_is_the_same_in_both_worlds(plan in stream_plan(&flows(), 50, 6)) {
            let options = Options { time_scale: 0.05, ..Options::default() };
            assert_parity(hello_tcp::net(&options), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn partitions_and_resets_are_the_same_in_both_worlds() {
        for plan in [
            "at 500ms partition client-1|server; at 3s heal",
            "client-1>server @7 reset; server>client-2 @10 cut",
            "client-1>server cut every 1 byte; server>client-2 cut every 2 bytes",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

// The machines by themselves

fn peer() -> Peer {
    "127.0.0.1:50000".parse().unwrap()
}

/// What an event is listed as, if at all.
trait Line {
    fn line(&self) -> Option<String>;
}

impl Line for ServerEvent {
    fn line(&self) -> Option<String> {
        match self {
            Self::Heard { name, .. } => Some(format!("heard {} bytes", name.len())),
            Self::Greeted { .. } => None,
            event => Some(event.to_string()),
        }
    }
}

impl Line for ClientEvent {
    fn line(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Hands an input in and lists what comes of it.
fn handle<M: Machine<Command = (), Event: Line>>(
    machine: &mut M,
    input: Input<'_, ()>,
    millis: u64,
    out: &mut Outlet<M::Event>,
) -> Vec<String> {
    out.feed(machine, input, Instant::from_millis(millis));
    let mut lines = Vec::new();
    out.drain(|effect| match effect {
        Effect::Write { bytes, .. } if bytes.len() > 100 => {
            lines.push(format!("write {} bytes", bytes.len()));
        }
        Effect::Write { bytes, .. } => lines.push(format!("write {}", bytes.escape_ascii())),
        Effect::Pause { .. } => lines.push("pause".to_owned()),
        Effect::Resume { .. } => lines.push("resume".to_owned()),
        Effect::Close { .. } => lines.push("close".to_owned()),
        Effect::Event(event) => lines.extend(event.line()),
        Effect::Done(status) => lines.push(format!("done {}", status.code())),
        _ => {}
    });
    lines
}

fn connected(free_len: u32) -> (Server, Outlet<ServerEvent>, Conn) {
    let (mut server, mut out) = (Server::new(PAUSE), Outlet::new());
    let conn = out.accept(free_len);
    assert_eq!(
        handle(&mut server, Input::Start { local: peer() }, 0, &mut out),
        ["Waiting for connection..."]
    );
    let lines = handle(&mut server, Input::Connected { conn, peer: peer(), local: peer() }, 0, &mut out);
    assert_eq!(lines, ["Accept new connection from 127.0.0.1:50000...", "write Welcome!"]);
    (server, out, conn)
}

/// S55, S60.
#[test]
fn a_read_is_a_name_and_is_greeted_a_second_later() {
    let (mut server, mut out, conn) = connected(65_536);
    let bytes = b"Michael\xffTracy";
    let lines = handle(&mut server, Input::Received { conn, bytes }, 500, &mut out);
    assert_eq!(lines, ["pause", "heard 13 bytes"]);
    assert!(handle(&mut server, Input::Timeout, 1_499, &mut out).is_empty());
    assert_eq!(server.deadline(), Some(Instant::from_millis(1_500)));
    let lines = handle(&mut server, Input::Timeout, 1_500, &mut out);
    assert_eq!(lines, ["write Hello, Michael\\xffTracy!", "resume"]);
    assert_eq!(server.deadline(), None);
}

/// S56. Only the word itself, and a second later.
#[test]
fn exit_closes_without_an_answer_and_what_only_begins_so_is_a_name() {
    let (mut server, mut out, conn) = connected(65_536);
    for (name, answer) in [("exit\n", "Hello, exit\\n!"), ("Exit", "Hello, Exit!"), ("exi", "Hello, exi!")] {
        handle(&mut server, Input::Received { conn, bytes: name.as_bytes() }, 0, &mut out);
        let lines = handle(&mut server, Input::Timeout, 1_000, &mut out);
        assert_eq!(lines, [format!("write {answer}"), "resume".to_owned()]);
    }
    handle(&mut server, Input::Received { conn, bytes: b"exit" }, 2_000, &mut out);
    assert!(handle(&mut server, Input::Timeout, 2_999, &mut out).is_empty());
    let lines = handle(&mut server, Input::Timeout, 3_000, &mut out);
    assert_eq!(lines, ["close", "Connection from 127.0.0.1:50000 closed."]);
    // The end that follows is not told again.
    let closed = Input::Closed { conn, reason: CloseReason::Finished };
    assert!(handle(&mut server, closed, 3_001, &mut out).is_empty());
}

/// S56, S57, S61.
#[test]
fn an_end_and_a_reset_are_told_once() {
    let (mut server, mut out, conn) = connected(65_536);
    assert!(handle(&mut server, Input::Eof { conn }, 5_000, &mut out).is_empty());
    assert!(handle(&mut server, Input::Timeout, 5_999, &mut out).is_empty());
    let closed = ["close", "Connection from 127.0.0.1:50000 closed."];
    assert_eq!(handle(&mut server, Input::Timeout, 6_000, &mut out), closed);

    // While it thinks, and while it waits for the end.
    let (mut server, mut out, conn) = connected(65_536);
    handle(&mut server, Input::Received { conn, bytes: b"Sarah" }, 0, &mut out);
    let reset = Input::Closed { conn, reason: CloseReason::Reset };
    assert_eq!(handle(&mut server, reset, 500, &mut out), closed[1..]);
    assert_eq!(server.deadline(), None);
}

/// S55. At the bound it is one read, and one byte more is two.
#[test]
fn a_longer_slice_is_several_reads_each_with_its_own_pause() {
    let (mut server, mut out, conn) = connected(65_536);
    let longest = vec![b'x'; MAX_NAME_LEN];
    let lines = handle(&mut server, Input::Received { conn, bytes: &longest }, 0, &mut out);
    assert_eq!(lines, ["pause", "heard 1024 bytes"]);
    assert_eq!(handle(&mut server, Input::Timeout, 1_000, &mut out), ["write 1032 bytes", "resume"]);

    let longer = vec![b'x'; MAX_NAME_LEN + 1];
    handle(&mut server, Input::Received { conn, bytes: &longer }, 1_000, &mut out);
    let lines = handle(&mut server, Input::Timeout, 2_000, &mut out);
    assert_eq!(lines, ["write 1032 bytes", "heard 1 bytes"]);
    assert_eq!(handle(&mut server, Input::Timeout, 3_000, &mut out), ["write Hello, x!", "resume"]);

    // The longest slice of all is read to its end before anything else.
    let whole = vec![b'x'; MAX_READ_LEN];
    handle(&mut server, Input::Received { conn, bytes: &whole }, 3_000, &mut out);
    for read in 1..=64 {
        let lines = handle(&mut server, Input::Timeout, 3_000 + read * 1_000, &mut out);
        assert_eq!(
            lines.last().map(String::as_str),
            Some(if read < 64 { "heard 1024 bytes" } else { "resume" })
        );
        out.credit(conn, 1_032);
    }
}

/// S55. What does not fit waits, and nothing is read meanwhile.
#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let (mut server, mut out, conn) = connected(8 + 5);
    handle(&mut server, Input::Received { conn, bytes: b"Sarah" }, 0, &mut out);
    assert_eq!(handle(&mut server, Input::Timeout, 1_000, &mut out), ["write Hello"]);
    assert_eq!(server.deadline(), None);
    assert!(out.credit(conn, 7));
    assert_eq!(handle(&mut server, Input::Writable { conn }, 9_000, &mut out), ["write , Sarah"]);
    assert!(out.credit(conn, 100));
    assert_eq!(handle(&mut server, Input::Writable { conn }, 9_001, &mut out), ["write !", "resume"]);
}

fn welcomed() -> (Client, Outlet<ClientEvent>, Conn) {
    let (mut client, mut out) = (Client::new(peer(), Options::default().timeout), Outlet::new());
    out.feed(&mut client, Input::Start { local: peer() }, Instant::START);
    let connect = out.effects().find_map(|effect| match effect {
        Effect::Connect { conn, .. } => Some(conn),
        _ => None,
    });
    let conn = connect.expect("it connects");
    assert!(out.connected(conn, 65_536));
    handle(&mut client, Input::Connected { conn, peer: peer(), local: peer() }, 0, &mut out);
    let lines = handle(&mut client, Input::Received { conn, bytes: WELCOME }, 0, &mut out);
    assert_eq!(lines, ["Welcome!", "write Michael"]);
    (client, out, conn)
}

/// S58.
#[test]
fn the_client_says_a_name_after_the_whole_greeting_of_the_one_before() {
    let (mut client, mut out, conn) = welcomed();
    let mut say = |bytes: &[u8]| handle(&mut client, Input::Received { conn, bytes }, 1, &mut out);
    assert!(say(b"Hello, Michael").is_empty());
    assert_eq!(say(b"!"), ["Hello, Michael!", "write Tracy"]);
    // The server has read this one in parts.
    assert_eq!(say(b"Hello, Tra!Hel"), ["Hello, Tra!"]);
    assert_eq!(say(b"lo, cy!"), ["Hello, cy!", "write Sarah"]);
    assert_eq!(say(b"Hello, Sarah!"), ["Hello, Sarah!", "write exit", "close", "done 0"]);
}

/// S58.
#[test]
fn what_is_no_greeting_is_told() {
    for text in ["Hello, Tracy!", "Hello, !", "hello, Michael!", "Hello, Michael?"] {
        let (mut client, mut out, conn) = welcomed();
        let lines = handle(&mut client, Input::Received { conn, bytes: text.as_bytes() }, 1, &mut out);
        assert_eq!(lines, [format!("the server said '{text}', which is no answer"), "done 1".to_owned()]);
    }
    let (mut client, mut out, conn) = welcomed();
    handle(&mut client, Input::Received { conn, bytes: b"Hello, Mich!Hello" }, 1, &mut out);
    let lines = handle(&mut client, Input::Eof { conn }, 1, &mut out);
    let early = "was expecting 11 bytes but only received 5 bytes before the socket closed";
    assert_eq!(lines, ["close", early, "done 1"]);
}
