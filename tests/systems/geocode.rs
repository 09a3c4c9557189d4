//! geocode in simulation, and its machines by hand.

use std::time::Duration;

use lossproof::machine::{CloseReason, Conn, Effect, Outlet, limits};
use lossproof::systems::Options;
use lossproof::systems::geocode::{
    self, Client, ClientEvent, MAX_ANSWER_LEN, MAX_REQUEST_LEN, PATIENCE, Server, ServerEvent, Table,
};
use lossproof::{Input, Instant, Lawful, Machine, Net, Peer, Status};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{assert_held, assert_run, config, plan_of_others, stormy};

/// One that is found, one that two places have, and one that none has.
const PLACES: [&str; 3] = [geocode::PLACE, "springfield", "Atlantis"];

fn asking(place: &str) -> Net {
    geocode::net(&Options { place: place.to_owned(), ..Options::default() })
}

/// S104, S105: an answer is cut inside of its head and of a number, and stalls there.
#[test]
fn a_number_that_is_cut_is_read_whole() {
    let plan = "client>server @60 cut; server>client @40 cut; server>client @220 stall 300ms";
    assert_run("geocode", asking(geocode::PLACE), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    for place in PLACES {
        assert_held(asking(place), "", stormy(), 200);
        assert_held(asking(place), "server>client @230 reset", stormy(), 50);
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn its_properties_hold_under_any_plan(
        place in select(&PLACES[..]),
        plan in plan_of_others(asking(geocode::PLACE)),
    ) {
        assert_held(asking(place), &plan.to_string(), stormy(), 2);
    }
}

#[cfg(feature = "turmoil")]
mod parity {
    use lossproof::fault::strategy::stream_plan;
    use lossproof::fault::{Fault, FaultPlan, Profile};

    use super::*;
    use crate::support::{assert_parity, both_ways};

    /// Whether an answer comes in fewer pieces than turmoil has room for at one moment.
    fn is_coarse(plan: &FaultPlan) -> bool {
        plan.faults().iter().all(|fault| !matches!(fault, Fault::CutEvery { len, .. } if len.get() < 6))
    }

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(
            place in select(&PLACES[..]),
            plan in stream_plan(&both_ways(), 240, 6).prop_filter("turmoil holds 64 segments", is_coarse),
            seed in any::<u64>(),
        ) {
            assert_parity(asking(place), &plan, stormy(), seed);
        }
    }

    #[test]
    fn partitions_and_resets_are_the_same_in_both_worlds() {
        for plan in ["at 12ms partition client|server; at 3s heal", "server>client @100 reset"] {
            assert_parity(asking(geocode::PLACE), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

fn peer() -> Peer {
    "127.0.0.1:8080".parse().unwrap()
}

// The client

/// A client by hand that is connected and has asked: what it says of these pieces of an answer, and how it ends.
fn told(pieces: &[&[u8]], ends: bool) -> (Vec<ClientEvent>, Option<Status>) {
    let client = Client::new(vec![peer()], "example.org", "x", Duration::from_secs(5));
    let (mut client, mut out) = (client, Outlet::new());
    out.feed(&mut client, Input::Start { local: peer() }, Instant::START);
    let Some(Effect::Connect { conn, .. }) = out.effects().next() else { panic!("it connects") };
    out.drain(|_| ());
    out.connected(conn, limits::SEND_BUFFER_LEN as u32);
    out.feed(&mut client, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    for piece in pieces {
        out.feed(&mut client, Input::Received { conn, bytes: piece }, Instant::START);
    }
    if ends {
        out.feed(&mut client, Input::Eof { conn }, Instant::START);
    }
    assert_eq!(out.take_misuse(), None);
    let (mut events, mut done) = (Vec::new(), None);
    out.drain(|effect| match effect {
        Effect::Event(event) => events.push(event),
        Effect::Done(status) => done = Some(status),
        _ => {}
    });
    (events, done)
}

/// What is shown, and what is noted.
fn shown(pieces: &[&[u8]], ends: bool) -> (String, Vec<String>, Option<Status>) {
    let (events, done) = told(pieces, ends);
    let mut shown = String::new();
    for event in &events {
        geocode::print_client(event, &mut shown).unwrap();
    }
    (shown, events.iter().filter_map(geocode::note).collect(), done)
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const FOUND: &str =
    r#"{"results":[{"geometry":{"location":{"lat":41.521954,"lng":-84.306691}}}],"status":"OK"}"#;

/// S105, S107: in all ways to cut an answer in two nothing is shown before it is whole, and then the same.
#[test]
fn nothing_is_shown_before_all_is_there() {
    let whole = answer("200 OK", FOUND);
    for at in 1..whole.len() {
        let (first, second) = whole.split_at(at);
        let (early, notes, done) = shown(&[first], false);
        assert_eq!((early.as_str(), notes.len(), done), ("", 0, None), "{at}");
        let (cut, notes, done) = shown(&[first], true);
        assert_eq!((cut.as_str(), notes.len(), done), ("", 1, Some(Status::Failure)), "{at}");
        let (text, notes, done) = shown(&[first, second], false);
        assert_eq!(text, "{'lat': 41.521954, 'lng': -84.306691}\n");
        assert_eq!((notes.len(), done), (0, Some(Status::Success)));
    }
}

/// S106, S107.
#[test]
fn each_answer_is_one_line() {
    let two = FOUND.replace("[{", "[{\"geometry\":{\"location\":{\"lat\":1.5,\"lng\":-2}}},{");
    for (status, body, line, note) in [
        (
            "200 OK",
            two.as_str(),
            "{'lat': 1.5, 'lng': -2}\n",
            Some("2 places have these words; this is the first"),
        ),
        (
            "200 OK",
            r#"{"results":[],"status":"ZERO_RESULTS"}"#,
            "",
            Some("no place has all these words: write fewer of them"),
        ),
        ("200 OK", r#"{"results":[],"status":"OVER\nLIMIT"}"#, "", Some("the server answers 'OVER\\nLIMIT'")),
        ("200 OK", "<html>", "", Some("the answer is not JSON: expected value at line 1 column 1")),
        (
            "200 OK",
            r#"{"status":"OK","results":[{}]}"#,
            "",
            Some("the answer has no 'results[0].geometry.location.lat'"),
        ),
        ("404 Not Found", FOUND, "", Some("the server answers with status 404, not with 200")),
        ("500 No", "", "", Some("the server answers with status 500, not with 200")),
        ("200 OK", FOUND, "{'lat': 41.521954, 'lng': -84.306691}\n", None),
    ] {
        let (text, notes, done) = shown(&[&answer(status, body)], false);
        let ended = if line.is_empty() { Status::Failure } else { Status::Success };
        assert_eq!((text.as_str(), done), (line, Some(ended)), "{body}");
        assert_eq!(notes, note.into_iter().map(str::to_owned).collect::<Vec<_>>());
    }
    // A status that is none is told by its head alone.
    let (_, notes, done) = shown(&[b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n"], false);
    assert_eq!((notes.len(), done), (1, Some(Status::Failure)));
}

/// S104: a body at the bound is read, and one byte more is not.
#[test]
fn a_body_is_bounded() {
    for (surplus_len, is_read) in [(0, true), (1, false)] {
        let body = format!("{FOUND}{}", " ".repeat(MAX_ANSWER_LEN + surplus_len - FOUND.len()));
        let (text, _, _) = shown(&[&answer("200 OK", &body)], false);
        assert_eq!(!text.is_empty(), is_read);
    }
}

// The server

/// A server by hand, with one client.
struct Served {
    server: Server,
    out: Outlet<ServerEvent>,
    conn: Conn,
    now: Instant,
    said: String,
    events: Vec<String>,
    acts: Vec<&'static str>,
}

impl Served {
    fn new(room: u32) -> Self {
        let (mut out, server) = (Outlet::new(), Server::new(Table::default(), PATIENCE));
        let conn = out.accept(room);
        let (said, events, acts) = (String::new(), Vec::new(), Vec::new());
        let mut new = Self { server, out, conn, now: Instant::START, said, events, acts };
        new.give(Input::Connected { conn, peer: "127.0.0.1:5".parse().unwrap(), local: peer() });
        new
    }

    fn give(&mut self, input: Input<'_, ()>) {
        self.out.feed(&mut self.server, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        let Self { out, said, events, acts, .. } = self;
        out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => said.push_str(std::str::from_utf8(bytes).unwrap()),
            Effect::Event(event) => events.push(event.to_string()),
            Effect::Close { .. } => acts.push("close"),
            Effect::Abort { .. } => acts.push("abort"),
            Effect::Pause { .. } => acts.push("pause"),
            Effect::Resume { .. } => acts.push("resume"),
            other => panic!("{other:?}"),
        });
    }

    fn read(&mut self, bytes: impl AsRef<[u8]>) {
        self.give(Input::Received { conn: self.conn, bytes: bytes.as_ref() });
    }

    /// The statuses that were answered, in order.
    fn statuses(&self) -> Vec<&str> {
        self.said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
    }
}

const PLENTY: u32 = 1 << 20;

fn get(query: &str) -> String {
    format!("GET /maps/api/geocode/json{query} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// S108.
#[test]
fn each_request_has_its_status() {
    for (request, status, event) in [
        (get("?address=archbold&sensor=false"), "200", "127.0.0.1:5 asks for 'archbold': 1 found"),
        (get("?address=Atlantis"), "200", "127.0.0.1:5 asks for 'Atlantis': 0 found"),
        (get("?sensor=false"), "400", "127.0.0.1:5 asks what is not answered: 400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "404", "127.0.0.1:5 asks what is not answered: 404"),
    ] {
        let mut served = Served::new(PLENTY);
        served.read(&request);
        assert_eq!((served.statuses(), served.events.as_slice()), (vec![status], &[event.to_owned()][..]));
        assert!(served.acts.is_empty(), "it is kept");
        assert_eq!(served.said.contains("INVALID_REQUEST"), status == "400");
        assert_eq!(served.said.contains("ZERO_RESULTS"), request.contains("Atlantis"));
        // Who wants no more is not kept.
        let mut served = Served::new(PLENTY);
        served.read(request.replace("1.1\r\n", "1.1\r\nConnection: close\r\n"));
        assert_eq!((served.statuses(), served.acts.clone()), (vec![status], vec!["close"]));
    }
    for (request, status) in [
        ("POST /maps/api/geocode/json?address=x HTTP/1.1\r\n\r\n", "405"),
        ("HEAD / HTTP/1.0\r\n\r\n", "405"),
        ("no request\r\n\r\n", "400"),
        ("\x16\x03\x01\r\n\r\n", "400"),
    ] {
        let mut served = Served::new(PLENTY);
        served.read(format!("{request}GET / HTTP/1.1\r\n\r\n"));
        assert_eq!((served.statuses(), served.acts.clone()), (vec![status], vec!["close"]), "{request}");
    }
}

/// S109: requests that come together, or in any two pieces, are answered in their order.
#[test]
fn requests_are_answered_in_their_order() {
    let requests =
        [get("?address=paris"), "\r\n".to_owned(), get(""), "GET / HTTP/1.1\r\n\r\n".to_owned()].concat();
    let requests = format!("{requests}{}", get("?address=springfield"));
    let mut whole = Served::new(PLENTY);
    whole.read(&requests);
    assert_eq!(whole.statuses(), ["200", "400", "404", "200"]);
    assert!(whole.said.contains("2.2944813") && whole.said.ends_with("\"status\":\"OK\"}"));
    for at in 1..requests.len() {
        let mut served = Served::new(PLENTY);
        served.read(&requests[..at]);
        served.read(&requests[at..]);
        assert_eq!(served.said, whole.said, "{at}");
    }
    whole.give(Input::Eof { conn: whole.conn });
    assert_eq!(whole.acts, ["close"]);
}

/// S109: who does not take its answers is not read from, and gets them all when it does.
#[test]
fn a_slow_reader_is_held_back_and_loses_nothing() {
    let requests = [get("?address=paris"), get("?address=roma"), get("?address=cairo")].concat();
    let mut whole = Served::new(PLENTY);
    whole.read(&requests);
    for room in [1, 7, 100, 300] {
        let mut served = Served::new(room);
        served.read(&requests);
        assert_eq!(served.acts, ["pause"]);
        assert_eq!(served.events.len(), 1 + room as usize / 260);
        while served.said.len() < whole.said.len() {
            let conn = served.conn;
            assert!(served.out.credit(conn, room));
            served.give(Input::Writable { conn });
        }
        assert_eq!((served.said, served.acts.last()), (whole.said.clone(), Some(&"resume")));
    }
}

/// S109: a head at the bound is answered, and one byte more is 431.
#[test]
fn a_head_is_bounded() {
    for (surplus_len, status) in [(0, "200"), (1, "431")] {
        let request = get("?address=paris").replace("Host: x", "Host: ");
        let filler_len = MAX_REQUEST_LEN + surplus_len - request.len();
        let request = request.replace("Host: ", &format!("Host: {}", "x".repeat(filler_len)));
        assert_eq!(request.len(), MAX_REQUEST_LEN + surplus_len);
        let mut served = Served::new(PLENTY);
        served.read(&request);
        assert_eq!((served.statuses(), served.acts.len()), (vec![status], usize::from(status == "431")));
        // However it comes.
        let mut served = Served::new(PLENTY);
        for byte in request.bytes().take(MAX_REQUEST_LEN + 1) {
            if served.acts.is_empty() {
                served.read([byte]);
            }
        }
        assert_eq!(served.statuses(), [status]);
    }
}

/// S109: 10 s, and not a moment earlier, after the last that was said or taken.
#[test]
fn who_says_nothing_is_dropped() {
    let mut served = Served::new(PLENTY);
    assert_eq!(served.server.deadline(), Some(Instant::from_millis(10_000)));
    served.now = Instant::from_millis(9_999);
    served.read("G");
    assert_eq!(served.server.deadline(), Some(Instant::from_millis(19_999)));
    served.now = Instant::from_millis(19_999);
    served.give(Input::Timeout);
    assert_eq!((served.acts.as_slice(), served.said.as_str()), (&["close"][..], ""));
    assert_eq!(served.events, ["dropping 127.0.0.1:5, which says and takes nothing"]);
    assert_eq!(served.server.deadline(), None);
    served.give(Input::Closed { conn: served.conn, reason: CloseReason::Finished });

    // One that does not read its answer is not kept for what waits.
    let mut served = Served::new(10);
    served.read(get("?address=paris"));
    served.now = Instant::from_millis(10_000);
    served.give(Input::Timeout);
    assert_eq!(served.acts, ["pause", "abort"]);

    // Who ends in the middle of a request is told of.
    let mut served = Served::new(PLENTY);
    served.read("GET ");
    served.give(Input::Eof { conn: served.conn });
    assert_eq!(served.events, ["127.0.0.1:5 has ended in the middle of a request"]);
    assert_eq!(served.acts, ["close"]);
}

/// S109: what a server puts out for one read stays within its promises, however many requests that has.
#[test]
fn a_flood_of_requests_is_within_the_promises() {
    let server = || Server::new(Table::default(), PATIENCE);
    let mut lawful = Lawful::new(server(), server(), Server::PROMISES);
    let mut out = Outlet::<ServerEvent>::new();
    let conn = out.accept(limits::SEND_BUFFER_LEN as u32);
    out.feed(&mut lawful, Input::Connected { conn, peer: peer(), local: peer() }, Instant::START);
    let requests = b"GET / HTTP/1.1\n\n".repeat(limits::MAX_READ_LEN / 16);
    out.feed(&mut lawful, Input::Received { conn, bytes: &requests }, Instant::START);
    let mut answered = 0;
    loop {
        let mut written_len = 0;
        out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => written_len += bytes.len() as u32,
            Effect::Event(_) => answered += 1,
            Effect::Violation(violation) => panic!("{violation}"),
            _ => {}
        });
        if !out.credit(conn, written_len) {
            break;
        }
        out.feed(&mut lawful, Input::Writable { conn }, Instant::START);
    }
    assert_eq!(answered, requests.len() / 16);
}

#[test]
fn stop_ends_both_roles() {
    let (mut server, mut out) = (Server::new(Table::default(), PATIENCE), Outlet::<ServerEvent>::new());
    out.feed(&mut server, Input::Stop, Instant::START);
    assert!(out.effects().any(|effect| effect == Effect::Done(Status::Success)));
    let mut client = Client::new(vec![peer()], "x", "x", Duration::from_secs(5));
    let mut out = Outlet::<ClientEvent>::new();
    out.feed(&mut client, Input::Stop, Instant::START);
    assert!(out.effects().any(|effect| effect == Effect::Done(Status::Success)));
}
