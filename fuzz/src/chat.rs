//! The datagrams of udp-chat, beside a plain model of its room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::systems::udp_chat::{Client, ClientEvent, EXPIRY, MAX_TOLD_LEN, PING_EVERY, Server};
use lossproof::{Input, Instant, Machine, Peer};

/// How many datagrams an input has at most.
const MAX_DATAGRAMS: usize = 64;
/// How long nobody said anything before a datagram: the longest wait expires a member, the one before just does not.
const WAITS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(5), Duration::from_secs(10), Duration::from_millis(10_001)];

/// Datagrams from four sources come to a server, 0 to 10.001 s apart; whoever is a member by the rows hears what they say,
/// and nobody else hears anything. What is told a client hears whole, and from its server alone.
///
/// Datagrams are separated by a zero byte. The first byte of each says from whom it is (its lowest two bits) and how long
/// it was silent before (the next two): `1#ping#`, `5hello` after 5 s. The first byte of the input is `o` for a server that does
/// not tell the speaker.
pub fn chat_datagram(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let to_speaker = *kind != b'o';
    let sources = [1, 2, 3, 4].map(peer);
    let mut server = Server::new(EXPIRY, to_speaker);
    let mut out = Outlet::new();
    let mut now = Instant::START;
    out.feed(&mut server, Input::Start { local: peer(9) }, now);
    out.drain(|_| ());

    // When each member has pinged last.
    let mut members: BTreeMap<Peer, Instant> = BTreeMap::new();
    for datagram in rest.split(|byte| *byte == 0).take(MAX_DATAGRAMS) {
        let Some((from, bytes)) = datagram.split_first() else { continue };
        let speaker = sources[usize::from(from & 3)];
        now += WAITS[usize::from(from >> 2 & 3)];
        while server.deadline().is_some_and(|due_at| due_at <= now) {
            out.feed(&mut server, Input::Timeout, now);
        }
        out.drain(|effect| assert!(matches!(effect, Effect::Event(_)), "who expires is told nothing"));
        members.retain(|_, pinged_at| now.since(*pinged_at) <= EXPIRY);

        let mut expected: Vec<(Peer, Vec<u8>)> = Vec::new();
        let said = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
        match said.trim() {
            "#ping#" => {
                members.insert(speaker, now);
            }
            "/quit" => {
                members.remove(&speaker);
            }
            text => {
                let hearers = members.keys().filter(|member| to_speaker || **member != speaker);
                expected.extend(hearers.map(|member| (*member, format!("{speaker}\n{text}").into_bytes())));
            }
        }

        out.feed(
            &mut server,
            Input::Datagram { peer: speaker, local: peer(9), bytes, ecn: Ecn::default() },
            now,
        );
        let mut told = Vec::new();
        out.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => told.push((peer, bytes.to_vec())),
            Effect::Event(_) => {}
            effect => panic!("the server does something else: {effect:?}"),
        });
        told.sort();
        assert_eq!(told, expected);
        if let Some((_, text)) = told.first() {
            assert!(text.len() <= MAX_TOLD_LEN);
            hears(text);
        }
    }
}

/// A client hears this from its server, and not from elsewhere.
fn hears(text: &[u8]) {
    let mut client = Client::new(peer(9), PING_EVERY);
    let mut out = Outlet::new();
    out.feed(&mut client, Input::Start { local: peer(1) }, Instant::START);
    for from in [peer(8), peer(9)] {
        out.drain(|_| ());
        out.feed(
            &mut client,
            Input::Datagram { peer: from, local: peer(1), bytes: text, ecn: Ecn::default() },
            Instant::START,
        );
        let mut heard = Vec::new();
        out.drain(|effect| heard.push(format!("{effect:?}")));
        let expected = Effect::Event(ClientEvent::Heard(text.to_vec()));
        let expected = if from == peer(9) { vec![format!("{expected:?}")] } else { Vec::new() };
        assert_eq!(heard, expected, "from {from}");
    }
}

fn peer(last: u8) -> Peer {
    Peer::from((IpAddr::from([192, 0, 2, last]), 9001))
}
