//! udp-remote in simulation.

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::Chance;
use lossproof::fault::Profile;
use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::parts::backoff::Backoff;
use lossproof::systems::Options;
use lossproof::systems::udp_remote::seal::{Direction, Key};
use lossproof::systems::udp_remote::{
    self, Client, ClientEvent, MESSAGE, MESSAGES_WITH_IDS, Server, ServerEvent,
};
use lossproof::{Input, Instant, Machine, Net, Peer, Scenario, Status};

use crate::support::{assert_held, assert_run, stormy};

fn net(ids: bool) -> Net {
    udp_remote::net(&Options { ids, ..Options::default() })
}

/// S11, S12.
#[test]
fn it_recovers_at_the_fourth_try() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 drop";
    assert_run("udp-remote", net(false), plan);
}

/// S12, S14.
#[test]
fn it_gives_up_behind_a_partition() {
    let plan = "at 0ms partition client|server";
    assert_run("udp-remote-partition", net(false), plan);
}

/// S17.
#[test]
fn with_ids_it_outlives_a_duplicate_a_flip_and_a_crash() {
    let plan = "client>server #0 duplicate; client>server #1 flip 3:0x80; at 50ms crash server; at 150ms restart server";
    assert_run("udp-remote-ids", net(true), plan);
}

fn key() -> Key {
    Key::new("the key of the tests").unwrap()
}

fn sealed_net() -> Net {
    udp_remote::net(&Options { key: Some(key()), ..Options::default() })
}

/// S100, S101, S102: what was changed is ignored on both sides, and waiting goes on.
#[test]
fn with_a_key_it_outlives_changes() {
    let plan = "client>server #0 flip 12:0x20; server>client #0 flip 9:0x01";
    assert_run("udp-remote-key", sealed_net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(false), "", stormy(), 5_000);
    assert_held(net(true), "", stormy(), 5_000);
    assert_held(sealed_net(), "", stormy(), 1_000);
}

/// A storm in which many datagrams are changed on their way as well.
fn corrupting() -> Profile {
    Profile { corrupt: Chance::percent(30), ..stormy() }
}

/// S101: with a key what holds in a storm holds though bytes are changed; with ids alone it does not.
#[test]
fn its_properties_hold_under_corruption_with_a_key_and_not_without() {
    assert_held(sealed_net(), "", corrupting(), 3_000);
    for without in [net(false), net(true)] {
        let scenario = Scenario::from(without);
        let mut search = Search::new(&scenario, Prepared::default(), corrupting(), 0);
        assert!(search.runs(0..200).failure.is_some());
    }
}

/// S09: as likely as it is told, and what is not dropped is answered.
#[test]
fn about_half_of_the_requests_is_dropped() {
    let [local, peer] = ["127.0.0.1:1060", "127.0.0.1:50000"].map(|peer| peer.parse::<Peer>().unwrap());
    let (mut server, mut out) = (Server::new(Chance::percent(50), false, 7), Outlet::new());
    for _ in 0..1_000 {
        out.feed(
            &mut server,
            Input::Datagram { peer, local, bytes: b"abc", ecn: Ecn::default() },
            Instant::START,
        );
    }
    let (mut dropped, mut answered) = (0, 0);
    out.drain(|effect| match effect {
        Effect::Event(ServerEvent::Dropping(from)) => dropped += i32::from(from == peer),
        Effect::Send { bytes, .. } => answered += i32::from(bytes == b"Your data was 3 bytes long"),
        _ => {}
    });
    assert_eq!(dropped + answered, 1_000);
    assert!((400..=600).contains(&dropped), "{dropped}");
}

/// S11, S17: the same again after each timeout, with the same id.
#[test]
fn a_request_stays_the_same_across_its_retries() {
    let server: Peer = "127.0.0.1:1060".parse().unwrap();
    for (first_id, expected) in [(None, MESSAGE.to_owned()), (Some(0x2a), format!("0000002a {MESSAGE}"))] {
        let mut client = Client::new(server, &[MESSAGE], first_id, Backoff::CLASSIC);
        let mut out = Outlet::new();
        out.feed(&mut client, Input::Start { local: server }, Instant::START);
        while let Some(due_at) = client.deadline() {
            out.feed(&mut client, Input::Timeout, due_at);
        }
        let mut sent = Vec::new();
        out.drain(|effect| {
            if let Effect::Send { bytes, .. } = effect {
                sent.push(String::from_utf8(bytes.to_vec()).unwrap());
            }
        });
        assert_eq!(sent, vec![expected; 5]);
    }
}

/// S100, S102: a reply of the life before a restart comes in the next one, which has other ids.
#[test]
fn a_reply_to_the_life_before_is_no_answer() {
    for plan in [
        "server>client #0 delay 300ms; at 50ms crash client; at 100ms restart client",
        "server>client #0 duplicate; server>client #1 delay 400ms; at 16ms crash client; at 20ms restart client",
    ] {
        assert_held(sealed_net(), plan, corrupting(), 100);
    }
}

#[cfg(feature = "turmoil")]
#[test]
fn with_a_key_it_is_the_same_in_both_worlds() {
    for plan in ["", "client>server #0 flip 12:0x20; server>client #0 flip 9:0x01", "server>client #1 drop"] {
        crate::support::assert_parity(sealed_net(), &plan.parse().unwrap(), Profile::default(), 7);
    }
}

