//! `parts::sessions`: members of a group that dial each other at once, crash, and lose their connections, come to one
//! session for each pair in the end, and both ends keep the same connection.

use std::collections::BTreeMap;
use std::time::Duration;

use lossproof::machine::{CloseReason, Conn, Outlet};
use lossproof::parts::sessions::{HELLO_WITHIN, MAX_NAME_LEN, SendError, Sessions, Told};
use lossproof::scenario::{Place, Run};
use lossproof::{Boot, Check, Host, HostId, Input, Instant, Machine, Net, Outbox, Peer};

const PORT: u16 = 4_000;
/// Everybody listens at two ports.
const OTHER_PORT: u16 = 4_001;
const MEMBERS: usize = 3;
/// How often each member says a number to each other one.
const PERIOD: Duration = Duration::from_millis(300);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    /// A life begins.
    Started,
    Up(String),
    Heard(String, u32),
    Down(String),
}

/// Counts up for each of its sessions.
struct Member {
    sessions: Sessions,
    /// Both ends of each connection, this one first.
    ends: BTreeMap<Conn, (Peer, Peer)>,
    numbers: BTreeMap<String, u32>,
    say_at: Option<Instant>,
}

impl Member {
    fn new(boot: Boot<'_>, name: &str, group: &[HostId]) -> Self {
        let mut sessions = Sessions::new(name.as_bytes(), boot.incarnation().into());
        for peer in group.iter().map(|host| boot.peer(*host)) {
            sessions.dial(peer);
            sessions.dial(peer.with_port(OTHER_PORT));
        }
        Self { sessions, ends: BTreeMap::new(), numbers: BTreeMap::new(), say_at: None }
    }

