//! Hole punching: two peers behind NATs learn of each other from a rendezvous server that both reach, and send to each
//! other until something comes through (RFC 5128 section 3.3).

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::scenario::{Host, Nat, NatKind, Net};
use lossproof::transcript::Look;
use lossproof::{Check, Input, Instant, Machine, Outbox, Peer, Scenario};

use crate::assert_snapshot;

const RETRY: Duration = Duration::from_millis(100);
const MAX_TRIES: u32 = 20;

/// Tells each of two peers where the other is.
#[derive(Default, Hash)]
struct Rendezvous {
    peers: [Option<Peer>; 2],
}

impl Machine for Rendezvous {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        let Input::Datagram { peer, bytes: [b'r', index @ (0 | 1)], .. } = input else { return };
        self.peers[usize::from(*index)] = Some(peer);
        if let [Some(one), Some(other)] = self.peers {
            out.send(one, other.to_string().as_bytes());
            out.send(other, one.to_string().as_bytes());
        }
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        self.hash(&mut to);
        true
    }
}

/// What a peer tells: it is in touch with the other.
#[derive(Debug, PartialEq)]
pub(crate) struct Met;

/// One peer. It answers whoever sends it a punch at the address that it sees, which need not be the one that it was told.
#[derive(Hash)]
pub(crate) struct Puncher {
    server: Peer,
    index: u8,
    other: Option<Peer>,
    tries: u32,
    next: Option<Instant>,
    met: bool,
}

impl Puncher {
    fn send(&mut self, now: Instant, out: &mut Outbox<Met>) {
        match self.other {
            Some(other) => out.send(other, b"punch"),
            None => out.send(self.server, &[b'r', self.index]),
        }
        self.tries += 1;
        self.next = (self.tries < MAX_TRIES).then_some(now + RETRY);
    }
}

impl Machine for Puncher {
    type Command = ();
    type Event = Met;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Met>) {
        match input {
            Input::Start { .. } | Input::Timeout => self.send(now, out),
            Input::Datagram { peer, bytes, .. } if peer == self.server => {
                if let (None, Ok(Ok(other))) = (self.other, std::str::from_utf8(bytes).map(str::parse)) {
                    self.other = Some(other);
                    self.send(now, out);
                }
            }
            Input::Datagram { bytes: b"punch", peer, .. } => {
                self.other = Some(peer);
                out.reply(b"heard");
            }
            Input::Datagram { bytes: b"heard", peer, .. } if !self.met => {
                (self.met, self.other) = (true, Some(peer));
                out.event(Met);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.server, self.index, self.other, self.tries, self.met).hash(&mut to);
        self.next.map(|next| next.since(now)).hash(&mut to);
        true
    }
}

/// Two peers behind NATs of their own, or behind none.
pub(crate) fn net(nats: [Option<Nat>; 2]) -> (Net, [Host<Puncher>; 2]) {
    let net = Net::new("punching");
    net.latency(Duration::from_millis(10));
    net.max_time(Duration::from_secs(5));
    let server = net.host("server").udp(7).machine(|_| Rendezvous::default());
    let peers = [0, 1].map(|index| {
        let nat = nats[usize::from(index)].map(|nat| net.nat(format!("nat-{index}"), nat));
        let place = net.host(format!("peer-{index}")).udp(0);
        let place = match nat {
            Some(nat) => place.behind(nat),
            None => place,
        };
        place.machine(move |boot| Puncher {
            server: boot.peer(server),
            index,
            other: None,
            tries: 0,
            next: None,
            met: false,
        })
    });
    (net, peers)
}

/// When both are in touch, if they come to be.
fn meet(kinds: [NatKind; 2]) -> Option<Instant> {
    let (net, peers) = net(kinds.map(|kind| Some(Nat::new(kind))));
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let run = engine.view();
    peers
        .map(|peer| run.times(peer).first().copied())
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max()
}

/// RFC 5128 section 3.3 has the technique work where both NATs have endpoint-independent mapping: the upper left nine. It
/// counts a symmetric NAT out. Here a peer answers at the address that it sees, as ICE does with what it calls a
/// peer-reflexive candidate (RFC 8445 section 7.3.1.3), so a symmetric NAT gets through to a full-cone and to an address-restricted one, which
/// ask for no port. It does not get through to a port-restricted or to another symmetric one.
#[test]
fn a_matrix_of_kinds_says_which_punch_through() {
    let mut text = format!("{:20}", "");
    for kind in NatKind::ALL {
        write!(text, "{kind:20}").unwrap();
    }
    for one in NatKind::ALL {
        write!(text, "\n{one:20}").unwrap();
        for other in NatKind::ALL {
            let met = meet([one, other]).map_or("no".to_owned(), |at| format!("{at} s"));
            write!(text, "{met:20}").unwrap();
            let is_mapped_alike = one != NatKind::Symmetric && other != NatKind::Symmetric;
            let asks_for_ports =
                [one, other].iter().all(|kind| matches!(kind, NatKind::PortRestricted | NatKind::Symmetric));
            assert_eq!(met != "no", is_mapped_alike || !asks_for_ports, "{one} and {other}");
        }
    }
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_snapshot(
        "nat-punching",
        "When two peers behind NATs of these kinds are in touch",
        &text.join("\n"),
    );
}

/// What a check holds of two peers that can meet, in whatever order packets come.
#[test]
fn cones_punch_through_under_loss_too() {
    let (net, peers) = net([NatKind::PortRestricted; 2].map(|kind| Some(Nat::new(kind))));
    net.eventually_within("both are in touch", Duration::from_secs(4), move |run| {
        peers.iter().all(|peer| !run.events(*peer).is_empty())
    });
    Check::new(net).runs(300).loss(0.2).assert();
}

#[test]
fn the_death_of_a_packet_is_shown_at_its_nat() {
    let (net, _) = net([NatKind::Symmetric, NatKind::PortRestricted].map(|kind| Some(Nat::new(kind))));
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let transcript = engine.transcript();
    let text = transcript.to_string();
    let text = text.lines().take(24).collect::<Vec<_>>().join("\n");
    assert_snapshot("nat-deaths", "A symmetric NAT and a port-restricted one", &text);
    let json = transcript.json_lines();
    let died = json.lines().find(|line| line.contains("\"what\":\"drop\"")).unwrap();
    let expected = r#"{"at_ns":30000000,"host":"nat-0","what":"drop","peer":"peer-1","n":0,"text":"peer-1>peer-0: filtered"}"#;
    assert_eq!(died, expected);
    let ladder = transcript.ladder(Look::default()).unwrap();
    let ladder = ladder.lines().take(20).map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_snapshot("nat-ladder", "A symmetric NAT and a port-restricted one", &ladder);
    assert!(transcript.page("punching", "").contains("nat-0: filtered"));
    #[cfg(feature = "capture")]
    {
        let file = lossproof::capture::export(&transcript, "");
        let comment = b"lost: peer-1>peer-0 #0: nat-0: filtered";
        assert!(file.windows(comment.len()).any(|bytes| bytes == comment));
        // On the wire the NAT's addresses are seen.
        let read = lossproof::capture::read(&file).unwrap();
        assert_eq!(read.frames[0].from.to_string(), "192.168.0.2:20000");
    }
}
