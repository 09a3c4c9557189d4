//! udp-remote on real sockets, against plain blocking peers written here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lossproof::Peer;
use lossproof::Status;
use lossproof::drive::LocalFaults;
use lossproof::fault::Chance;
use lossproof::parts::backoff::Backoff;
use lossproof::systems::udp_remote::seal::Key;
use lossproof::systems::udp_remote::{
    self, Client, ClientEvent, MESSAGE, MESSAGES_WITH_IDS, Server, ServerEvent,
};
use lossproof::systems::{Options, udp_local};

use crate::python::Python;
use crate::support::{
    A_WHILE, Driven, Pair, Spied, V4, V6, assert_same_over_loopback, assert_silence, clock, datagram, faults,
    plain_udp, receive, within_bounds,
};

fn remote_server(bind: SocketAddr, options: &Options) -> Driven<ServerEvent> {
    let (drop, ids, key) = (options.drop, options.ids, options.key.clone());
    Driven::start(datagram(bind, None), None, move || {
        let server = Server::new(drop, ids || key.is_some(), SEED);
        match key {
            Some(key) => server.sealed(key),
            None => server,
        }
    })
}

/// A client with these options.
fn made(options: &Options, server: Peer) -> Client {
    let ids = options.ids || options.key.is_some();
    let messages: &[&str] = if ids { &MESSAGES_WITH_IDS } else { &[MESSAGE] };
    let backoff = Backoff::CLASSIC.scaled(options.time_scale).unwrap();
    let client = Client::new(server, messages, ids.then_some(SEED as u32), backoff);
    match &options.key {
        Some(key) => client.sealed(key.clone()),
        None => client,
    }
}

const REMOTE: Pair<Server, Client> = Pair {
    about: udp_remote::ABOUT,
    net: udp_remote::net,
    server: |options| Server::new(options.drop, options.ids, SEED),
    client: made,
};
const LOCAL: Pair<udp_local::Server, udp_local::Client> = Pair {
    about: udp_local::ABOUT,
    net: udp_local::net,
    server: |_| udp_local::Server,
    client: |options, server| udp_local::Client::new(server, &options.local_time, options.timeout),
};
/// Where the machines' randomness comes from.
const SEED: u64 = 7;

fn remote_client(server: SocketAddr, options: Options, faults: Option<LocalFaults>) -> Driven<ClientEvent> {
    let bind = SocketAddr::new(server.ip(), 0);
    Driven::start(datagram(bind, Some(server)), faults, move || made(&options, server.into()))
}

fn scaled(time_scale: f64) -> Options {
    Options { time_scale, ..Options::default() }
}

fn count_waits(told: &[ClientEvent]) -> usize {
    told.iter().filter(|event| matches!(event, ClientEvent::Waiting(_))).count()
}

fn is_waiting(event: &ClientEvent) -> bool {
    matches!(event, ClientEvent::Waiting(_))
}

/// S09, S10.
#[test]
fn udp_remote_answers_without_drops() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = remote_server(bind, &Options::default());
            let client = plain_udp(bind);
            for _ in 0..3 {
                client.send_to(MESSAGE.as_bytes(), server.addr).unwrap();
                assert_eq!(receive(&client).0, b"Your data was 23 bytes long");
            }
            let from = client.local_addr().unwrap();
            let told = server.stop();
            assert_eq!(told[3].to_string(), format!("The client at {from} says '{MESSAGE}'"));
        }
    });
}

/// S09, S10.
#[test]
fn udp_remote_drops_everything_if_told() {
    within_bounds(|| {
        let mut server = remote_server(V4, &Options { drop: Chance::percent(100), ..Options::default() });
        let client = plain_udp(V4);
        for _ in 0..3 {
            client.send_to(MESSAGE.as_bytes(), server.addr).unwrap();
        }
        server.wait_count("drops", 3, |event| matches!(event, ServerEvent::Dropping(_)));
        assert_silence(&client);
        let from = client.local_addr().unwrap();
        assert_eq!(server.stop()[1].to_string(), format!("Pretending to drop packet from {from}"));
    });
}

