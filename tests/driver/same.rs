//! What means the same here as in simulation.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use lossproof::drive::{Endpoint, Setup, run_until};
use lossproof::machine::{CloseReason, ConnectError, limits};
use lossproof::{Input, Outbox, Peer, Status};

use crate::support::{Driven, Puppet, V4, accept, clock, faults, plain_tcp};

/// More than the system's buffers of both ends take.
const MUCH: usize = 16 * 1024 * 1024;

/// Writes much to whoever connects, and is done at the first slice that it hears.
fn flooder() -> Driven<usize> {
    Driven::start_with(Setup::new(Endpoint::listener(V4.into())), || {
        let mut written = 0;
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<usize>| match input {
            Input::Connected { conn, .. } | Input::Writable { conn } => loop {
                let len = out.write(conn, &vec![7; 64 * 1024]);
                written += len;
                if len < 64 * 1024 || written >= MUCH {
                    return;
                }
            },
            Input::Received { .. } => {
                out.event(written);
                out.done(Status::Success);
            }
            _ => {}
        })
    })
}

/// A client that is slower than the old bound of 0.3 s gets all of it.
#[test]
fn what_is_unsent_when_a_machine_is_done_has_as_long_as_in_simulation() {
    let driven = flooder();
    let mut stream = plain_tcp(driven.locals[0]);
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(b"enough").unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    drop(stream);
    let (status, told) = driven.join();
    assert_eq!((status.unwrap(), told), (Status::Success, vec![got.len()]));
}

/// One that never reads is given up after the bound.
#[test]
fn and_no_longer_than_that() {
    let driven = flooder();
    let mut stream = plain_tcp(driven.locals[0]);
    std::thread::sleep(Duration::from_millis(200));
    let begin = clock();
    stream.write_all(b"enough").unwrap();
    assert_eq!(driven.join().0.unwrap(), Status::Success);
    let took = begin.elapsed();
    assert!((limits::MAX_LINGER..limits::MAX_LINGER * 2).contains(&took), "{took:?}");
    drop(stream);
}

/// With nothing left to send and all peers at their end it does not wait.
#[test]
fn with_nothing_on_its_way_the_end_is_at_once() {
    let begin = clock();
    let driven = Driven::<()>::start_with(Setup::new(Endpoint::listener(V4.into())), || {
        Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<()>| {
            if let Input::Eof { .. } = input {
                out.done(Status::Success);
            }
        })
    });
    drop(plain_tcp(driven.locals[0]));
    assert_eq!(driven.join().0.unwrap(), Status::Success);
    assert!(begin.elapsed() < limits::MAX_LINGER / 2, "{:?}", begin.elapsed());
}

/// Dials, ends its direction at once, and tells how that went.
fn impatient(to: Peer) -> Puppet<(), String, impl FnMut(Input<'_, ()>, &mut Outbox<String>)> {
    Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<String>| match input {
        Input::Start { .. } => {
            let conn = out.connect(to);
            out.shutdown(conn);
        }
        Input::Connected { conn, .. } => {
            let written_len = out.write(conn, b"too late");
            out.event(format!("connected, wrote {written_len}"));
        }
        Input::Received { bytes, .. } => out.event(String::from_utf8_lossy(bytes).into_owned()),
        Input::Closed { reason, .. } => {
            out.event(reason.to_string());
            out.done(Status::Success);
        }
        _ => {}
    })
}

#[test]
fn a_shutdown_while_dialing_is_carried_out_once_the_stream_stands() {
    let listener = TcpListener::bind(V4).unwrap();
    let to = listener.local_addr().unwrap().into();
    let plans = [None, Some("client>server @0 stall 50ms")];
    for plan in plans {
        let faults = plan.map(|plan| faults(plan, "client", "server"));
        let setup = Setup { faults, ..Setup::dialer() };
        let driven = Driven::start_with(setup, move || impatient(to));
        let mut stream = accept(&listener);
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "the end comes, and nothing before it");
        stream.write_all(b"you first").unwrap();
        drop(stream);
        let (status, told) = driven.join();
        let expected = ["connected, wrote 0", "you first", &CloseReason::Finished.to_string()];
        assert_eq!((status.unwrap(), told), (Status::Success, expected.map(str::to_owned).to_vec()));
    }
}

/// A host that is silent: its queue is full, so that it answers nobody.
#[test]
fn a_connect_to_a_silent_host_times_out() {
    let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    silent.bind(&V4.into()).unwrap();
    silent.listen(0).unwrap();
    let addr = silent.local_addr().unwrap().as_socket().unwrap();
    let _queued: Vec<_> = (0..4)
        .map(|_| {
            let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&addr.into());
            client
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    let mut told = Vec::new();
    // A paused clock goes on by itself as soon as nothing else does.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let machine = Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<ConnectError>| match input {
        Input::Start { .. } => _ = out.connect(addr.into()),
        Input::ConnectFailed { reason, .. } => {
            out.event(reason);
            out.done(Status::Failure);
        }
        _ => {}
    });
    let took = runtime.block_on(async {
        let never = std::future::pending();
        let begin = paused_clock();
        let ended = run_until(machine, Setup::dialer(), |_| {}, |event| told.push(event), never).await;
        assert_eq!(ended.unwrap(), Status::Failure);
        paused_clock() - begin
    });
    assert_eq!(told, [ConnectError::TimedOut]);
    assert!((limits::MAX_CONNECT..limits::MAX_CONNECT * 2).contains(&took), "{took:?}");
}

#[expect(clippy::disallowed_methods, reason = "the runtime's clock is paused")]
fn paused_clock() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
