//! tcp-sixteen on real sockets, against plain blocking peers written here. (Rows S21 to S27.)

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::{
    self, A_WHILE, Driven, Pair, V4, V6, accept, assert_same_over_loopback, bounded, clock, faults, listener,
    open_error, plain_tcp, read_all, reset, within_bounds,
};
use lossproof::Status;
use lossproof::drive::LocalFaults;
use lossproof::machine::limits;
use lossproof::systems::Options;
use lossproof::systems::tcp_sixteen::{self, Client, ClientEvent, FAREWELL, HELLO, Server, ServerEvent};

const PAIR: Pair<Server, Client> = Pair {
    about: tcp_sixteen::ABOUT,
    net: tcp_sixteen::net,
    server: |_| Server::default(),
    client: |options, server| Client::new(server, options.timeout),
};

fn server_with(bind: SocketAddr, faults: Option<LocalFaults>) -> Driven<ServerEvent> {
    Driven::start(listener(bind), faults, Server::default)
}

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    server_with(bind, None)
}

fn client_with(server: SocketAddr, timeout: Duration, faults: Option<LocalFaults>) -> Driven<ClientEvent> {
    Driven::start([], faults, move || Client::new(server.into(), timeout))
}

/// A client of ours and the plain end of its connection.
fn client_at(listener: &TcpListener) -> (Driven<ClientEvent>, TcpStream) {
    let client = client_with(listener.local_addr().unwrap(), support::PATIENCE, None);
    (client, accept(listener))
}

fn plain_listener(bind: SocketAddr) -> TcpListener {
    TcpListener::bind(bind).unwrap()
}

fn is_accepted(event: &ServerEvent) -> bool {
    matches!(event, ServerEvent::Accepted { .. })
}

fn lines(told: &[impl ToString]) -> Vec<String> {
    told.iter().map(ToString::to_string).collect()
}

/// Talks to a server in good order.
fn assert_served(server: SocketAddr) {
    let mut stream = plain_tcp(server);
    stream.write_all(HELLO).unwrap();
    assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
}

fn read_sixteen(stream: &mut TcpStream) -> [u8; 16] {
    let mut sixteen = [0; 16];
    stream.read_exact(&mut sixteen).unwrap();
    sixteen
}

// Our server

/// S21, S22.
#[test]
fn a_client_is_served_and_told_of() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind);
            let mut stream = plain_tcp(server.addr);
            stream.write_all(HELLO).unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
            let (at, from) = (server.addr, stream.local_addr().unwrap());
            assert_eq!(
                lines(&server.stop()).join("\n"),
                format!(
                    "Listening at {at}\nWaiting to accept a new connection\nWe have accepted a connection from \
                     {from}\n  Socket name: {at}\n  Socket peer: {from}\n  Incoming sixteen-octet message: \
                     b'Hi there, server'\n  Reply sent, socket closed\nWaiting to accept a new connection"
                )
            );
        }
    });
}

/// S21.
#[test]
fn sixteen_bytes_are_read_however_they_come() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = plain_tcp(server.addr);
        for byte in HELLO {
            stream.write_all(&[*byte]).unwrap();
        }
        assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
        let mut stream = plain_tcp(server.addr);
        stream.write_all(&HELLO[..7]).unwrap();
        thread::sleep(A_WHILE);
        stream.write_all(&HELLO[7..]).unwrap();
        assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
        // Not text, and half closed: the reply comes all the same.
        let mut stream = plain_tcp(server.addr);
        stream.write_all(&[0xff; 16]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
        let shown = lines(&server.stop()).join("\n");
        assert_eq!(shown.matches("b'Hi there, server'").count(), 2);
        assert_eq!(shown.matches(&format!("b'{}'", "\\xff".repeat(16))).count(), 1);
    });
}

/// S27.
#[test]
fn surplus_input_does_not_lose_the_farewell() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = plain_tcp(server.addr);
        stream.write_all(HELLO).unwrap();
        stream.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
        assert_eq!(read_all(&mut stream).unwrap(), FAREWELL);
        drop(stream);
        assert_served(server.addr);
        server.stop();
    });
}

/// S24, S25.
#[test]
fn an_early_end_is_told_and_the_server_goes_on() {
    within_bounds(|| {
        let mut server = server(V4);
        for len in 0..16 {
            let mut stream = plain_tcp(server.addr);
            stream.write_all(&HELLO[..len]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"");
            let expected =
                format!("was expecting 16 bytes but only received {len} bytes before the socket closed");
            server.wait_count("the early end", 1, |event| event.to_string() == expected);
        }
        assert_served(server.addr);
        server.stop();
    });
}

