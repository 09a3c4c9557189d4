//! Streams on real sockets driven hard, by machines of the test's own, against plain blocking peers written here.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{
    self, Driven, Puppet, V4, V6, accept, clock, dialer, faults, listener, plain_tcp, read_all, reset,
    within_bounds,
};
use lossproof::drive::Endpoint;
use lossproof::machine::{CloseReason, Conn, ConnMap, ConnectError, limits};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};

/// What the machines here tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Connected(Conn),
    Failed(ConnectError),
    Paused(Conn),
    Received(usize),
    Eof,
    Writable,
    Closed(Conn, CloseReason),
}

/// Returns what it reads. What does not fit is held, and until it does nothing more is read.
#[derive(Default)]
struct Echo {
    held: ConnMap<(Vec<u8>, bool)>,
    most_held: Arc<AtomicUsize>,
}

impl Echo {
    fn flush(&mut self, conn: Conn, out: &mut Outbox<Told>) {
        let Some((held, eof)) = self.held.get_mut(conn) else { return };
        let fitted_len = out.write(conn, held);
        held.drain(..fitted_len);
        self.most_held.fetch_max(held.len(), Ordering::Relaxed);
        if !held.is_empty() {
            out.pause(conn);
            out.event(Told::Paused(conn));
        } else if *eof {
            out.shutdown(conn);
        } else {
            out.resume(conn);
        }
    }
}

impl Machine for Echo {
    type Command = ();
    type Event = Told;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Connected { conn, .. } => {
                self.held.insert(conn, (Vec::new(), false));
                out.event(Told::Connected(conn));
            }
            Input::Received { conn, bytes } => {
                if let Some((held, _)) = self.held.get_mut(conn) {
                    held.extend_from_slice(bytes);
                }
                self.flush(conn, out);
            }
            Input::Writable { conn } => self.flush(conn, out),
            Input::Eof { conn } => {
                if let Some((_, eof)) = self.held.get_mut(conn) {
                    *eof = true;
                }
                self.flush(conn, out);
            }
            Input::Closed { conn, reason } => {
                self.held.remove(conn);
                out.event(Told::Closed(conn, reason));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// An echo, and how much it has held at most.
pub(crate) fn echo(endpoint: Endpoint) -> (Driven<Told>, Arc<AtomicUsize>) {
    let most_held = Arc::<AtomicUsize>::default();
    let of_machine = Arc::clone(&most_held);
    let make = move || Echo { most_held: of_machine, ..Echo::default() };
    (Driven::start(endpoint, None, make), most_held)
}

/// A server that does something with each slice, and tells of the rest.
fn server_that(mut on_received: impl FnMut(Conn, &mut Outbox<Told>) + Send + 'static) -> Driven<Told> {
    Driven::start(listener(V4), None, || {
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| match input {
            Input::Received { conn, bytes } => {
                out.event(Told::Received(bytes.len()));
                on_received(conn, out);
            }
            input => tell(input, out),
        })
    })
}

pub(crate) fn tell(input: Input<'_, ()>, out: &mut Outbox<Told>) {
    match input {
        Input::Connected { conn, .. } => out.event(Told::Connected(conn)),
        Input::ConnectFailed { reason, .. } => out.event(Told::Failed(reason)),
        Input::Received { bytes, .. } => out.event(Told::Received(bytes.len())),
        Input::Eof { .. } => out.event(Told::Eof),
        Input::Writable { .. } => out.event(Told::Writable),
        Input::Closed { conn, reason } => out.event(Told::Closed(conn, reason)),
        Input::Stop => out.done(Status::Success),
        _ => {}
    }
}

pub(crate) fn is_closed(told: &Told) -> bool {
    matches!(told, Told::Closed(..))
}

/// Bytes that show where they belong.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(len).collect()
}

