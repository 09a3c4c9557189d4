//! The proxy as a library, for streams.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use lossproof::proxy::{Proxy, Relay, Route};

use crate::command::directory;

/// A server that takes one stream and tells what each of its reads brought; how the last ended comes last.
fn reads(server: TcpListener) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut reads = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => break reads.push("end".to_owned()),
                Ok(len) => reads.push(String::from_utf8_lossy(&bytes[..len]).into_owned()),
                Err(error) => break reads.push(format!("{:?}", error.kind())),
            }
        }
        reads
    })
}

fn proxied(plan: &str) -> (TcpListener, Relay) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let route = Route::tcp("127.0.0.1:0".parse().unwrap(), server.local_addr().unwrap().into());
    let relay = Proxy::new([route]).faults(plan.parse().unwrap()).record(true).start().unwrap();
    (server, relay)
}

fn client(relay: &Relay) -> TcpStream {
    let client = TcpStream::connect(relay.local().inet().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client
}

#[test]
fn cuts_are_where_the_plan_says() {
    for (plan, expected) in [
        ("", &["hello world", "end"][..]),
        ("client-1>server @4 cut", &["hell", "o world", "end"]),
        ("client-1>server cut every 4 bytes", &["hell", "o wo", "rld", "end"]),
        ("client-1>server @5 cut; client-1>server @6 cut", &["hello", " ", "world", "end"]),
        ("server>client-1 @4 cut", &["hello world", "end"]),
    ] {
        // A reader that has to wait for a processor reads two pieces at once.
        let last = (0..5).map(|_| read_through(plan)).find(|reads| reads == expected);
        assert!(last.is_some(), "{plan}: {:?}", read_through(plan));
    }
}

/// What each read of a server brings that is sent a text through a plan.
fn read_through(plan: &str) -> Vec<String> {
    let (server, relay) = proxied(plan);
    let reads = reads(server);
    let mut client = client(&relay);
    client.write_all(b"hello world").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "the end comes back");
    assert_eq!(relay.stop().unfired.len(), usize::from(plan.starts_with("server>")));
    reads.join().unwrap()
}

#[test]
fn a_stall_holds_back_what_comes_after_its_byte() {
    let (server, relay) = proxied("client-1>server @5 stall 300ms");
    let reads = reads(server);
    let begin = Instant::now();
    let mut client = client(&relay);
    client.write_all(b"hello world").unwrap();
    drop(client);
    assert_eq!(reads.join().unwrap(), ["hello", " world", "end"]);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    drop(relay);
}

#[test]
fn a_reset_comes_after_the_bytes_before_it() {
    let (server, relay) = proxied("client-1>server @5 reset");
    let reads = reads(server);
    let mut client = client(&relay);
    client.write_all(b"hello world").unwrap();
    let error = client.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the sender sees it, too");
    assert_eq!(reads.join().unwrap(), ["hello", "ConnectionReset"]);
    let text = relay.stop().recording.unwrap().transcript().to_string();
    assert!(
        text.contains("fault client-1>server @5 reset") && text.contains("closed ← server: reset"),
        "{text}"
    );
}

#[test]
fn a_dial_is_refused_or_met_with_silence() {
    let (_server, relay) = proxied("client-1>server refuse; client-2>server silence");
    let mut refused = client(&relay);
    assert_eq!(refused.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut silent = client(&relay);
    silent.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    silent.write_all(b"is anybody there?").unwrap();
    assert_eq!(silent.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(relay.stop().unfired.is_empty());
}

#[test]
fn who_dials_a_server_that_is_not_there_is_reset() {
    let (server, relay) = proxied("");
    drop(server);
    let kind = client(&relay).read(&mut [0; 8]).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_partition_holds_bytes_back_until_the_heal() {
    let (server, relay) = proxied("at 0s partition client-1|server; at 500ms heal");
    let begin = Instant::now();
    let reads = reads(server);
    client(&relay).write_all(b"hello").unwrap();
    assert_eq!(reads.join().unwrap(), ["hello", "end"]);
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}

#[test]
fn much_passes_whole_both_ways() {
    for plan in ["", "link 3ms; client-1>server @1000000 cut; server>client-1 @500000 stall 20ms"] {
        let (server, relay) = proxied(plan);
        thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
            std::io::copy(&mut from, &mut to).unwrap();
        });
        let all: Vec<u8> = (0..8_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut client = client(&relay);
        let mut sender = client.try_clone().unwrap();
        let sent = all.clone();
        let sends = thread::spawn(move || {
            sender.write_all(&sent).unwrap();
            sender.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        sends.join().unwrap();
        assert!(back == all, "{plan}: {} of {} bytes", back.len(), all.len());
        assert_eq!(relay.stop().counts.stream_bytes, 2 * all.len() as u64);
    }
}

#[test]
fn unix_streams_and_several_pairs_have_one_proxy() {
    let paths = directory("unix");
    let path = |name: &str| paths.join(name).display().to_string();
    let peer = |name: &str| format!("unix:{}", path(name)).parse().unwrap();
    let server = UnixListener::bind(path("server")).unwrap();
    let inet = TcpListener::bind("127.0.0.1:0").unwrap();
    let routes = [
        Route::tcp(peer("proxy"), inet.local_addr().unwrap().into()).named("app", "db"),
        Route::tcp("127.0.0.1:0".parse().unwrap(), peer("server")),
    ];
    let plan = "app-1>db @2 cut; client-1>server @3 cut".parse().unwrap();
    let relay = Proxy::new(routes).faults(plan).start().unwrap();
    let reads = reads(inet);
    let mut app = UnixStream::connect(path("proxy")).unwrap();
    app.write_all(b"query").unwrap();
    drop(app);
    assert_eq!(reads.join().unwrap(), ["qu", "ery", "end"]);
    let mut other = TcpStream::connect(relay.locals()[1].inet().unwrap()).unwrap();
    other.write_all(b"abcdef").unwrap();
    let (mut stream, _) = server.accept().unwrap();
    let mut bytes = [0; 16];
    assert_eq!(stream.read(&mut bytes).unwrap(), 3);
    assert!(relay.stop().unfired.is_empty());
    assert!(!paths.join("proxy").exists(), "the file of its socket goes with it");
}