#[test]
fn a_reset_is_told_and_the_server_goes_on() {
    within_bounds(|| {
        let mut server = server(V4);
        for (index, len) in [0, 5, 15].into_iter().enumerate() {
            let mut stream = plain_tcp(server.addr);
            server.wait_count("the connection", index + 1, is_accepted);
            stream.write_all(&HELLO[..len]).unwrap();
            let from = stream.local_addr().unwrap();
            reset(stream);
            let expected = format!("the connection with {from} was reset");
            server.wait_count("the reset", 1, |event| event.to_string() == expected);
        }
        // Reset before anybody looks, and after the answer.
        for _ in 0..20 {
            reset(plain_tcp(server.addr));
            let mut stream = plain_tcp(server.addr);
            stream.write_all(HELLO).unwrap();
            read_sixteen(&mut stream);
            reset(stream);
        }
        assert_served(server.addr);
        server.stop();
    });
}

/// S26.
#[test]
fn an_idle_client_blocks_nobody() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut idle = plain_tcp(server.addr);
        server.wait_count("the idle client", 1, is_accepted);
        let mut streams: Vec<TcpStream> = (0..200).map(|_| plain_tcp(server.addr)).collect();
        for stream in &mut streams {
            stream.write_all(HELLO).unwrap();
        }
        for stream in &mut streams {
            assert_eq!(read_all(stream).unwrap(), FAREWELL);
        }
        idle.write_all(HELLO).unwrap();
        assert_eq!(read_all(&mut idle).unwrap(), FAREWELL);
        let told = server.stop();
        assert_eq!(told.iter().filter(|event| **event == ServerEvent::Replied).count(), 201);
    });
}

#[test]
fn a_restart_at_once_gets_the_same_port() {
    within_bounds(|| {
        let mut addr = V4;
        for _ in 0..3 {
            let server = server(addr);
            addr = server.addr;
            for _ in 0..5 {
                assert_served(addr);
            }
            server.stop();
        }
    });
}

#[test]
fn a_port_in_use_is_one_plain_line() {
    within_bounds(|| {
        let (running, plain) = (server(V4), plain_listener(V6));
        for taken in [running.addr, plain.local_addr().unwrap()] {
            assert_eq!(
                open_error(Server::default(), listener(taken)).to_string(),
                format!("cannot listen on {taken}: the address is in use; choose another port, or 0 for any")
            );
        }
        assert_served(running.addr);
        running.stop();
    });
}

#[test]
fn stop_ends_the_server_soon_and_frees_its_port() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut idle = plain_tcp(server.addr);
        server.wait_count("the idle client", 1, is_accepted);
        let (addr, begin) = (server.addr, clock());
        server.stop();
        // A client that does not end its side is waited for no longer.
        let bound = limits::MAX_LINGER + Duration::from_secs(1);
        assert!(begin.elapsed() < bound, "{:?}", begin.elapsed());
        assert_eq!(read_all(&mut idle).unwrap(), b"");
        drop(plain_listener(addr));
    });
}

// Our client

/// S21, S23.
#[test]
fn the_client_reads_sixteen_bytes_however_they_come() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = plain_listener(bind);
            let pieces: [&[usize]; 3] = [&[16], &[1; 16], &[3, 13]];
            for lens in pieces {
                let (client, mut stream) = client_at(&listener);
                assert_eq!(&read_sixteen(&mut stream), HELLO);
                let mut rest = &FAREWELL[..];
                for len in lens {
                    let (piece, after) = rest.split_at(*len);
                    stream.write_all(piece).unwrap();
                    rest = after;
                    thread::sleep(Duration::from_millis(5));
                }
                let from = stream.peer_addr().unwrap();
                // It says nothing more, and ends in good order.
                assert_eq!(read_all(&mut stream).unwrap(), b"");
                drop(stream);
                let (status, told) = client.join();
                assert_eq!(status.unwrap(), Status::Success);
                assert_eq!(
                    lines(&told),
                    [
                        format!("Client has been assigned socket name {from}"),
                        "The server said b'Farewell, client'".to_owned()
                    ]
                );
            }
        }
    });
}

#[test]
fn the_client_takes_no_surplus() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        let (client, mut stream) = client_at(&listener);
        read_sixteen(&mut stream);
        stream.write_all(&[&FAREWELL[..], &vec![b'x'; 100_000]].concat()).unwrap();
        drop(stream);
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), told.len()), (Status::Success, 2));
        assert_eq!(told[1], ClientEvent::ServerSaid(FAREWELL.to_vec()));
    });
}