/// Writes until the system takes no more.
fn fill(stream: &mut TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let bytes = vec![0; 64 * 1024];
    let until = clock() + support::PATIENCE;
    let mut full_count = 0;
    // It may take more when the other side has read; ten times in a row it does not.
    while full_count < 10 {
        assert!(clock() < until, "it takes without end");
        match stream.write(&bytes) {
            Ok(len) => full_count = if len == 0 { full_count } else { 0 },
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                full_count += 1;
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
    stream.set_nonblocking(false).unwrap();
}

#[test]
fn back_pressure_loses_nothing_and_bounds_memory() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let (mut server, most_held) = echo(listener(bind));
            let mut stream = plain_tcp(server.addr);
            let sent = pattern(8 * 1024 * 1024);
            let mut half = stream.try_clone().unwrap();
            let bytes = sent.clone();
            let writer = thread::spawn(move || {
                half.write_all(&bytes).unwrap();
                half.shutdown(Shutdown::Write).unwrap();
            });
            // Nothing is read before the echo is full for the first time.
            server.wait_count("full", 1, |told| matches!(told, Told::Paused(_)));
            assert!(read_all(&mut stream).unwrap() == sent, "what came back is not what was sent");
            writer.join().unwrap();
            server.wait_count("the end", 1, |told| matches!(told, Told::Closed(_, CloseReason::Finished)));
            let most = most_held.load(Ordering::Relaxed);
            assert!((1..=limits::MAX_READ_LEN).contains(&most), "{most} bytes held");
            server.stop();
        }
    });
}

#[test]
fn who_never_reads_blocks_nobody_else() {
    within_bounds(|| {
        let (mut server, most_held) = echo(listener(V4));
        let mut hogs: Vec<TcpStream> = (0..3).map(|_| plain_tcp(server.addr)).collect();
        hogs.iter_mut().for_each(fill);
        server.wait_count("full", 3, |told| matches!(told, Told::Paused(_)));
        let sent = pattern(100_000);
        let mut stream = plain_tcp(server.addr);
        stream.write_all(&sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(&mut stream).unwrap() == sent);
        assert!(most_held.load(Ordering::Relaxed) <= limits::MAX_READ_LEN);
        // One goes away while the echo is paused: the failed write tells.
        reset(hogs.pop().unwrap());
        server.wait_count("the reset", 1, |told| matches!(told, Told::Closed(_, CloseReason::Reset)));
        let begin = clock();
        server.stop();
        // What they do not read has as long as in simulation.
        assert!(begin.elapsed() < limits::MAX_LINGER + Duration::from_secs(2), "{:?}", begin.elapsed());
    });
}

#[test]
fn close_flushes_and_discards_what_was_not_read() {
    within_bounds(|| {
        let reply = pattern(50_000);
        let expected = reply.clone();
        let mut server = server_that(move |conn, out| {
            assert_eq!(out.write(conn, &reply), reply.len());
            out.close(conn);
        });
        let mut stream = plain_tcp(server.addr);
        stream.write_all(&vec![b'x'; 200_000]).unwrap();
        assert!(read_all(&mut stream).unwrap() == expected);
        stream.write_all(&vec![b'x'; 200_000]).unwrap();
        drop(stream);
        server.wait_count("the end", 1, is_closed);
        let told = server.stop();
        assert!(
            matches!(
                told[..],
                [Told::Connected(_), Told::Received(_), Told::Closed(_, CloseReason::Finished)]
            ),
            "{told:?}"
        );
    });
}

#[test]
fn close_has_bounds() {
    within_bounds(|| {
        let mut server = server_that(|conn, out| out.close(conn));
        // Too many bytes.
        let mut stream = plain_tcp(server.addr);
        let bytes = vec![0; limits::MAX_LINGER_LEN as usize];
        while stream.write_all(&bytes).is_ok() {}
        server.wait_count("the flood's end", 1, is_closed);
        // Too long.
        let mut idle = plain_tcp(server.addr);
        idle.write_all(b"x").unwrap();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        server.wait_count("the idle one's end", 2, is_closed);
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
        let told = server.stop();
        assert!(
            told.iter()
                .all(|told| !is_closed(told) || matches!(told, Told::Closed(_, CloseReason::LingerExpired)))
        );
    });
}