/// S17.
#[test]
fn udp_remote_repeats_the_id() {
    within_bounds(|| {
        let mut server = remote_server(V4, &Options { ids: true, ..Options::default() });
        let client = plain_udp(V4);
        client.send_to(b"no id at all", server.addr).unwrap();
        client.send_to(b"0123abcd This is another message", server.addr).unwrap();
        assert_eq!(receive(&client).0, b"0123abcd Your data was 23 bytes long");
        assert_silence(&client);
        let told = server.wait("both", |told| told.len() == 3);
        assert!(matches!(told[1], ServerEvent::WithoutId(_)), "{told:?}");
        server.stop();
    });
}

/// S11, S12, S13: the server ignores the first requests.
#[test]
fn udp_remote_asks_until_it_is_answered() {
    within_bounds(|| {
        for ignored in 0..5 {
            let server = plain_udp(if ignored % 2 == 0 { V4 } else { V6 });
            let client = remote_client(server.local_addr().unwrap(), scaled(0.2), None);
            let mut from = client.addr;
            for _ in 0..=ignored {
                let asked;
                (asked, from) = receive(&server);
                assert_eq!(asked, MESSAGE.as_bytes());
            }
            assert_eq!(from, client.addr);
            // On a busy machine the next try may overtake the answer to this one; never by far.
            server.send_to(b"Your data was 23 bytes long", from).unwrap();
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert!(count_waits(&told) > ignored, "{told:?}");
            assert_eq!(told[1].to_string(), "Waiting up to 0.02 seconds for a reply");
            assert_eq!(told.last().unwrap().to_string(), "The server says 'Your data was 23 bytes long'");
        }
    });
}

/// S12, S14.
#[test]
fn udp_remote_keeps_its_schedule_and_gives_up() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let client = remote_client(server.local_addr().unwrap(), scaled(0.2), None);
        let mut arrived_at = Vec::new();
        for _ in 0..5 {
            receive(&server);
            arrived_at.push(clock());
        }
        let (status, told) = client.join();
        arrived_at.push(clock());
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(told.last().unwrap().to_string(), "I think the server is down");
        assert_eq!(count_waits(&told), 5);
        assert_silence(&server);
        for (pair, nominal) in arrived_at.windows(2).zip([20, 40, 80, 160, 320]) {
            let (took, nominal) = (pair[1] - pair[0], Duration::from_millis(nominal));
            assert!(
                (nominal / 2..nominal + Duration::from_secs(1)).contains(&took),
                "{took:?} of {nominal:?}"
            );
        }
    });
}

/// S16: each refusal reaches the machine, and shortens nothing.
#[test]
fn udp_remote_goes_on_though_it_is_refused() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let nobody = plain_udp(bind).local_addr().unwrap();
            let inputs = Arc::<Mutex<Vec<String>>>::default();
            let spied = Arc::clone(&inputs);
            let begin = clock();
            let client = Driven::start(datagram(bind, Some(nobody)), None, move || Spied {
                machine: made(&scaled(0.1), nobody.into()),
                inputs: spied,
            });
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(count_waits(&told), 5);
            assert!(begin.elapsed() >= Duration::from_millis(310), "{:?}", begin.elapsed());
            let inputs = inputs.lock().unwrap();
            assert!(!inputs.is_empty() && inputs.len() <= 5, "{inputs:?}");
            assert!(inputs.iter().all(|input| *input == format!("unreachable {nobody}")), "{inputs:?}");
        }
    });
}

/// S16: a server that comes late is found.
#[test]
fn udp_remote_finds_a_late_server() {
    within_bounds(|| {
        let addr = plain_udp(V4).local_addr().unwrap();
        let mut client = remote_client(addr, scaled(1.0), None);
        client.wait_count("two tries", 2, is_waiting);
        let server = plain_udp(addr);
        let (_, from) = receive(&server);
        server.send_to(b"here I am", from).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(told.last().unwrap().to_string(), "The server says 'here I am'");
    });
}

/// S15: the system itself keeps them from a connected socket.
#[test]
fn udp_remote_never_sees_other_sources() {
    within_bounds(|| {
        let (server, other) = (plain_udp(V4), plain_udp(V4));
        let addr = server.local_addr().unwrap();
        let inputs = Arc::<Mutex<Vec<String>>>::default();
        let spied = Arc::clone(&inputs);
        let client = Driven::start(datagram(V4, Some(addr)), None, move || Spied {
            machine: made(&scaled(10.0), addr.into()),
            inputs: spied,
        });
        let (_, from) = receive(&server);
        other.send_to(b"listen to me", from).unwrap();
        thread::sleep(A_WHILE);
        server.send_to(b"the reply", from).unwrap();
        assert_eq!(client.join().0.unwrap(), Status::Success);
        assert_eq!(*inputs.lock().unwrap(), ["datagram the reply"]);
    });
}