/// A client or a server by hand, with what it sends.
struct Hand<M: Machine> {
    machine: M,
    out: Outlet<M::Event>,
    peer: Peer,
}

impl<M: Machine> Hand<M> {
    fn new(machine: M) -> Self {
        Self { machine, out: Outlet::new(), peer: "127.0.0.1:1060".parse().unwrap() }
    }

    /// What it sends for this input, and what it tells.
    fn give(&mut self, input: Input<'_, M::Command>) -> (Vec<Vec<u8>>, Vec<M::Event>) {
        self.out.feed(&mut self.machine, input, Instant::START);
        let (mut sent, mut told) = (Vec::new(), Vec::new());
        self.out.drain(|effect| match effect {
            Effect::Send { bytes, .. } => sent.push(bytes.to_vec()),
            Effect::Event(event) => told.push(event),
            Effect::Done(Status::Success) => {}
            other => panic!("{other:?}"),
        });
        (sent, told)
    }

    fn receive(&mut self, bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<M::Event>) {
        let peer = self.peer;
        self.give(Input::Datagram { peer, local: peer, bytes, ecn: Ecn::default() })
    }
}

fn sealed_client(first_id: u32) -> (Hand<Client>, Vec<u8>) {
    let peer: Peer = "127.0.0.1:1060".parse().unwrap();
    let client = Client::new(peer, &MESSAGES_WITH_IDS, Some(first_id), Backoff::CLASSIC).sealed(key());
    let mut client = Hand::new(client);
    let (mut sent, _) = client.give(Input::Start { local: peer });
    (client, sent.remove(0))
}

fn sealed_server(key: Key) -> Hand<Server> {
    Hand::new(Server::new(Chance::NEVER, true, 7).sealed(key))
}

/// Every way in which one bit of a message is another one, and every shorter message.
fn altered(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = (0..8 * message.len()).map(|bit| {
        let mut flipped = message.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    flipped.chain((0..message.len()).map(|len| message[..len].to_vec()))
}

/// S101, S102: no forged, altered, reflected or recorded reply is taken for the answer, and the right one is.
#[test]
fn a_client_with_a_key_takes_no_reply_but_its_own() {
    let (mut recorded, mut server) = (Vec::new(), sealed_server(key()));
    // A run that somebody has recorded.
    let (mut client, mut request) = sealed_client(1_000);
    loop {
        let (replies, told) = server.receive(&request);
        assert!(matches!(told[..], [ServerEvent::Asked { .. }]));
        let (sent, told) = client.receive(&replies[0]);
        assert!(matches!(told[0], ClientEvent::Replied { .. }));
        recorded.push(request);
        recorded.extend(replies);
        match sent.into_iter().next() {
            Some(next) => request = next,
            None => break,
        }
    }
    assert_eq!(recorded.len(), 6);

    let (mut client, mut request) = sealed_client(2_000);
    for asked in 0..MESSAGES_WITH_IDS.len() {
        let mut reply = server.receive(&request).0.remove(0);
        let plain = &reply[..reply.len() - 33];
        let forged = Key::new("the key of somebody").unwrap();
        let mut wrong = vec![
            plain.to_vec(),
            forged.sealed(Direction::Reply, std::str::from_utf8(plain).unwrap()),
            // A request that comes back.
            request.clone(),
            key().sealed(Direction::Request, std::str::from_utf8(plain).unwrap()),
            key().sealed(Direction::Reply, "no id"),
        ];
        wrong.extend(altered(&reply));
        wrong.extend(recorded.iter().cloned());
        for wrong in &wrong {
            assert_eq!(client.receive(wrong), (vec![], vec![]), "{}", wrong.escape_ascii());
        }
        recorded.push(reply.clone());
        let (sent, told) = client.receive(&reply);
        assert!(matches!(told[0], ClientEvent::Replied { request, .. } if request == asked), "{told:?}");
        reply.clear();
        request = sent.into_iter().next().unwrap_or_default();
    }
}

/// S100, S101: the server counts the text alone, and says of what it ignores that it does.
#[test]
fn a_server_with_a_key_answers_what_is_sealed() {
    let (_, request) = sealed_client(0x2a);
    let mut server = sealed_server(key());
    let (replies, _) = server.receive(&request);
    assert_eq!(
        key().opened(Direction::Reply, &replies[0]),
        Some(&b"0000002a Your data was 23 bytes long"[..])
    );
    let ignored = "Ignoring a request that is not authentic from 127.0.0.1:1060";
    let mut others: Vec<Vec<u8>> = altered(&request).collect();
    others.extend([replies[0].clone(), format!("0000002a {MESSAGE}").into_bytes()]);
    for other in others {
        let (sent, told) = server.receive(&other);
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!((sent, told), (vec![], vec![ignored.to_owned()]), "{}", other.escape_ascii());
    }
    // Who has another key hears nothing; who has this one and sends no id, neither.
    let mut other = sealed_server(Key::new("another key of a server").unwrap());
    assert!(
        matches!(other.receive(&request), (sent, told) if sent.is_empty() && matches!(told[..], [ServerEvent::NotAuthentic(_)]))
    );
    let (sent, told) = server.receive(&key().sealed(Direction::Request, "no id"));
    assert!(sent.is_empty() && matches!(told[..], [ServerEvent::WithoutId(_)]));
}