#[test]
fn abort_is_a_reset_to_the_peer() {
    within_bounds(|| {
        let mut server = server_that(|conn, out| {
            let _ = out.write(conn, b"never mind");
            out.abort(conn);
            // What is over is left alone.
            out.close(conn);
            out.abort(conn);
        });
        let mut stream = plain_tcp(server.addr);
        stream.write_all(b"x").unwrap();
        let error = read_all(&mut stream).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        server.wait_count("the end", 1, is_closed);
        let told = server.stop();
        assert!(
            matches!(
                told[..],
                [Told::Connected(_), Told::Received(1), Told::Closed(_, CloseReason::Aborted)]
            ),
            "{told:?}"
        );
    });
}

/// The peer says something and breaks off while much is still to be written to it.
#[test]
fn what_a_peer_said_before_it_broke_off_is_read() {
    within_bounds(|| {
        let mut server = Driven::start(listener(V4), None, || {
            Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<Told>| {
                if let Input::Connected { conn, .. } | Input::Writable { conn } = input {
                    while out.write(conn, &[b'x'; 10_000]) == 10_000 {}
                }
                tell(input, out);
            })
        });
        let mut stream = plain_tcp(server.addr);
        server.wait_count("a full buffer", 1, |told| *told == Told::Writable);
        stream.write_all(b"enough").unwrap();
        // With input unread this is a reset.
        drop(stream);
        server.wait_count("the end", 1, is_closed);
        let mut told = server.stop();
        told.retain(|told| *told != Told::Writable);
        assert!(
            matches!(
                told[..],
                [Told::Connected(_), Told::Received(6), Told::Closed(_, CloseReason::Reset)]
                    | [Told::Connected(_), Told::Received(6), Told::Eof, Told::Closed(_, CloseReason::Reset)]
            ),
            "{told:?}"
        );
    });
}

#[test]
fn a_paused_stream_delivers_nothing() {
    within_bounds(|| {
        let mut server = server_that(|conn, out| out.pause(conn));
        let mut stream = plain_tcp(server.addr);
        stream.write_all(b"first").unwrap();
        server.wait_count("the first slice", 1, |told| *told == Told::Received(5));
        stream.write_all(b"second").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        thread::sleep(support::A_WHILE);
        let told = server.stop();
        assert!(matches!(told[..], [Told::Connected(_), Told::Received(5)]), "{told:?}");
        assert_eq!(read_all(&mut stream).unwrap(), b"");
    });
}

#[test]
fn nobody_listening_is_told_once() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = Peer::from(TcpListener::bind(bind).unwrap().local_addr().unwrap());
            let mut client = Driven::start(dialer(), None, move || {
                Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| {
                    if let Input::Start { .. } = input {
                        let given_up = out.connect(nobody);
                        out.abort(given_up);
                        let closed = out.connect(nobody);
                        out.close(closed);
                        out.connect(nobody);
                    }
                    tell(input, out);
                })
            });
            client.wait_count("the refusal", 1, |_| true);
            thread::sleep(support::A_WHILE);
            assert_eq!(client.stop(), [Told::Failed(ConnectError::Refused)]);
        }
    });
}