    /// The connection with a peer, by its two ends.
    fn ends(&self, peer: &str) -> Option<(Peer, Peer)> {
        self.ends.get(&self.sessions.conn(peer.as_bytes())?).copied()
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Machine for Member {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { .. } => {
                self.say_at = Some(now + PERIOD);
                out.event(Event::Started);
            }
            Input::Connected { conn, peer, local } => _ = self.ends.insert(conn, (local, peer)),
            _ => {}
        }
        let mut feed = self.sessions.take(&input, now, out);
        while let Some(told) = self.sessions.next(&mut feed, now, out) {
            out.event(match told {
                Told::Up { peer } => {
                    self.numbers.insert(text(peer), 0);
                    Event::Up(text(peer))
                }
                Told::Message { peer, bytes } => {
                    Event::Heard(text(peer), u32::from_be_bytes(bytes.try_into().expect("four bytes")))
                }
                Told::Down { peer } => Event::Down(text(peer)),
            });
        }
        if matches!(input, Input::Timeout) && self.say_at.is_some_and(|at| at <= now) {
            self.say_at = Some(now + PERIOD);
            for (peer, number) in &mut self.numbers {
                if self.sessions.send(peer.as_bytes(), &number.to_be_bytes(), out).is_ok() {
                    *number += 1;
                }
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.sessions.deadline().into_iter().chain(self.say_at).min()
    }
}

/// A group in which everybody dials everybody, itself as well, at two ports each, and no session is missing in the end.
fn group() -> (Net, [Host<Member>; MEMBERS]) {
    let net = Net::new("group");
    net.max_time(Duration::from_mins(1));
    let places = ["a", "b", "c"].map(|name| net.host(name).listen(PORT).listen(OTHER_PORT));
    let ids = places.each_ref().map(Place::id);
    let mut names = ["a", "b", "c"].into_iter();
    let hosts = places.map(|place| {
        let name = names.next().expect("a name for each");
        place.machine(move |boot| Member::new(boot, name, &ids))
    });
    (net, hosts)
}

/// Whether each pair has one session, and both ends have it by the same connection.
fn is_whole(run: &Run<'_>, hosts: [Host<Member>; MEMBERS]) -> bool {
    let members = hosts.map(|host| run.state(host));
    let [Some(a), Some(b), Some(c)] = members else { return false };
    [(a, "a", b, "b"), (a, "a", c, "c"), (b, "b", c, "c")].into_iter().all(|(left, l, right, r)| {
        left.ends(r)
            .zip(right.ends(l))
            .is_some_and(|((here, there), (local, peer))| (here, there) == (peer, local))
    })
}

/// Each session begins once and ends once, and its numbers count up from zero.
fn orderly(seen: &mut BTreeMap<String, u32>, event: &Event) -> bool {
    match event {
        Event::Started => {
            seen.clear();
            true
        }
        Event::Up(peer) => seen.insert(peer.clone(), 0).is_none(),
        Event::Heard(peer, number) => seen.get_mut(peer).is_some_and(|next| {
            *next += 1;
            *next == number + 1
        }),
        Event::Down(peer) => seen.remove(peer).is_some(),
    }
}

fn judged() -> Net {
    let (net, hosts) = group();
    for (host, name) in hosts.into_iter().zip(["a", "b", "c"]) {
        net.fold(format!("the sessions of {name} are orderly"), BTreeMap::new)
            .on(host, |seen, event, _| orderly(seen, event));
    }
    net.converges_within("each pair has one session", Duration::from_secs(30), 100_000, move |run| {
        is_whole(run, hosts)
    });
    net
}

#[test]
fn each_pair_comes_to_one_session_whatever_befalls_it() {
    let verdict = Check::new(judged()).runs(200).calm_at(Instant::from_millis(15_000)).assert();
    let tried = verdict.to_string();
    for kind in ["crash", "reset", "refuse", "partition"] {
        assert!(tried.contains(kind), "{kind}: {tried}");
    }
}

fn start(sessions: &mut Sessions, out: &mut Outlet<()>) -> Conn {
    let conn = out.accept(1 << 16);
    let peer: Peer = "127.0.0.1:1".parse().expect("an address");
    feed(sessions, out, &Input::Connected { conn, peer, local: peer }, Instant::START);
    conn
}

/// Hands an input in; what is told, as text.
fn feed(sessions: &mut Sessions, out: &mut Outlet<()>, input: &Input<'_, ()>, now: Instant) -> Vec<String> {
    let mut feed = sessions.take(input, now, out.outbox());
    let mut told = Vec::new();
    while let Some(one) = sessions.next(&mut feed, now, out.outbox()) {
        told.push(match one {
            Told::Up { peer } => format!("up {}", text(peer)),
            Told::Message { peer, bytes } => format!("{}: {}", text(peer), text(bytes)),
            Told::Down { peer } => format!("down {}", text(peer)),
        });
    }
    told
}

/// A frame of a hello.
fn hello(life: u64, dial: u32, name: &str) -> Vec<u8> {
    let mut bytes = (12 + name.len() as u32).to_be_bytes().to_vec();
    bytes.extend(life.to_be_bytes());
    bytes.extend(dial.to_be_bytes());
    bytes.extend(name.as_bytes());
    bytes
}

#[test]
fn of_two_connections_with_a_peer_one_is_kept() {
    let now = Instant::START;
    for (first, second, told) in [
        // The later dial of one life.
        ((1, 1), (1, 2), vec!["down b", "up b"]),
        ((1, 2), (1, 1), vec![]),
        // The life that says hello later.
        ((1, 9), (2, 1), vec!["down b", "up b"]),
    ] {
        let (mut sessions, mut out) = (Sessions::new(b"a", 1), Outlet::new());
        let conns = [start(&mut sessions, &mut out), start(&mut sessions, &mut out)];
        let bytes = hello(first.0, first.1, "b");
        assert_eq!(
            feed(&mut sessions, &mut out, &Input::Received { conn: conns[0], bytes: &bytes }, now),
            ["up b"]
        );
        let bytes = hello(second.0, second.1, "b");
        let input = Input::Received { conn: conns[1], bytes: &bytes };
        assert_eq!(feed(&mut sessions, &mut out, &input, now), told);
        assert_eq!(sessions.conn(b"b"), Some(conns[usize::from(!told.is_empty())]));
        // What still comes on the other is nobody's.
        let other = conns[usize::from(told.is_empty())];
        let input = Input::Received { conn: other, bytes: b"\0\0\0\x01x" };
        assert_eq!(feed(&mut sessions, &mut out, &input, now), [""; 0]);
    }
}

#[test]
fn who_says_nothing_or_nonsense_is_no_peer() {
    let (mut sessions, mut out) = (Sessions::new(b"a", 1).max_message_len(300), Outlet::new());
    let conn = start(&mut sessions, &mut out);
    assert_eq!(sessions.deadline(), Some(Instant::START + HELLO_WITHIN));
    feed(&mut sessions, &mut out, &Input::Timeout, Instant::START + HELLO_WITHIN);
    assert_eq!(sessions.deadline(), None);
    let bytes = hello(1, 1, "late");
    let told = feed(&mut sessions, &mut out, &Input::Received { conn, bytes: &bytes }, Instant::START);
    assert_eq!(told, [""; 0]);
    let (longest, too_long) = ("x".repeat(MAX_NAME_LEN), "x".repeat(MAX_NAME_LEN + 1));
    for (name, is_up) in [("", false), ("a", false), (too_long.as_str(), false), (longest.as_str(), true)] {
        let conn = start(&mut sessions, &mut out);
        let bytes = hello(1, 1, name);
        let told = feed(&mut sessions, &mut out, &Input::Received { conn, bytes: &bytes }, Instant::START);
        assert_eq!(told.len(), usize::from(is_up), "{name}");
    }
}

#[test]
fn a_message_has_its_bound_and_so_has_what_waits() {
    let (mut sessions, mut out) =
        (Sessions::new(b"a", 1).max_message_len(10).max_unsent_len(600), Outlet::new());
    assert_eq!(sessions.send(b"b", b"x", out.outbox()), Err(SendError::NotUp));
    let conn = start(&mut sessions, &mut out);
    let bytes = [hello(1, 1, "b"), b"\0\0\0\x0a0123456789".to_vec()].concat();
    let told = feed(&mut sessions, &mut out, &Input::Received { conn, bytes: &bytes }, Instant::START);
    assert_eq!(told, ["up b", "b: 0123456789"]);
    assert_eq!(sessions.send(b"b", &[0; 10], out.outbox()), Ok(()));
    assert!(matches!(sessions.send(b"b", &[0; 11], out.outbox()), Err(SendError::TooLong(_))));
    while sessions.send(b"b", &[0; 10], out.outbox()).is_ok() {}
    // Whoever does not read has no session any more.
    assert_eq!(sessions.send(b"b", b"x", out.outbox()), Err(SendError::NotUp));
    let closed = Input::Closed { conn, reason: CloseReason::Aborted };
    assert_eq!(feed(&mut sessions, &mut out, &closed, Instant::START), ["down b"]);
    assert_eq!(sessions.peers().count(), 0);
}
