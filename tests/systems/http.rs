//! http in simulation.

use std::time::Duration;

use lossproof::machine::{Conn, Effect, Outlet, limits};
use lossproof::systems::Options;
use lossproof::systems::http::{
    self, Client, ClientEvent, LARGE, MAX_INTERIM, MAX_WAITS, PAGE, Server, ServerEvent, fits_request,
};
use lossproof::wire::http::{BodyError, HeadError, MAX_BODY_LEN, MAX_HEAD_LEN};
use lossproof::{Input, Instant, Machine, Net, Peer, Status};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{assert_held, assert_run, config, plan_of_others, stormy};

const PATHS: [&str; 9] =
    ["/", "/chunked", "/close", "/interim", "/empty", "/short", "/half", "/no-head", "/nowhere"];
/// A page that comes in more than one piece by itself.
const LONG_PATH: &str = "/large";
const TIMEOUT: Duration = Duration::from_secs(5);

fn asking(path: &str) -> Net {
    http::net(&Options { path: path.to_owned(), ..Options::default() })
}

/// S51, S52, S54: chunks, cut inside of a size and stalled inside of the data.
#[test]
fn a_chunked_body_comes_in_pieces() {
    let plan = "client>server @20 cut; server>client @48 cut; server>client @70 stall 2s; \
                server>client @137 stall 200ms";
    assert_run("http-chunked", asking("/chunked"), plan);
}

/// S54: the server dies on its way through a page that does not fit into a send buffer.
#[test]
fn a_body_is_short_when_its_server_crashes() {
    let plan = "server>client @200 cut; at 22ms crash server; at 1s restart server";
    assert_run("http-crash", asking(LONG_PATH), plan);
}