#[test]
fn fifty_connections_at_once() {
    within_bounds(|| {
        const COUNT: usize = 50;
        let (server, _) = echo(listener(V4));
        let to = server.peer();
        let client = Driven::start(dialer(), None, move || {
            let mut open_count = COUNT;
            Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| {
                tell(input, out);
                match input {
                    Input::Start { .. } => (0..COUNT).for_each(|_| _ = out.connect(to)),
                    Input::Connected { conn, .. } => {
                        let _ = out.write(conn, &[b'x'; 10]);
                        out.shutdown(conn);
                    }
                    Input::Closed { .. } => {
                        open_count -= 1;
                        if open_count == 0 {
                            out.done(Status::Success);
                        }
                    }
                    _ => {}
                }
            })
        });
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let mut balance = [0; COUNT];
        for told in &told {
            match told {
                Told::Connected(conn) => balance[conn.index()] += 1,
                Told::Closed(conn, reason) => {
                    assert_eq!(*reason, CloseReason::Finished);
                    balance[conn.index()] -= 1;
                    assert_eq!(balance[conn.index()], 0, "closed once, and after it was connected");
                }
                _ => {}
            }
        }
        let received: usize =
            told.iter().map(|told| if let Told::Received(len) = told { *len } else { 0 }).sum();
        assert_eq!(received, COUNT * 10);
        assert_eq!(told.iter().filter(|told| is_closed(told)).count(), COUNT);
        let told = server.stop();
        assert_eq!(told.iter().filter(|told| is_closed(told)).count(), COUNT);
    });
}

/// The place of a stream that ends is taken by the next one before the machine has heard of the end.
#[test]
fn a_stream_that_follows_another_is_not_taken_for_it() {
    within_bounds(|| {
        let target = TcpListener::bind(V4).unwrap();
        let to = Peer::from(target.local_addr().unwrap());
        let mut server = Driven::start(listener(V4), None, move || {
            Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| {
                if let Input::Received { conn, bytes: b"next" } = input {
                    out.abort(conn);
                    out.connect(to);
                }
                tell(input, out);
            })
        });
        for round in 1..=3 {
            let mut stream = plain_tcp(server.addr);
            stream.write_all(b"next").unwrap();
            let mut dialed = accept(&target);
            server.wait_count("the end of one", round, is_closed);
            server.wait_count("the other", 2 * round, |told| matches!(told, Told::Connected(_)));
            // It is a stream like any other: what comes on it reaches the machine.
            dialed.write_all(b"for the new one").unwrap();
            server.wait_count("what came", round, |told| *told == Told::Received(15));
        }
        let told = server.stop();
        assert_eq!(told.iter().filter(|told| is_closed(told)).count(), 3);
    });
}

/// Nothing that a plan holds back for one stream reaches the next.
#[test]
fn what_is_held_back_ends_with_its_stream() {
    within_bounds(|| {
        let plan = Some(faults("server>client @0 stall 300ms", "server", "client"));
        let mut server = Driven::start(listener(V4), plan, Echo::default);
        let mut first = plain_tcp(server.addr);
        first.write_all(b"for the first").unwrap();
        server.wait_count("the first", 1, |told| matches!(told, Told::Connected(_)));
        thread::sleep(Duration::from_millis(50));
        reset(first);
        server.wait_count("its end", 1, is_closed);
        let mut second = plain_tcp(server.addr);
        thread::sleep(Duration::from_millis(400));
        second.write_all(b"for the second").unwrap();
        second.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut second).unwrap(), b"for the second");
        server.stop();
    });
}

/// A flood of input does not keep a machine from its deadline.
#[test]
fn a_flood_starves_no_timer() {
    struct Ticks(Instant);
    impl Machine for Ticks {
        type Command = ();
        type Event = ();

        fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
            match input {
                Input::Timeout if self.0 <= now => {
                    self.0 = now + Duration::from_millis(20);
                    out.event(());
                }
                Input::Stop => out.done(Status::Success),
                _ => {}
            }
        }

        fn deadline(&self) -> Option<Instant> {
            Some(self.0)
        }
    }

    within_bounds(|| {
        let mut server = Driven::start(listener(V4), None, || Ticks(Instant::START));
        let mut streams: Vec<TcpStream> = (0..4).map(|_| plain_tcp(server.addr)).collect();
        let flood = thread::spawn(move || {
            let bytes = vec![0; 256 * 1024];
            let until = clock() + Duration::from_millis(500);
            while clock() < until {
                for stream in &mut streams {
                    stream.write_all(&bytes).unwrap();
                }
            }
        });
        server.wait_count("ticks", 5, |()| true);
        assert!(!flood.is_finished());
        flood.join().unwrap();
        server.stop();
    });
}
