//! Streams over Unix sockets.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use lossproof::drive::Endpoint;
use lossproof::machine::{CloseReason, Conn, ConnectError, UnixPath, limits};
use lossproof::{Input, Outbox, Peer, Status};

use crate::streams::{Told, echo, is_closed, pattern, tell};
use crate::support::{Driven, PATIENCE, Puppet, file, unix_path, within_bounds};

fn listener(path: UnixPath) -> Endpoint {
    Endpoint::Listener { bind: Peer::Unix(path) }
}

fn plain(path: &UnixPath) -> UnixStream {
    bounded(UnixStream::connect(file(path)).unwrap())
}

fn bounded(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A machine that opens so many streams, says "hello" on each, and is done when all are over.
fn dialer(path: UnixPath, count: usize) -> Driven<Told> {
    Driven::start([], None, move || {
        let mut open_count = count;
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| {
            match input {
                Input::Start { .. } => {
                    for _ in 0..count {
                        out.connect(Peer::Unix(path));
                    }
                }
                Input::Connected { conn, peer, local } => {
                    assert_eq!((peer, local), (Peer::Unix(path), Peer::Unix(UnixPath::UNNAMED)));
                    let _ = out.write(conn, b"hello");
                    out.shutdown(conn);
                }
                Input::Closed { .. } | Input::ConnectFailed { .. } => open_count -= 1,
                _ => {}
            }
            tell(input, out);
            if open_count == 0 {
                out.done(Status::Success);
            }
        })
    })
}

/// A server that does something with each slice, and tells of the rest.
fn server_that(
    path: UnixPath,
    mut on_received: impl FnMut(Conn, &mut Outbox<Told>) + Send + 'static,
) -> Driven<Told> {
    Driven::start(listener(path), None, move || {
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Told>| {
            if let Input::Connected { peer, local, .. } = input {
                assert_eq!((peer, local), (Peer::Unix(UnixPath::UNNAMED), Peer::Unix(path)));
            }
            let received = match input {
                Input::Received { conn, .. } => Some(conn),
                _ => None,
            };
            tell(input, out);
            if let Some(conn) = received {
                on_received(conn, out);
            }
        })
    })
}

#[test]
fn back_pressure_loses_nothing_and_bounds_memory() {
    within_bounds(|| {
        let path = unix_path();
        let (mut server, most_held) = echo(listener(path));
        let mut stream = plain(&path);
        let sent = pattern(4 * 1024 * 1024);
        let (mut half, bytes) = (stream.try_clone().unwrap(), sent.clone());
        let writer = thread::spawn(move || {
            half.write_all(&bytes).unwrap();
            half.shutdown(Shutdown::Write).unwrap();
        });
        // Nothing is read before the echo is full for the first time.
        server.wait_count("full", 1, |told| matches!(told, Told::Paused(_)));
        let mut came_back = Vec::new();
        stream.read_to_end(&mut came_back).unwrap();
        assert!(came_back == sent, "what came back is not what was sent");
        writer.join().unwrap();
        server.wait_count("the end", 1, |told| matches!(told, Told::Closed(_, CloseReason::Finished)));
        let most = most_held.load(Ordering::Relaxed);
        assert!((1..=limits::MAX_READ_LEN).contains(&most), "{most} bytes held");
        server.stop();
    });
}

#[test]
fn close_flushes_and_discards_what_was_not_read() {
    within_bounds(|| {
        let (path, reply) = (unix_path(), pattern(50_000));
        let expected = reply.clone();
        let mut server = server_that(path, move |conn, out| {
            assert_eq!(out.write(conn, &reply), reply.len());
            out.close(conn);
        });
        let mut stream = plain(&path);
        stream.write_all(&vec![b'x'; 100_000]).unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert!(read == expected);
        stream.write_all(&vec![b'x'; 100_000]).unwrap();
        drop(stream);
        server.wait_count("the end", 1, is_closed);
        let told = server.stop();
        assert!(matches!(told.last(), Some(Told::Closed(_, CloseReason::Finished))), "{told:?}");
        assert_eq!(told.iter().filter(|told| matches!(told, Told::Received(_))).count(), 1);
    });
}