/// S53.
#[test]
fn a_response_without_a_blank_line_is_told() {
    let plan = "at 3ms partition client|server; at 700ms heal; server>client @17 cut";
    assert_run("http-no-head", asking("/no-head"), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    for path in PATHS.into_iter().chain([LONG_PATH]) {
        assert_held(asking(path), "", stormy(), 200);
        assert_held(asking(path), "at 22ms crash server", stormy(), 50);
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn its_properties_hold_under_any_plan(
        path in select(&PATHS[..]),
        plan in plan_of_others(asking("/")),
    ) {
        assert_held(asking(path), &plan.to_string(), stormy(), 2);
    }
}

#[cfg(feature = "turmoil")]
mod parity {
    use lossproof::fault::strategy::stream_plan;
    use lossproof::fault::{Fault, FaultPlan, Profile};

    use super::*;
    use crate::support::{assert_parity, both_ways};

    /// Whether a response comes in fewer pieces than turmoil has room for at one moment.
    fn is_coarse(plan: &FaultPlan) -> bool {
        plan.faults().iter().all(|fault| !matches!(fault, Fault::CutEvery { len, .. } if len.get() < 4))
    }

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(
            path in select(&PATHS[..]),
            plan in stream_plan(&both_ways(), 160, 6).prop_filter("turmoil holds 64 segments", is_coarse),
            seed in any::<u64>(),
        ) {
            assert_parity(asking(path), &plan, stormy(), seed);
        }
    }

    #[test]
    fn partitions_resets_and_long_bodies_are_the_same_in_both_worlds() {
        for (path, plan) in [
            (LONG_PATH, ""),
            (LONG_PATH, "server>client @65536 stall 300ms; server>client @69000 cut"),
            (LONG_PATH, "server>client @69000 reset"),
            ("/", "at 12ms partition client|server; at 3s heal"),
            ("/", "at 0ms partition server>client"),
            ("/chunked", "server>client cut every 4 bytes; at 18ms skew client +3s"),
        ] {
            assert_parity(asking(path), &plan.parse().unwrap(), Profile::default(), 1);
        }
    }
}

/// A client that a test feeds by hand.
struct Fed {
    client: Client,
    out: Outlet<ClientEvent>,
    now: Instant,
    conn: Option<Conn>,
}

/// What it did, in a word each.
type Seen = Vec<String>;

fn server() -> Peer {
    "127.0.0.1:80".parse().unwrap()
}

impl Fed {
    fn new(fallbacks: &[Peer]) -> Self {
        let client = Client::new(server(), fallbacks, "example.org", "/", TIMEOUT);
        Self { client, out: Outlet::new(), now: Instant::START, conn: None }
    }

    /// One that is connected, and has asked.
    fn connected() -> Self {
        let mut fed = Self::new(&[]);
        fed.feed(Input::Start { local: server() });
        fed.connect();
        fed
    }

    fn connect(&mut self) -> Seen {
        let conn = self.conn.unwrap();
        self.out.connected(conn, limits::SEND_BUFFER_LEN as u32);
        self.feed(Input::Connected { conn, peer: server(), local: server() })
    }

    fn feed(&mut self, input: Input<'_, ()>) -> Seen {
        self.out.feed(&mut self.client, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        let (mut seen, mut conn) = (Vec::new(), self.conn);
        self.out.drain(|effect| match effect {
            Effect::Connect { conn: dialed, peer } => {
                conn = Some(dialed);
                seen.push(format!("connect {peer}"));
            }
            Effect::Event(event) => seen.push(event.to_string()),
            Effect::Write { bytes, .. } => seen.push(String::from_utf8(bytes.to_vec()).unwrap()),
            Effect::Done(status) => seen.push(format!("done {}", status.code())),
            Effect::Abort { .. } => seen.push("abort".to_owned()),
            _ => {}
        });
        self.conn = conn;
        seen
    }

    fn receive(&mut self, bytes: &[u8]) -> Seen {
        self.feed(Input::Received { conn: self.conn.unwrap(), bytes })
    }

    fn due(&mut self) -> Seen {
        self.now = self.client.deadline().unwrap();
        self.feed(Input::Timeout)
    }
}

/// S51.
#[test]
fn the_request_is_exactly_this() {
    let mut fed = Fed::new(&[]);
    assert_eq!(fed.feed(Input::Start { local: server() }), ["connect 127.0.0.1:80"]);
    assert_eq!(fed.connect(), ["GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"]);
}

/// What is to stand in one place of the request cannot begin a line of its own.
#[test]
fn a_request_takes_nothing_that_would_break_its_lines() {
    for bad in ["", "x\r\nEvil: 1", "x\ny", "x\r", "a b", "a\tb", "\0", "\u{7f}", "/caf\u{e9}"] {
        assert!(!fits_request(bad), "{bad:?}");
        for (host, path) in [(bad, "/"), ("example.org", bad)] {
            let make = || Client::new(server(), &[], host, path, TIMEOUT);
            let panic = std::panic::catch_unwind(make).map(|_| ()).unwrap_err();
            let said = panic.downcast::<String>().unwrap();
            assert!(said.starts_with("a request cannot name the ") && !said.contains('\n'), "{said}");
            let options = Options { host: host.to_owned(), path: path.to_owned(), ..Options::default() };
            assert!(std::panic::catch_unwind(|| http::net(&options)).is_err());
        }
    }
    for good in ["/", "*", "[::1]:80", "/?a=%20b#~"] {
        assert!(fits_request(good), "{good}");
        Client::new(server(), &[], good, good, TIMEOUT);
    }
}

/// S52: the body ends where the head says, whatever comes behind it.
#[test]
fn the_end_of_the_body_is_the_end() {
    let mut fed = Fed::connected();
    let seen = fed.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 500 No\r\n\r\n");
    assert_eq!(seen, ["HTTP/1.1 200 OK\nContent-Length: 2", "2 bytes of body", "done 0"]);
    // A head that is whole without a body is a whole response, too.
    let seen = Fed::connected().receive(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    assert_eq!(seen[1..], ["0 bytes of body", "done 0"]);
}

/// S54: its bounds, and what makes no sense.
#[test]
fn a_response_that_cannot_be_read_is_told() {
    let too_long = BodyError::TooLong(MAX_BODY_LEN);
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
    for (response, event) in [
        (head(&format!("Content-Length: {}", MAX_BODY_LEN + 1)), ClientEvent::BadBody(too_long.clone())),
        (
            head("Content-Length: 1\r\nContent-Length: 2"),
            ClientEvent::BadHead(BodyError::TwoLengths(1, 2).into()),
        ),
        ("x".repeat(MAX_HEAD_LEN + 1), ClientEvent::BadHead(HeadError::TooLong)),
        (
            head("Transfer-Encoding: chunked") + "x",
            ClientEvent::BadBody(lossproof::wire::http::ChunkedError::NoSize.into()),
        ),
    ] {
        let seen = Fed::connected().receive(response.as_bytes());
        assert_eq!(seen[seen.len() - 2..], [event.to_string(), "done 1".to_owned()]);
    }
    assert!(
        Fed::connected().receive(b"SSH-2.0\r\n\r\n")[0].starts_with("cannot read the head of the response")
    );

    let mut fed = Fed::connected();
    fed.receive(head("Connection: close").as_bytes());
    for _ in 0..MAX_BODY_LEN / limits::MAX_READ_LEN {
        assert_eq!(fed.receive(&vec![b'x'; limits::MAX_READ_LEN]), [""; 0]);
    }
    assert_eq!(fed.receive(b"x"), [too_long.to_string().as_str(), "done 1"]);
    assert!(Fed::connected().receive(head(&format!("Content-Length: {MAX_BODY_LEN}")).as_bytes()).len() == 1);
}

/// S53: one byte and none.
#[test]
fn an_end_before_the_blank_line_says_how_much_came() {
    for (response, len) in [("", 0), ("HTTP/1.1 200 OK\r\n", 17)] {
        let mut fed = Fed::connected();
        if len > 0 {
            fed.receive(response.as_bytes());
        }
        let conn = fed.conn.unwrap();
        let expected = format!("the response ended after {len} bytes, and there was no blank line in it");
        assert_eq!(fed.feed(Input::Eof { conn }), [expected.as_str(), "done 1"]);
    }
}

#[test]
fn so_many_interim_responses_are_read_over_and_not_one_more() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM as usize);
    let mut fed = Fed::connected();
    assert_eq!(fed.receive(interim.as_bytes()), [""; 0]);
    assert_eq!(fed.receive(b"HTTP/1.1 204 No\r\n\r\n")[1..], ["0 bytes of body", "done 0"]);
    let mut fed = Fed::connected();
    fed.receive(interim.as_bytes());
    assert_eq!(fed.receive(b"HTTP/1.1 103 Early\r\n\r\n")[1..], ["done 1"]);
}

#[test]
fn the_next_address_is_tried_and_the_last_failure_is_told() {
    let next: Peer = "127.0.0.2:80".parse().unwrap();
    let mut fed = Fed::new(&[next]);
    fed.feed(Input::Start { local: server() });
    assert_eq!(
        fed.due()[1..],
        [
            "cannot connect to 127.0.0.1:80: connecting timed out; trying the next address",
            "connect 127.0.0.2:80"
        ]
    );
    let conn = fed.conn.unwrap();
    let reason = lossproof::machine::ConnectError::Refused;
    assert_eq!(
        fed.feed(Input::ConnectFailed { conn, peer: next, reason }),
        ["cannot connect to 127.0.0.2:80: connection refused", "done 1"]
    );
    let mut fed = Fed::new(&[next]);
    fed.feed(Input::Start { local: server() });
    fed.due();
    assert!(fed.connect()[0].starts_with("GET / "));
}

/// A server that drips is heard as long as it drips, but not for ever.
#[test]
fn every_wait_is_bounded() {
    let mut fed = Fed::connected();
    assert_eq!(fed.due(), ["abort", "no answer within 5 seconds", "done 1"]);

    let mut fed = Fed::connected();
    let almost = Duration::from_millis(4_999);
    let end_at = fed.now + TIMEOUT * MAX_WAITS;
    while fed.now + almost < end_at {
        fed.now += almost;
        assert_eq!(fed.receive(b"x"), [""; 0]);
    }
    assert_eq!(fed.client.deadline(), Some(end_at));
    assert_eq!(fed.due(), ["abort", "the answer takes too long", "done 1"]);
}

/// What the scripted server answers to this, and whether it closes then.
fn served(request: &[u8]) -> (Vec<u8>, bool) {
    let (mut server, mut out) = (Server::default(), Outlet::new());
    let peer: Peer = "127.0.0.1:50000".parse().unwrap();
    let conn = out.accept(limits::SEND_BUFFER_LEN as u32);
    out.feed(&mut server, Input::Connected { conn, peer, local: peer }, Instant::START);
    out.feed(&mut server, Input::Received { conn, bytes: request }, Instant::START);
    let (mut said, mut closed) = (Vec::new(), false);
    loop {
        let mut written_len = 0;
        out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => {
                said.extend_from_slice(bytes);
                written_len += bytes.len();
            }
            Effect::Close { .. } => closed = true,
            _ => {}
        });
        if written_len == 0 || !out.credit(conn, written_len as u32) {
            return (said, closed);
        }
        out.feed(&mut server, Input::Writable { conn }, Instant::START);
    }
}

