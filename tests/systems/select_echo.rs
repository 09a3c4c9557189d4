//! select-echo in simulation.

use std::time::Duration;

use lossproof::engine::{Ended, Engine, Settings};
use lossproof::fault::Flow;
use lossproof::fault::strategy::stream_plan;
use lossproof::machine::limits::{MAX_READ_LEN, SEND_BUFFER_LEN};
use lossproof::machine::{CloseReason, Conn, Effect, Outlet};
use lossproof::systems::Options;
use lossproof::systems::select_echo::{self, ClientEvent, IDLE, Server, ServerEvent};
use lossproof::{Cuts, Input, Instant, Machine, Net, Outbox, Peer, Promises, Scenario};
use proptest::prelude::*;

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net() -> Net {
    select_echo::net(&Options::default())
}

/// The flows of the client's four connections, both ways.
fn flows() -> Vec<Flow> {
    vec![Flow::new("client", "server"), Flow::new("server", "client")]
}

/// What both roles tell in a run, and the faults; without the line that stands after each event of the server's.
fn assert_told(name: &str, plan: &str) {
    let (text, _) = run(net(), plan);
    let is_told = |line: &&str| [" event ", " fault ", " done "].iter().any(|verb| line.contains(verb));
    let lines = text.split_inclusive('\n').filter(is_told);
    let shown: String = lines.filter(|line| !line.contains(" waiting for next event")).collect();
    assert_snapshot(name, plan, &shown);
}

/// S37, S42.
#[test]
fn a_reset_is_told_with_the_address_that_it_is_of() {
    assert_told(
        "select-echo-reset",
        "server>client @4 cut; client>server/2 @5 reset; client>server/1 @0 stall 3s; client>server/3 @0 stall 3s",
    );
}

#[test]
fn a_server_that_crashes_is_no_hang() {
    assert_told(
        "select-echo-crash",
        "client>server @4 cut; client>server/1 @0 stall 2s; at 18ms crash server; at 1s restart server",
    );
}

/// S36, S46.
#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 250);
    let plan = "client>server cut every 3 bytes; server>client/1 cut every 5 bytes; client>server/3 cut every 7 bytes";
    assert_held(net(), plan, stormy(), 150);
}

proptest! {
    #![proptest_config(config(100))]

    /// S36, S46.
    #[test]
    fn its_properties_hold_whatever_is_cut_and_stalled(plan in stream_plan(&flows(), 85, 8)) {
        assert_held(net(), &plan.to_string(), stormy(), 1);
    }
}

#[test]
fn its_properties_hold_wherever_it_is_reset() {
    for offset in (0..85).step_by(7) {
        for conn in ["client>server", "server>client/3"] {
            assert_held(net(), &format!("{conn} @{offset} reset"), stormy(), 5);
        }
    }
}

#[test]
fn its_properties_hold_when_it_crashes() {
    for millis in [1, 11, 16, 21, 30, 40, 60] {
        let plan = format!("at {millis}ms crash server; at 1s restart server");
        assert_held(net(), &plan, stormy(), 20);
    }
}

