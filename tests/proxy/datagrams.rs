//! The proxy as a library, for datagrams.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lossproof::fault::{Chance, FaultPlan, Profile};
use lossproof::proxy::{Proxy, Relay, Route};

/// A server's socket, and a proxy to it.
fn proxied(plan: &str) -> (UdpSocket, Relay) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let route = Route::udp("127.0.0.1:0".parse().unwrap(), server.local_addr().unwrap().into());
    let plan: FaultPlan = plan.parse().unwrap();
    (server, Proxy::new([route]).faults(plan).record(true).start().unwrap())
}

fn client(relay: &Relay) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(relay.local().inet().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    client
}

/// All that comes until nothing does for a while.
fn heard(server: &UdpSocket) -> Vec<String> {
    let mut bytes = [0; 2048];
    let next = || {
        let (len, _) = server.recv_from(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn each_fault_does_what_its_word_says() {
    let plan = "client-1>server #0 drop; client-1>server #1 duplicate; client-1>server #2 delay 150ms; \
                client-1>server #3 flip 0:0x01; client-1>server #4 truncate 2";
    let (server, relay) = proxied(plan);
    let client = client(&relay);
    for n in 0..6 {
        client.send(format!("{n}abc").as_bytes()).unwrap();
    }
    assert_eq!(heard(&server), ["1abc", "1abc", "2abc", "4a", "5abc", "2abc"]);
    let passed = relay.stop();
    assert_eq!(passed.plan.to_string(), format!("v2; {plan}"));
    assert!(passed.unfired.is_empty() && passed.counts.datagrams == 6);
    let text = passed.recording.unwrap().transcript().to_string();
    assert!(text.contains("fault client-1>server #2 delay 150ms") && text.lines().count() == 17, "{text}");
}

#[test]
fn each_source_is_a_client_of_its_own_with_numbers_of_its_own() {
    let (server, relay) = proxied("client-2>server #1 drop; client-3>server #0 drop");
    let clients = [client(&relay), client(&relay)];
    for text in ["a", "b"] {
        for (client, number) in clients.iter().zip(1..) {
            client.send(format!("{number}{text}").as_bytes()).unwrap();
            // They appear in this order.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(heard(&server), ["1a", "2a", "1b"]);
    let unfired: Vec<String> = relay.stop().unfired.iter().map(ToString::to_string).collect();
    assert_eq!(unfired, ["client-3>server #0 drop"]);
}

#[test]
fn replies_go_to_whom_they_are_for() {
    let (server, relay) = proxied("server>client-1 #0 drop");
    let (one, other) = (client(&relay), client(&relay));
    let mut bytes = [0; 16];
    for (client, times) in [(&one, 2), (&other, 1)] {
        for _ in 0..times {
            client.send(b"x").unwrap();
            let (_, peer) = server.recv_from(&mut bytes).unwrap();
            server.send_to(format!("to {}", peer.port()).as_bytes(), peer).unwrap();
        }
    }
    let (ones, others) = (heard(&one), heard(&other));
    assert_eq!((ones.len(), others.len()), (1, 1));
    assert_ne!(ones, others, "each has a socket of its own to the server");
}

#[test]
fn a_partition_holds_from_its_moment_to_its_heal() {
    let (server, relay) = proxied("at 0s isolate server; at 400ms heal");
    let client = client(&relay);
    client.send(b"early").unwrap();
    assert_eq!(heard(&server), [] as [String; 0]);
    std::thread::sleep(Duration::from_millis(200));
    client.send(b"late").unwrap();
    assert_eq!(heard(&server), ["late"]);
    assert!(relay.stop().unfired.is_empty());
}

#[test]
fn what_is_drawn_comes_again_by_its_plan() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let route = Route::udp("127.0.0.1:0".parse().unwrap(), server.local_addr().unwrap().into());
    let talk = |proxy: &Proxy| {
        let relay = proxy.start().unwrap();
        let client = client(&relay);
        for n in 0..100 {
            client.send(format!("{n}").as_bytes()).unwrap();
        }
        (heard(&server), relay.stop().plan)
    };
    let lossy = Profile { loss: Chance::percent(30), duplicate: Chance::percent(10), ..Profile::CALM };
    let drawn = Proxy::new([route.clone()]).profile(lossy).seed(7);
    let (first, plan) = talk(&drawn);
    assert!((10..60).contains(&plan.len()), "{plan}");
    assert_eq!(talk(&drawn), (first.clone(), plan.clone()), "the seed decides");
    assert_eq!(
        talk(&Proxy::new([route.clone()]).faults(plan.clone())),
        (first.clone(), plan),
        "and so does the plan"
    );
    assert_ne!(talk(&Proxy::new([route]).profile(lossy).seed(8)).0, first);
}

#[test]
fn it_ends_by_itself_when_it_is_to() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let route = Route::udp("127.0.0.1:0".parse().unwrap(), server.local_addr().unwrap().into());
    let begin = Instant::now();
    let relay = Proxy::new([route.clone()]).ends_after(Duration::from_millis(100)).start().unwrap();
    assert!(relay.has_ended_within(Duration::from_secs(10)) && begin.elapsed() >= Duration::from_millis(100));
    let relay = Proxy::new([route]).ends_idle(Duration::from_millis(100)).start().unwrap();
    assert!(!relay.has_ended_within(Duration::from_millis(300)), "nothing has passed yet");
    client(&relay).send(b"x").unwrap();
    assert!(relay.has_ended_within(Duration::from_secs(10)));
    assert_eq!(relay.stop().counts.datagrams, 1);
}