#[test]
fn the_scripted_server_bears_any_request() {
    let (said, closed) = served(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nsurplus");
    assert!(said.ends_with(PAGE) && closed);
    let (said, closed) = served(b"GET /large HTTP/1.1\r\n\r\n");
    assert!(said.ends_with(&LARGE) && closed);
    let mut endless = vec![b'x'; MAX_HEAD_LEN];
    assert_eq!(served(&endless), (Vec::new(), false));
    endless.push(b'x');
    for request in [&b"POST / HTTP/1.1\r\n\r\n"[..], b"\r\n", b"\xff\xfe\r\n\r\n", &endless] {
        let (said, closed) = served(request);
        assert!(said.starts_with(b"HTTP/1.1 400 ") && closed);
    }
    assert!(served(b"GET /nowhere HTTP/1.0\n\n").0.starts_with(b"HTTP/1.1 404 "));
}

#[test]
fn stop_ends_both_roles() {
    let mut fed = Fed::connected();
    assert_eq!(fed.feed(Input::Stop), ["done 0"]);
    let (mut server, mut out) = (Server::default(), Outlet::<ServerEvent>::new());
    out.feed(&mut server, Input::Stop, Instant::START);
    assert!(out.effects().any(|effect| effect == Effect::Done(Status::Success)));
}
