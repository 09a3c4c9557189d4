use lossproof::fault::StreamKind;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Status};
use std::time::Duration;

/// Says hello to everybody.
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

/// Wants to hear the end of it two seconds after it dials.
struct Client {
    server: Peer,
    give_up_at: Option<Instant>,
}

impl Machine for Client {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        let event = match input {
            Input::Start { .. } => {
                out.connect(self.server);
                // Not only once it is connected: that may take long.
                self.give_up_at = Some(now + Duration::from_secs(2));
                return;
            }
            Input::Eof { .. } => "heard",
            Input::Closed { .. } | Input::ConnectFailed { .. } => "cut off",
            Input::Timeout => "gave up",
            _ => return,
        };
        self.give_up_at = None;
        out.event(event);
        out.done(Status::Success);
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

#[test]
fn the_client_ends_in_time() {
    let net = Net::new("hello");
    net.streams(StreamKind::SEGMENTS);
    let server = net.host("server").listen(7).machine(|_| Server);
    let client =
        net.host("client").machine(move |boot| Client { server: boot.peer(server), give_up_at: None });
    net.eventually_within("the client ends", Duration::from_secs(3), move |run| run.status(client).is_some());
    Check::new(net).loss(0.3).runs(1_000).assert();
}
