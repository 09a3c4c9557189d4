//! tcp-deadlock in simulation.

use std::fmt::Display;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::strategy::stream_plan;
use lossproof::machine::limits::{MAX_READ_LEN, SEND_BUFFER_LEN};
use lossproof::machine::{Conn, Effect, Outlet};
use lossproof::specimens;
use lossproof::systems::Options;
use lossproof::systems::tcp_deadlock::{self, Client, ClientEvent, Server, ServerEvent};
use lossproof::{Input, Instant, Net, Peer, Scenario};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, both_ways, config, stormy};

fn net() -> Net {
    tcp_deadlock::net(&Options::default())
}

/// With the client of the original.
fn classic(options: &Options) -> Net {
    specimens::find("tcp-deadlock", "writes-before-reading").unwrap().net(options)
}

/// S29.
#[test]
fn it_reads_while_it_writes() {
    let plan = "client>server @32768 stall 1s; server>client @5 cut; server>client @17000 stall 300ms";
    assert_run("tcp-deadlock", tcp_deadlock::net(&Options { bytes: 50_000, ..Options::default() }), plan);
}

/// S30.
#[test]
fn the_original_waits_for_ever_and_the_circle_is_named() {
    let plan = "client>server @32768 stall 1s; server>client @7 cut";
    assert_run("tcp-deadlock-bug", classic(&Options::default()), plan);
}

#[test]
fn a_server_that_crashes_is_no_hang() {
    let plan = "client>server @16384 stall 1s; at 500ms crash server; at 3s restart server";
    assert_run(
        "tcp-deadlock-crash",
        tcp_deadlock::net(&Options { bytes: 50_000, ..Options::default() }),
        plan,
    );
}

/// S30.
#[test]
fn every_run_of_the_original_is_a_deadlock() {
    let scenario = Scenario::from(classic(&Options::default()));
    let mut search = Search::new(&scenario, Prepared::default(), stormy(), 0);
    let mut deadlocks = 0;
    for run in 0..40 {
        let failure = search.runs(run..run + 1).failure;
        // A stall of more than the client's patience comes before.
        deadlocks += u32::from(failure.is_some_and(|failure| {
            assert_eq!(failure.broken, "deadlock");
            let circle = "server waits for client to read 65536 bytes (server>client); \
                          client waits for server to read 65536 bytes (client>server); since ";
            failure.detail.starts_with(circle) && failure.transcript.contains(&failure.detail)
        }));
    }
    assert!(deadlocks >= 30, "only {deadlocks} of 40");
}

/// S30.
#[test]
fn the_original_gets_by_with_little() {
    // What fits into the buffers of one way there and one back never comes to it.
    let options = Options { bytes: 2 * SEND_BUFFER_LEN as u64, ..Options::default() };
    assert_held(classic(&options), "", stormy(), 20);
}

/// S30. Ours never waits in a circle.
#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 60);
    let little = Options { bytes: 4_000, ..Options::default() };
    assert_held(tcp_deadlock::net(&little), "client>server cut every 100 bytes", stormy(), 300);
}

#[test]
fn its_properties_hold_when_it_crashes() {
    for millis in [1, 11, 16, 21, 26, 31, 36, 300] {
        let plan = format!("at {millis}ms crash server; at 4s restart server");
        assert_held(net(), &plan, stormy(), 5);
    }
}

/// A client that starts anew is another one, and one that is stopped ends well.
#[test]
fn its_properties_hold_when_a_client_starts_anew_or_is_stopped() {
    for plan in ["at 30ms crash client; at 60ms restart client", "at 30ms stop client; at 1s poweroff client"]
    {
        assert_held(net(), plan, stormy(), 20);
    }
}

/// Cuts and stalls anywhere in what a simulated client sends and gets back.
fn far_plan() -> impl Strategy<Value = String> {
    let fault =
        prop_oneof![Just("cut".to_owned()), (1..4_000_u32).prop_map(|millis| format!("stall {millis}ms"))];
    let flow = prop_oneof![Just("client>server"), Just("server>client")];
    let place = (flow, 0..Options::BYTES).prop_map(|(flow, offset)| format!("{flow} @{offset}"));
    prop::collection::btree_map(place, fault, 0..8).prop_map(|faults| {
        faults.iter().map(|(place, fault)| format!("{place} {fault}")).collect::<Vec<_>>().join("; ")
    })
}

