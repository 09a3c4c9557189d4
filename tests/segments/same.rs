//! What a machine hears of a stream is the same, whatever it is made of.

use lossproof::Scenario;
use lossproof::engine::{Engine, Settings};
use lossproof::fault::StreamKind;
use lossproof::transcript::What;

use crate::script::{B, C, Do, net};

/// For each host what it did and heard, in its order, without packets and moments. Bytes that were read one after the other
/// are one read.
fn heard(kind: StreamKind, script: &[(u64, &'static str, Do)]) -> Vec<Vec<String>> {
    let net = net(script);
    net.streams(kind);
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&Settings::default());
    assert!(outcome.ended.is_whole(), "{kind}: {}", outcome.ended);
    assert_eq!(engine.violation(), None, "{kind}");
    let log = engine.log();
    let mut heard = vec![Vec::new(); scenario.names().len()];
    let mut read: Vec<Vec<u8>> = vec![Vec::new(); heard.len()];
    for record in log.sorted() {
        let host = record.host.index();
        let line = match record.what {
            What::Read { bytes, .. } => {
                read[host].extend_from_slice(log.bytes(bytes));
                continue;
            }
            What::Send { .. } | What::Recv { .. } | What::Command(_) | What::Timer => continue,
            What::Write { link, offset, bytes } => {
                format!("write /{} @{offset} {} bytes", link.number, bytes.len())
            }
            What::Event(index) => format!("event {index}"),
            what => format!("{what:?}"),
        };
        flush(&mut read[host], &mut heard[host]);
        heard[host].push(line);
    }
    read.iter_mut().zip(&mut heard).for_each(|(read, heard)| flush(read, heard));
    heard
}

fn flush(read: &mut Vec<u8>, heard: &mut Vec<String>) {
    if !read.is_empty() {
        let bytes = std::mem::take(read);
        heard.push(format!(
            "read {} bytes: {}",
            bytes.len(),
            String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
        ));
    }
}

#[track_caller]
fn same(script: &[(u64, &'static str, Do)]) {
    let [model, segments] = [StreamKind::Model, StreamKind::SEGMENTS].map(|kind| heard(kind, script));
    assert_eq!(segments, model);
    assert!(model.iter().any(|lines| !lines.is_empty()));
}

#[test]
fn half_a_stream_ends_at_a_time() {
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Write(0, "request")),
        (20, "a", Do::Shutdown(0)),
        (40, "b", Do::Write(0, "reply")),
        (40, "b", Do::Shutdown(0)),
    ]);
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Shutdown(0)),
        (40, "a", Do::Write(0, "still talking")),
        (60, "a", Do::Shutdown(0)),
    ]);
}

#[test]
fn what_was_written_arrives_after_a_close() {
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Write(0, "a request")),
        (20, "a", Do::Close(0)),
        (60, "b", Do::Write(0, "discarded")),
        (60, "b", Do::Close(0)),
    ]);
}

#[test]
fn a_reset_is_heard_by_both() {
    same(&[(0, "a", Do::Connect(B)), (20, "a", Do::Write(0, "x")), (40, "a", Do::Abort(0))]);
    same(&[(0, "a", Do::Connect(B)), (20, "b", Do::Abort(0))]);
}

#[test]
fn what_is_paused_waits_with_its_end() {
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (30, "a", Do::Write(0, "one ")),
        (40, "a", Do::Write(0, "two")),
        (40, "a", Do::Shutdown(0)),
        (90, "b", Do::Resume(0)),
        (120, "b", Do::Close(0)),
    ]);
    // A reset is heard at once, and what was not read is lost.
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (30, "a", Do::Write(0, "lost")),
        (60, "a", Do::Abort(0)),
    ]);
}

/// What a machine has not read stays for it, however long the socket below is over.
#[test]
fn what_is_unread_outlives_the_connection() {
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (30, "a", Do::Write(0, "patience")),
        (30, "a", Do::Shutdown(0)),
        (40, "b", Do::Shutdown(0)),
        (30_000, "b", Do::Resume(0)),
    ]);
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "b", Do::Pause(0)),
        (30, "b", Do::Shutdown(0)),
        (40, "a", Do::Write(0, "patience")),
        (40, "a", Do::Shutdown(0)),
        (30_000, "b", Do::Resume(0)),
    ]);
}

#[test]
fn nobody_listens_and_there_is_no_such_host() {
    same(&[(0, "a", Do::Connect("192.168.0.2:8"))]);
    same(&[(0, "a", Do::Connect("192.168.0.99:7"))]);
}

#[test]
fn a_dial_is_given_up_or_shut_down_before_it_stands() {
    same(&[(0, "a", Do::Connect(B)), (2, "a", Do::Close(0))]);
    same(&[(0, "a", Do::Connect(B)), (2, "a", Do::Abort(0))]);
    same(&[(0, "a", Do::Connect(B)), (2, "a", Do::Shutdown(0)), (40, "b", Do::Close(0))]);
}

#[test]
fn a_peer_that_never_ends_is_reset_after_the_linger() {
    same(&[(0, "a", Do::Connect(B)), (20, "a", Do::Close(0))]);
    same(&[(0, "a", Do::Connect(B)), (20, "b", Do::Write(0, "bye")), (20, "b", Do::Close(0))]);
}

#[test]
fn an_exit_closes_in_good_order() {
    same(&[
        (0, "a", Do::Connect(B)),
        (20, "a", Do::Write(0, "the last word")),
        (20, "a", Do::Done),
        (60, "b", Do::Close(0)),
    ]);
}

#[test]
fn several_streams_between_the_same_hosts_are_told_apart() {
    same(&[
        (0, "a", Do::Connect(B)),
        (1, "a", Do::Connect(B)),
        (2, "a", Do::Connect(C)),
        (40, "a", Do::Write(1, "second")),
        (50, "a", Do::Write(0, "first")),
        (60, "b", Do::Write(1, "back")),
        (70, "a", Do::Close(0)),
        (80, "b", Do::Close(0)),
        (90, "a", Do::Abort(1)),
        (100, "c", Do::Close(0)),
        (140, "a", Do::Close(2)),
    ]);
}
