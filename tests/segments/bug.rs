//! A bug that only the loss of segments shows: a client bounds the time that it reads, and not the time that it dials.

use std::time::Duration;

use lossproof::fault::{DatagramFault, Fault, StreamKind};
use lossproof::harness::Verdict;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Status};

const PATIENCE: Duration = Duration::from_secs(1);

struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Connected { conn, .. } = input {
            assert_eq!(out.write(conn, b"hello"), 5);
            out.close(conn);
        }
    }
}

/// Reads what the server says, for a second at most.
struct Client {
    server: Peer,
    /// Whether the second begins with the dial, as it should.
    bounds_dial: bool,
    give_up_at: Option<Instant>,
}

impl Client {
    fn end(&mut self, event: &'static str, out: &mut Outbox<&'static str>) {
        self.give_up_at = None;
        out.event(event);
        out.done(Status::Success);
    }
}

impl Machine for Client {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } => {
                out.connect(self.server);
                self.give_up_at = self.bounds_dial.then_some(now + PATIENCE);
            }
            Input::Connected { .. } if !self.bounds_dial => self.give_up_at = Some(now + PATIENCE),
            Input::Eof { .. } => self.end("heard", out),
            Input::Closed { .. } | Input::ConnectFailed { .. } => self.end("cut off", out),
            Input::Timeout => self.end("gave up", out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

fn check(kind: StreamKind, bounds_dial: bool) -> Verdict {
    let net = Net::new("dial");
    net.streams(kind);
    let server = net.host("server").listen(7).machine(|_| Server);
    let client = net.host("client").machine(move |boot| Client {
        server: boot.peer(server),
        bounds_dial,
        give_up_at: None,
    });
    net.eventually_within("the client ends", Duration::from_secs(3), move |run| run.status(client).is_some());
    Check::new(net).named("dial").loss(0.3).runs(2_000).verdict().expect("the plan is right")
}

#[test]
fn it_is_found_and_made_small_where_segments_are_lost() {
    let verdict = check(StreamKind::SEGMENTS, false);
    let failure = verdict.failure().expect("the bug is found");
    let plan = &failure.plan;
    assert_eq!((plan.streams, plan.len()), (Some(StreamKind::SEGMENTS), 2), "{verdict}");
    // Two packets of the handshake, and nothing else.
    let is_first =
        |fault: &Fault| matches!(fault, Fault::Datagram { n: 0 | 1, fault: DatagramFault::Drop, .. });
    assert!(plan.faults().iter().all(is_first), "{verdict}");
    assert!(verdict.to_string().contains("[SYN]"), "{verdict}");
}

#[test]
fn the_model_has_no_segment_to_lose() {
    let verdict = check(StreamKind::Model, false);
    assert!(verdict.holds(), "{verdict}");
}

#[test]
fn the_right_client_holds() {
    let verdict = check(StreamKind::SEGMENTS, true);
    assert!(verdict.holds(), "{verdict}");
}