proptest! {
    #![proptest_config(config(60))]

    /// S30.
    #[test]
    fn its_properties_hold_whatever_is_cut_and_stalled(plan in far_plan()) {
        assert_held(net(), &plan, stormy(), 1);
    }

    /// S28, S29.
    #[test]
    fn its_properties_hold_where_every_few_bytes_are_cut(plan in stream_plan(&both_ways(), 1_000, 8)) {
        let options = Options { bytes: 1_000, ..Options::default() };
        assert_held(tcp_deadlock::net(&options), &plan.to_string(), stormy(), 1);
    }
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use super::*;
    use crate::support::assert_parity;
    use lossproof::Status;
    use lossproof::engine::{Ended, Settings};
    use lossproof::fault::Profile;

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn tcp_deadlock_is_the_same_in_both_worlds(plan in stream_plan(&both_ways(), 48, 6)) {
            // Turmoil has room for 64 segments on their way, so each byte may be one.
            let options = Options { bytes: 48, ..Options::default() };
            assert_parity(tcp_deadlock::net(&options), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn full_streams_are_the_same_in_both_worlds() {
        for plan in
            ["", "server>client @50000 stall 1s; client>server @20000 cut", "client>server @70000 stall 3s"]
        {
            assert_parity(net(), &plan.parse().unwrap(), Profile::default(), 7);
        }
    }

    /// The bug is left out of parity: only the event engine looks for circles. On turmoil the run ends by its own.
    #[test]
    fn the_original_gives_up_on_turmoil() {
        let scenario = Scenario::from(classic(&Options::default()));
        let simulated = lossproof::drive::simulate(&scenario, &Settings::default()).unwrap();
        assert_eq!(simulated.outcome.ended, Ended::Quiet);
        assert_eq!(simulated.statuses[1], Some(Status::Failure));
    }
}

// The machines by themselves

fn peer() -> Peer {
    "127.0.0.1:1060".parse().unwrap()
}

/// What was put out, and leaves nothing: bytes written, and the rest in words.
fn taken<E: Display>(out: &mut Outlet<E>) -> (Vec<u8>, String) {
    let (mut written, mut words) = (Vec::new(), Vec::new());
    out.drain(|effect| match effect {
        Effect::Write { bytes, .. } => written.extend_from_slice(bytes),
        Effect::Pause { .. } => words.push("pause".to_owned()),
        Effect::Resume { .. } => words.push("resume".to_owned()),
        Effect::Shutdown { .. } => words.push("shutdown".to_owned()),
        Effect::Close { .. } => words.push("close".to_owned()),
        Effect::Abort { .. } => words.push("abort".to_owned()),
        Effect::Event(event) => words.push(event.to_string()),
        Effect::Done(status) => words.push(format!("done {}", status.code())),
        _ => {}
    });
    (written, words.join(", "))
}

fn server_with(free_len: usize) -> (Server, Outlet<ServerEvent>, Conn) {
    let (mut server, mut out) = (Server::default(), Outlet::new());
    let conn = out.accept(free_len as u32);
    out.feed(&mut server, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    assert_eq!(taken(&mut out).1, "Processing up to 1024 bytes at a time from 127.0.0.1:1060");
    (server, out, conn)
}

/// S28.
#[test]
fn ascii_letters_come_back_in_upper_case_and_other_bytes_as_they_are() {
    let (mut server, mut out, conn) = server_with(SEND_BUFFER_LEN);
    let bytes: Vec<u8> = (0..=255).collect();
    out.feed(&mut server, Input::Received { conn, bytes: &bytes }, Instant::START);
    let expected: Vec<u8> = bytes.iter().map(u8::to_ascii_uppercase).collect();
    assert_eq!(taken(&mut out), (expected, String::new()));
    out.feed(&mut server, Input::Eof { conn }, Instant::START);
    let closed = "close,   256 bytes from 127.0.0.1:1060 processed, socket closed";
    assert_eq!(taken(&mut out).1, closed);
}

/// S28, S30. The longest read fits into an empty buffer; with one byte less room, one byte waits.
#[test]
fn what_does_not_fit_is_kept_and_nothing_more_is_read() {
    let longest = vec![b'a'; MAX_READ_LEN];
    let (mut server, mut out, conn) = server_with(MAX_READ_LEN);
    out.feed(&mut server, Input::Received { conn, bytes: &longest }, Instant::START);
    assert_eq!(taken(&mut out), (vec![b'A'; MAX_READ_LEN], String::new()));

    let (mut server, mut out, conn) = server_with(MAX_READ_LEN - 1);
    out.feed(&mut server, Input::Received { conn, bytes: &longest }, Instant::START);
    assert_eq!(taken(&mut out), (vec![b'A'; MAX_READ_LEN - 1], "pause".to_owned()));
    assert!(out.credit(conn, 1));
    out.feed(&mut server, Input::Writable { conn }, Instant::START);
    assert_eq!(taken(&mut out), (b"A".to_vec(), "resume".to_owned()));
}

fn client_of(bytes: u64) -> (Client, Outlet<ClientEvent>, Conn) {
    let (mut client, mut out) = (Client::new(peer(), bytes, Options::default().timeout), Outlet::new());
    out.feed(&mut client, Input::Start { local: peer() }, Instant::START);
    let conn = out.effects().find_map(|effect| match effect {
        Effect::Connect { conn, .. } => Some(conn),
        _ => None,
    });
    let conn = conn.expect("it connects");
    assert!(out.connected(conn, SEND_BUFFER_LEN as u32));
    taken(&mut out);
    out.feed(&mut client, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    (client, out, conn)
}

/// S29.
#[test]
fn whole_texts_are_sent() {
    for (bytes, whole_len) in [(1, 16), (16, 16), (17, 32), (60_000, 60_000)] {
        let (mut client, mut out, conn) = client_of(bytes);
        let (written, words) = taken(&mut out);
        assert_eq!(written, b"capitalize this!".repeat(whole_len / 16));
        assert_eq!(words, format!("Sending {whole_len} bytes of data, in chunks of 16 bytes, shutdown"));
        let answer = b"CAPITALIZE THIS!".repeat(whole_len / 16);
        out.feed(&mut client, Input::Received { conn, bytes: &answer }, Instant::START);
        out.feed(&mut client, Input::Eof { conn }, Instant::START);
        let finished = format!("close,   {whole_len} bytes sent, {whole_len} bytes received, done 0");
        assert_eq!(taken(&mut out).1, finished);
    }
}

/// S29.
#[test]
fn a_wrong_answer_is_told_with_its_place() {
    let wrong = |answer: &[u8]| {
        let (mut client, mut out, conn) = client_of(32);
        taken(&mut out);
        out.feed(&mut client, Input::Received { conn, bytes: answer }, Instant::START);
        taken(&mut out).1
    };
    let from = |at: usize| format!("abort, the answer is not what was sent, from byte {at} on, done 1");
    assert_eq!(wrong(b"capitalize this!"), from(0));
    assert_eq!(wrong(b"CAPITALIZE THIS!CAPITALIZE-THIS!"), from(26));
    assert_eq!(wrong(&b"CAPITALIZE THIS!".repeat(2)), "");
    assert_eq!(wrong(&b"CAPITALIZE THIS!".repeat(3)), from(32));
}

/// S29.
#[test]
fn an_early_end_is_told() {
    let (mut client, mut out, conn) = client_of(32);
    out.feed(&mut client, Input::Received { conn, bytes: b"CAPI" }, Instant::START);
    taken(&mut out);
    out.feed(&mut client, Input::Eof { conn }, Instant::START);
    let early = "was expecting 32 bytes but only received 4 bytes before the socket closed";
    assert_eq!(taken(&mut out).1, format!("close, {early}, done 1"));
}