/// A client that starts anew is another one, and one that is stopped ends well.
#[test]
fn its_properties_hold_when_a_client_starts_anew_or_is_stopped() {
    for plan in
        ["at 25ms crash client; at 60ms restart client", "at 60ms restart client; at 80ms stop client"]
    {
        assert_held(net(), plan, stormy(), 50);
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
        fn select_echo_is_the_same_in_both_worlds(plan in stream_plan(&flows(), 85, 6)) {
            let options = Options { time_scale: 0.05, ..Options::default() };
            assert_parity(select_echo::net(&options), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn partitions_and_resets_are_the_same_in_both_worlds() {
        for plan in [
            "at 12ms partition client|server; at 3s heal",
            "client>server/2 @5 reset; server>client/1 @3 stall 1s",
            "client>server cut every 1 byte; server>client/3 cut every 2 bytes",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

/// Writes letters as fast as they fit, reads nothing until its time, and tells how much came back.
struct SlowReader {
    server: Peer,
    conn: Option<Conn>,
    sent_len: usize,
    reads_at: Option<Instant>,
}

/// More than all buffers there and back hold.
const SLOW_LEN: usize = 4 * SEND_BUFFER_LEN;

fn letter(index: usize) -> u8 {
    b'a' + (index % 23) as u8
}

impl SlowReader {
    fn send(&mut self, conn: Conn, out: &mut Outbox<ClientEvent>) {
        let letters: Vec<u8> = (self.sent_len..SLOW_LEN).map(letter).collect();
        self.sent_len += out.write(conn, &letters);
        if self.sent_len == SLOW_LEN {
            out.shutdown(conn);
        }
    }
}

impl Machine for SlowReader {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match input {
            Input::Start { .. } => self.conn = Some(out.connect(self.server)),
            Input::Connected { conn, .. } => {
                out.pause(conn);
                self.reads_at = Some(now + Duration::from_secs(15));
                self.send(conn, out);
            }
            Input::Writable { conn } => self.send(conn, out),
            Input::Timeout => {
                self.reads_at = None;
                out.resume(self.conn.unwrap());
            }
            Input::Received { bytes, .. } => {
                out.event(ClientEvent::Received { peer: self.server, text: bytes.to_vec() });
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.reads_at
    }
}

/// S36, S43, S45. Both sides' streams are full meanwhile, and yet it is no deadlock, for the reader is only slow.
#[test]
fn a_slow_reader_loses_nothing_and_what_is_queued_comes_before_the_end() {
    let net = Net::new("slow");
    let server = net.host("server").listen(10001).promises(Server::PROMISES);
    let server = server.machine(|_| Server::new(IDLE));
    let client = net.host("client").promises(Promises::DEFAULT.cuts(Cuts::EventsTell));
    let client = client.machine(move |boot| SlowReader {
        server: boot.peer(server),
        conn: None,
        sent_len: 0,
        reads_at: None,
    });
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&Settings::default());
    assert_eq!(outcome.ended, Ended::Quiet, "{:?}", engine.violation());
    let run = engine.view();
    let back = run.events(client).iter().flat_map(|event| match event {
        ClientEvent::Received { text, .. } => text.as_slice(),
        _ => &[],
    });
    let back: Vec<u8> = back.copied().collect();
    assert_eq!(back.len(), SLOW_LEN);
    assert!(back.iter().enumerate().all(|(index, byte)| *byte == letter(index)));
    // It read no further than what it could not write, until the reader did.
    let told = run.events(server).iter().zip(run.times(server));
    let heard_before: usize = told
        .take_while(|(_, at)| **at < Instant::from_millis(15_000))
        .map(|(event, _)| match event {
            ServerEvent::Heard { text, .. } => text.len(),
            _ => 0,
        })
        .sum();
    assert!(heard_before <= SEND_BUFFER_LEN + MAX_READ_LEN, "{heard_before}");
}

// The server by itself

fn handle(
    server: &mut Server,
    input: Input<'_, ()>,
    now: Instant,
    out: &mut Outlet<ServerEvent>,
) -> Vec<String> {
    out.feed(server, input, now);
    let mut lines = Vec::new();
    out.drain(|effect| match effect {
        Effect::Write { bytes, .. } => lines.push(format!("write {} bytes", bytes.len())),
        Effect::Pause { .. } => lines.push("pause".to_owned()),
        Effect::Resume { .. } => lines.push("resume".to_owned()),
        Effect::Close { .. } => lines.push("close".to_owned()),
        Effect::Event(ServerEvent::Heard { text, .. }) => lines.push(format!("heard {} bytes", text.len())),
        Effect::Event(ServerEvent::Echoed { text, .. }) => lines.push(format!("echoed {} bytes", text.len())),
        Effect::Event(event) => lines.push(event.to_string()),
        Effect::Done(status) => lines.push(format!("done {}", status.code())),
        _ => {}
    });
    lines
}

fn connected(free_len: usize) -> (Server, Outlet<ServerEvent>, Conn) {
    let (mut server, mut out) = (Server::new(IDLE), Outlet::new());
    let conn = out.accept(free_len as u32);
    let peer: Peer = "127.0.0.1:50000".parse().unwrap();
    let start = handle(&mut server, Input::Start { local: peer }, Instant::START, &mut out);
    assert_eq!(start, ["waiting for next event"]);
    let input = Input::Connected { conn, peer, local: peer };
    let lines = handle(&mut server, input, Instant::from_millis(1_000), &mut out);
    assert_eq!(lines, ["  connection from 127.0.0.1:50000", "waiting for next event"]);
    (server, out, conn)
}

/// S38. With a client that says nothing, too, and not a moment before.
#[test]
fn it_ends_after_twenty_seconds_without_any_event() {
    let (mut server, mut out, conn) = connected(100);
    assert_eq!(server.deadline(), Some(Instant::from_millis(21_000)));
    handle(&mut server, Input::Received { conn, bytes: b"x" }, Instant::from_millis(20_999), &mut out);
    assert_eq!(server.deadline(), Some(Instant::from_millis(40_999)));
    let early = handle(&mut server, Input::Timeout, Instant::from_nanos(40_998_999_999), &mut out);
    assert!(early.is_empty(), "{early:?}");
    let due = handle(&mut server, Input::Timeout, Instant::from_millis(40_999), &mut out);
    assert_eq!((due, server.deadline()), (vec!["Time out !".to_owned(), "done 0".to_owned()], None));
}

/// S45. The longest read fits into an empty buffer; with one byte less room, one byte is queued.
#[test]
fn what_does_not_fit_is_queued_and_nothing_more_is_read() {
    let (longest, now) = (vec![b'x'; MAX_READ_LEN], Instant::from_millis(1_000));
    let (mut server, mut out, conn) = connected(MAX_READ_LEN);
    let lines = handle(&mut server, Input::Received { conn, bytes: &longest }, now, &mut out);
    assert!(
        lines.contains(&" 127.0.0.1:50000 queue empty".to_owned()) && !lines.contains(&"pause".to_owned())
    );

    let (mut server, mut out, conn) = connected(MAX_READ_LEN - 1);
    let lines = handle(&mut server, Input::Received { conn, bytes: &longest }, now, &mut out);
    let expected =
        ["heard 65536 bytes", "write 65535 bytes", "pause", "echoed 65535 bytes", "waiting for next event"];
    assert_eq!(lines, expected);
    assert!(out.credit(conn, 9));
    let lines = handle(&mut server, Input::Writable { conn }, now, &mut out);
    let empty = " 127.0.0.1:50000 queue empty";
    assert_eq!(lines, ["write 1 bytes", "resume", "echoed 1 bytes", empty, "waiting for next event"]);
}

/// S37, S42.
#[test]
fn ends_and_resets_name_their_own_connection() {
    let (mut server, mut out, first) = connected(100);
    let (now, other): (_, Peer) = (Instant::from_millis(1_000), "127.0.0.1:50001".parse().unwrap());
    let second = out.accept(100);
    handle(&mut server, Input::Connected { conn: second, peer: other, local: other }, now, &mut out);
    let lines = handle(&mut server, Input::Eof { conn: first }, now, &mut out);
    assert_eq!(lines, [" closing 127.0.0.1:50000", "close", "waiting for next event"]);
    let closed = Input::Closed { conn: first, reason: CloseReason::Finished };
    assert!(handle(&mut server, closed, now, &mut out).is_empty());
    let closed = Input::Closed { conn: second, reason: CloseReason::Reset };
    let lines = handle(&mut server, closed, now, &mut out);
    assert_eq!(lines, [" exception condition on 127.0.0.1:50001", "waiting for next event"]);
}

#[test]
fn the_scenario_is_that_of_the_system() {
    assert_eq!(Scenario::from(net()).names(), ["server", "client"]);
}