/// S17.
#[test]
fn udp_remote_ignores_replies_to_other_requests() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let options = Options { ids: true, ..scaled(10.0) };
        let client = remote_client(server.local_addr().unwrap(), options, None);
        for text in MESSAGES_WITH_IDS {
            let (asked, from) = receive(&server);
            let (id, rest) = asked.split_at(8);
            assert_eq!(rest, format!(" {text}").as_bytes());
            server.send_to(b"ffffffff stale", from).unwrap();
            server.send_to(b"no id", from).unwrap();
            let reply = [id, format!(" Your data was {} bytes long", text.len()).as_bytes()].concat();
            server.send_to(&reply, from).unwrap();
            // Doubled: it comes while the next request waits.
            let _ = server.send_to(&reply, from);
        }
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let replies: Vec<String> =
            told.iter().map(ToString::to_string).filter(|line| line.contains("says")).collect();
        assert_eq!(
            replies,
            MESSAGES_WITH_IDS
                .map(|text| format!("The server says 'Your data was {} bytes long'", text.len()))
        );
    });
}

// With a key

const KEY: &str = "a key for both sides";

fn with_key(key: &str, time_scale: f64) -> Options {
    Options { key: Some(Key::new(key).unwrap()), ..scaled(time_scale) }
}

/// Says how many bytes each request has, as the specification has it; before it answers, it sends what is no answer.
const PYTHON_SERVER: &str = r"
import hashlib, hmac, socket, sys
key = sys.argv[1].encode()
def code(key, direction, message):
    return hmac.new(key, direction + message, hashlib.sha256).hexdigest()[:32].encode()
def sealed(message, key=key):
    return message + b' ' + code(key, b'r', message)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(('127.0.0.1', 0))
sock.settimeout(10)
print(sock.getsockname()[1], flush=True)
old = []
for _ in range(3):
    request, client = sock.recvfrom(65535)
    message, ending = request[:-33], request[-32:]
    assert hmac.compare_digest(ending, code(key, b'q', message)), request
    id, text = message[:8], message[9:]
    reply = id + b' Your data was %d bytes long' % len(text)
    for wrong in [reply, sealed(reply, b'the key of somebody'), request, sealed(b'ffffffff stale')] + old:
        sock.sendto(wrong, client)
    reply = sealed(reply)
    sock.sendto(reply.replace(b'data', b'date'), client)
    sock.sendto(reply, client)
    old.append(reply)
";

/// S100, S101, S102: another program seals as ours does.
#[test]
fn udp_remote_with_a_key_asks_a_server_in_python() {
    let Some(mut python) = Python::start(PYTHON_SERVER, &[KEY]) else { return };
    within_bounds(move || {
        let addr = SocketAddr::new(V4.ip(), python.line().parse().unwrap());
        let client = remote_client(addr, with_key(KEY, 10.0), None);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let replies: Vec<String> =
            told.iter().map(ToString::to_string).filter(|line| line.contains("says")).collect();
        let of = |text: &str| format!("The server says 'Your data was {} bytes long'", text.len());
        assert_eq!(replies, MESSAGES_WITH_IDS.map(of));
        python.assert_ended();
    });
}

const PYTHON_CLIENT: &str = r"
import hashlib, hmac, socket, sys
key, port = sys.argv[1].encode(), int(sys.argv[2])
def sealed(message, direction=b'q', key=key):
    return message + b' ' + hmac.new(key, direction + message, hashlib.sha256).hexdigest()[:32].encode()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(('127.0.0.1', port))
sock.settimeout(10)
right = sealed(b'0123abcd hello')
for wrong in [b'', b'0123abcd hello', sealed(b'0123abcd hello', b'r'), sealed(b'0123abcd hello', key=b'x' * 16),
              right.replace(b'hello', b'jello'), right.upper()]:
    sock.send(wrong)
sock.send(right)
assert sock.recv(65535) == sealed(b'0123abcd Your data was 5 bytes long', b'r')
";

