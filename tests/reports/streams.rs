//! The same over streams: a client that asks again and again, and one reconnect after which it does not.

use std::time::Duration;

use lossproof::machine::{CloseReason, Conn};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

use crate::{counted, printed, tells};

const PERIOD: Duration = Duration::from_millis(250);

/// Asks for one item after the other. When its stream breaks it opens another: but it does not ask on it.
struct Puller {
    server: Peer,
    conn: Option<Conn>,
    asks_at: Option<Instant>,
    connects_at: Option<Instant>,
    number: u32,
}

impl Machine for Puller {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => {
                out.connect(self.server);
                self.asks_at = Some(now + PERIOD);
            }
            Input::Timeout if self.connects_at.take().is_some() => {
                out.connect(self.server);
            }
            Input::Timeout => {
                self.asks_at = None;
                if let Some(conn) = self.conn {
                    let text = format!("get {}\n", self.number);
                    assert_eq!(out.write(conn, text.as_bytes()), text.len(), "it waits for the answer");
                }
            }
            Input::Connected { conn, .. } => self.conn = Some(conn),
            Input::Received { .. } => {
                self.number += 1;
                self.asks_at = Some(now + PERIOD);
            }
            Input::Closed { reason, .. } if reason != CloseReason::Finished => {
                out.event(format!("the stream broke after {} items", self.number));
                self.conn = None;
                self.asks_at = None;
                self.connects_at = Some(now + 4 * PERIOD);
            }
            Input::ConnectFailed { .. } => self.connects_at = Some(now + 4 * PERIOD),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.connects_at.or(self.asks_at)
    }
}

/// Answers with an item. A line is never cut here: there is no fault that does.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Received { conn, bytes } => {
                let answer = String::from_utf8_lossy(bytes).replace("get", "item");
                assert_eq!(out.write(conn, answer.as_bytes()), answer.len(), "there is room");
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

fn net() -> Net {
    let net = Net::new("items");
    net.max_time(Duration::from_mins(20));
    let server = net.host("server").listen(1060).machine(|_| Server);
    let puller = move |boot: lossproof::Boot<'_>| Puller {
        server: boot.peer(server),
        conn: None,
        asks_at: None,
        connects_at: None,
        number: 0,
    };
    let puller = net.host("puller").machine(puller);
    net.eventually_within("it has a thousand items", Duration::from_mins(10), move |run| {
        run.state(puller).is_some_and(|puller| puller.number >= 1_000)
    });
    net
}

#[test]
fn the_last_of_a_thousand_dialogues_is_shown() {
    let plan = "puller>server @4001 reset";
    let (report, verdict) =
        printed(&Check::new(net()).without_laws().plan(plan.parse().expect("a plan")).runs(1));
    let transcript = &verdict.failure().unwrap_or_else(|| panic!("{report}")).transcript;
    assert!(transcript.lines().count() > 2_000, "{report}");
    let excerpt = report.split_once("\n\n").expect("a head").1;
    assert_eq!(counted::counts(excerpt, transcript), Ok(()), "{report}");
    let told = [
        "server  write @0 \"item 0\\n\" → puller",
        " lines like these 4, every 0.26 s, until 133.380 …",
        "fault puller>server @4001 reset",
        "event \"the stream broke after 513 items\"",
        "connect /1 → server",
        "connected /1 ← puller",
    ];
    tells(&report, &told);
}
