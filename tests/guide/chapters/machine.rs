use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use std::time::Duration;

/// Sends `ping` every 100 ms until the server answers.
struct Ping {
    server: Peer,
    ping_at: Option<Instant>,
}

impl Machine for Ping {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send(self.server, b"ping");
                self.ping_at = Some(now + Duration::from_millis(100));
            }
            Input::Datagram { peer, bytes, .. } if peer == self.server => {
                self.ping_at = None;
                out.event(String::from_utf8_lossy(bytes).into_owned());
                out.done(Status::Success);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ping_at
    }
}

/// The effects since the last call, as text.
fn effects(outlet: &mut Outlet<String>) -> Vec<String> {
    let mut list = Vec::new();
    outlet.drain(|effect| {
        list.push(match effect {
            Effect::Send { bytes, .. } => format!("send {}", bytes.escape_ascii()),
            effect => format!("{effect:?}"),
        });
    });
    list
}

#[test]
fn the_second_ping_is_answered() {
    let [server, local]: [Peer; 2] = ["192.168.0.1:1060", "192.168.0.2:50000"].map(|it| it.parse().unwrap());
    let mut ping = Ping { server, ping_at: None };
    let mut outlet = Outlet::new();

    outlet.feed(&mut ping, Input::Start { local }, Instant::START);
    assert_eq!(effects(&mut outlet), ["send ping"]);

    // The first ping gets no answer.
    outlet.feed(&mut ping, Input::Timeout, Instant::from_millis(100));
    assert_eq!(effects(&mut outlet), ["send ping"]);
    assert_eq!(ping.deadline(), Some(Instant::from_millis(200)));

    let answer = Input::Datagram { peer: server, local, bytes: b"pong", ecn: Ecn::default() };
    outlet.feed(&mut ping, answer, Instant::from_millis(105));
    assert_eq!(effects(&mut outlet), ["Event(\"pong\")", "Done(Success)"]);
    assert_eq!(ping.deadline(), None);
}