/// S24.
#[test]
fn the_client_tells_of_an_early_end_and_of_a_reset() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        for len in [0, 1, 15] {
            let (client, mut stream) = client_at(&listener);
            read_sixteen(&mut stream);
            stream.write_all(&FAREWELL[..len]).unwrap();
            drop(stream);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(
                told.last().unwrap().to_string(),
                format!("was expecting 16 bytes but only received {len} bytes before the socket closed")
            );
        }
        let (client, mut stream) = client_at(&listener);
        read_sixteen(&mut stream);
        stream.write_all(&FAREWELL[..5]).unwrap();
        reset(stream);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        let addr = listener.local_addr().unwrap();
        assert_eq!(told.last().unwrap().to_string(), format!("the connection with {addr} was reset"));
    });
}

#[test]
fn the_client_waits_within_bounds() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        let client = client_with(listener.local_addr().unwrap(), Duration::from_millis(200), None);
        let mut stream = accept(&listener);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(told.last().unwrap().to_string(), "no answer within 0.2 seconds");
        // It has given the connection up.
        let error = read_all(&mut stream).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn nobody_listening_is_one_plain_line() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = plain_listener(bind).local_addr().unwrap();
            let (status, told) = client_with(nobody, support::PATIENCE, None).join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(lines(&told), [format!("cannot connect to {nobody}: connection refused")]);
        }
    });
}

// Faults

#[test]
fn the_plan_cuts_the_stream() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        let plan = Some(faults("client>server cut every 1 byte", "client", "server"));
        let client = client_with(listener.local_addr().unwrap(), support::PATIENCE, plan);
        let mut stream = accept(&listener);
        let mut seen: Vec<u8> = Vec::new();
        while seen.len() < 16 {
            let mut buf = [0; 4];
            let len = stream.read(&mut buf).unwrap();
            assert_ne!(len, 0, "only {seen:?}");
            seen.extend(&buf[..len]);
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(seen, HELLO);
        stream.write_all(FAREWELL).unwrap();
        assert_eq!(read_all(&mut stream).unwrap(), b"");
        drop(stream);
        assert_eq!(client.join().0.unwrap(), Status::Success);
    });
}

#[test]
fn the_plan_stalls_the_stream() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        let plan = Some(faults("client>server @8 stall 300ms", "client", "server"));
        let begin = clock();
        let client = client_with(listener.local_addr().unwrap(), support::PATIENCE, plan);
        let mut stream = accept(&listener);
        let mut first = [0; 8];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(first, HELLO[..8]);
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(
            support::is_timeout(&stream.read(&mut [0; 8]).unwrap_err()) || begin.elapsed().as_millis() >= 300
        );
        let mut stream = bounded(stream);
        stream.read_exact(&mut first).unwrap();
        assert_eq!(first, HELLO[8..]);
        assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
        stream.write_all(FAREWELL).unwrap();
        drop(stream);
        assert_eq!(client.join().0.unwrap(), Status::Success);

        // A server that stalls its reply loses neither it nor the end that follows.
        let server = server_with(V4, Some(faults("server>client/1 @4 stall 300ms", "server", "client")));
        let begin = clock();
        assert_served(server.addr);
        let first_took = begin.elapsed();
        assert_served(server.addr);
        assert!(begin.elapsed() >= first_took + Duration::from_millis(300), "{:?}", begin.elapsed());
        server.stop();
    });
}

#[test]
fn the_plan_resets_the_stream() {
    within_bounds(|| {
        let listener = plain_listener(V4);
        let plan = Some(faults("client>server @3 reset", "client", "server"));
        let client = client_with(listener.local_addr().unwrap(), support::PATIENCE, plan);
        let mut stream = accept(&listener);
        let mut seen = Vec::new();
        let error = stream.read_to_end(&mut seen).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(HELLO[..3].starts_with(&seen), "{seen:?}");
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert!(matches!(told.last(), Some(ClientEvent::Reset(_))), "{told:?}");

        // Only the second connection; its id is used again by the third.
        let server = server_with(V4, Some(faults("server>client/1 @0 reset", "server", "client")));
        assert_served(server.addr);
        let mut stream = plain_tcp(server.addr);
        stream.write_all(HELLO).unwrap();
        assert_eq!(read_all(&mut stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_served(server.addr);
        server.stop();
    });
}

#[test]
fn the_same_events_over_loopback() {
    within_bounds(|| {
        for plan in [
            "",
            "client>server cut every 1 byte; server>client cut every 3 bytes",
            "client>server @5 stall 200ms; server>client @0 stall 100ms",
            "client>server @3 reset",
            "at 0ms partition server>client; at 200ms heal",
        ] {
            assert_same_over_loopback(&PAIR, &Options::default(), plan);
        }
    });
}