/// S100, S101, C01.
#[test]
fn udp_remote_with_a_key_answers_a_client_in_python() {
    within_bounds(|| {
        let mut server = remote_server(V4, &with_key(KEY, 1.0));
        let port = server.addr.port().to_string();
        let Some(mut python) = Python::start(PYTHON_CLIENT, &[KEY, &port]) else { return };
        python.assert_ended();
        let told = server.wait("all", |told| told.len() == 8);
        let shown = |event: &ServerEvent| event.to_string();
        let ignored = "Ignoring a request that is not authentic from 127.0.0.1:";
        assert!(told[1..7].iter().map(shown).all(|line| line.starts_with(ignored)), "{told:?}");
        assert!(shown(&told[7]).ends_with(" says 'hello'"), "{told:?}");
        server.stop();
    });
}

/// S101: a server with another key, or with none, is a server that is down.
#[test]
fn udp_remote_with_another_key_finds_the_server_down() {
    within_bounds(|| {
        for of_server in [with_key("the key of another", 1.0), Options { ids: true, ..Options::default() }] {
            let server = remote_server(V4, &of_server);
            let (status, told) = remote_client(server.addr, with_key(KEY, 0.1), None).join();
            assert_eq!(status.unwrap(), Status::Failure);
            assert_eq!(count_waits(&told), 5);
            assert_eq!(told.last().unwrap().to_string(), "I think the server is down");
            server.stop();
        }
        // And one with this key is not.
        let server = remote_server(V6, &with_key(KEY, 1.0));
        let (status, _) = remote_client(server.addr, with_key(KEY, 10.0), None).join();
        assert_eq!(status.unwrap(), Status::Success);
        server.stop();
    });
}

// Faults

#[test]
fn the_plan_decides_what_leaves() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let plan = "client>server #0 drop; client>server #1 duplicate; client>server #2 flip 0:0x20; \
                    client>server #3 truncate 4";
        let client =
            remote_client(server.local_addr().unwrap(), scaled(0.5), Some(faults(plan, "client", "server")));
        let seen: Vec<Vec<u8>> = (0..5).map(|_| receive(&server).0).collect();
        let flipped = MESSAGE.replacen('T', "t", 1);
        assert_eq!(
            seen,
            [MESSAGE, MESSAGE, flipped.as_str(), "This", MESSAGE].map(|text| text.as_bytes().to_vec())
        );
        server.send_to(b"at last", client.addr).unwrap();
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), count_waits(&told)), (Status::Success, 5));
        assert_silence(&server);
    });
}

#[test]
fn the_plan_holds_back_and_cuts_off() {
    within_bounds(|| {
        let server = plain_udp(V4);
        let addr = server.local_addr().unwrap();
        let begin = clock();
        let plan = "client>server #0 delay 300ms; server>client #0 drop";
        let client = remote_client(addr, scaled(10.0), Some(faults(plan, "client", "server")));
        receive(&server);
        assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
        // What the server sends is the server's matter.
        server.send_to(b"late", client.addr).unwrap();
        assert_eq!(client.join().0.unwrap(), Status::Success);

        let begin = clock();
        let plan = "at 0ms partition client|server; at 250ms heal";
        let client = remote_client(addr, scaled(1.0), Some(faults(plan, "client", "server")));
        let (_, from) = receive(&server);
        assert!(begin.elapsed() >= Duration::from_millis(250), "{:?}", begin.elapsed());
        server.send_to(b"healed", from).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert!(count_waits(&told) >= 3, "{told:?}");
    });
}

#[test]
fn the_same_events_over_loopback() {
    within_bounds(|| {
        let plans = [
            ("", 2.0),
            ("client>server #0 drop", 2.0),
            ("client>server #0 duplicate; server>client #2 duplicate", 2.0),
            ("server>client #0 drop; client>server #2 drop", 2.0),
            ("server>client #0 delay 300ms", 2.0),
            ("client>server #0 truncate 5; client>server #3 flip 0:0x40", 2.0),
            ("at 0ms partition client>server; at 300ms heal; client>server #4 duplicate", 2.0),
            ("at 0ms partition client|server", 0.2),
        ];
        let threads = plans.map(|(plan, scale)| {
            let options = Options { ids: true, ..scaled(scale) };
            thread::spawn(move || {
                assert_same_over_loopback(&REMOTE, &options, plan);
                let without = Options { ids: false, ..options };
                assert_same_over_loopback(&REMOTE, &without, plan);
            })
        });
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        assert_same_over_loopback(&LOCAL, &Options::default(), "client>server #0 duplicate");
    });
}