#[test]
fn close_has_bounds() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = server_that(path, |conn, out| out.close(conn));
        // Too many bytes.
        let mut stream = plain(&path);
        let bytes = vec![0; limits::MAX_LINGER_LEN as usize];
        while stream.write_all(&bytes).is_ok() {}
        server.wait_count("the flood's end", 1, is_closed);
        // Too long.
        let mut idle = plain(&path);
        idle.write_all(b"x").unwrap();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        server.wait_count("the idle one's end", 2, is_closed);
        let told = server.stop();
        let expired = |told: &&Told| matches!(told, Told::Closed(_, CloseReason::LingerExpired));
        assert_eq!(told.iter().filter(expired).count(), 2);
    });
}

/// There is no reset at will: the peer sees one if it said something that was not read, otherwise an end.
#[test]
fn abort_ends_the_stream_at_once() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = server_that(path, |conn, out| out.abort(conn));
        let mut stream = plain(&path);
        stream.write_all(b"x").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        server.wait_count("the end", 1, |told| matches!(told, Told::Closed(_, CloseReason::Aborted)));
        server.stop();
    });
}

#[test]
fn a_peer_that_breaks_off_is_told_as_a_reset() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = server_that(path, |conn, out| {
            let _ = out.write(conn, b"nobody reads this");
        });
        let mut stream = plain(&path);
        stream.write_all(b"x").unwrap();
        server.wait_count("the request", 1, |told| *told == Told::Received(1));
        // Dropping a stream with something unread is a reset.
        stream.read_exact(&mut [0]).unwrap();
        drop(stream);
        server.wait_count("the reset", 1, |told| matches!(told, Told::Closed(_, CloseReason::Reset)));
        server.stop();
    });
}

#[test]
fn a_stream_is_opened_and_half_closed() {
    within_bounds(|| {
        let path = unix_path();
        let listening = UnixListener::bind(file(&path)).unwrap();
        let client = dialer(path, 1);
        let mut stream = bounded(listening.accept().unwrap().0);
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
        stream.write_all(b"goodbye").unwrap();
        drop(stream);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert!(
            matches!(
                told[..],
                [Told::Connected(_), Told::Received(7), Told::Eof, Told::Closed(_, CloseReason::Finished)]
            ),
            "{told:?}"
        );
        fs::remove_file(file(&path)).unwrap();
    });
}

#[test]
fn nobody_listening_is_a_refusal() {
    within_bounds(|| {
        let (missing, stale) = (unix_path(), unix_path());
        drop(UnixListener::bind(file(&stale)).unwrap());
        for path in [missing, stale] {
            let (status, told) = dialer(path, 1).join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(told, [Told::Failed(ConnectError::Refused)]);
        }
        fs::remove_file(file(&stale)).unwrap();
    });
}

/// The system does not wait for a listener whose queue is full; the driver does.
#[test]
fn a_full_queue_of_connections_is_waited_for() {
    within_bounds(|| {
        const COUNT: usize = 20;
        let path = unix_path();
        let listening = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        listening.bind(&socket2::SockAddr::unix(file(&path)).unwrap()).unwrap();
        listening.listen(1).unwrap();
        let mut client = dialer(path, COUNT);
        client.wait_count("the first", 1, |told| matches!(told, Told::Connected(_)));
        // Another one finds the queue full now, or soon.
        let probe = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        probe.set_nonblocking(true).unwrap();
        let refused = (0..1000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            let probed = probe.connect(&socket2::SockAddr::unix(file(&path)).unwrap());
            probed.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
        assert!(refused, "the queue is never full");
        let streams: Vec<socket2::Socket> = (0..COUNT).map(|_| listening.accept().unwrap().0).collect();
        client.wait_count("all", COUNT, |told| matches!(told, Told::Connected(_)));
        drop(streams);
        assert_eq!(client.join().0.unwrap(), Status::Success);
        fs::remove_file(file(&path)).unwrap();
    });
}
