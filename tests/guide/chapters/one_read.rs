use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

/// Takes each read for a message: wrong, since a stream may be split anywhere.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<String>) {
        if let Input::Received { bytes, .. } = input {
            out.event(String::from_utf8_lossy(bytes).into_owned());
        }
    }
}

struct Client(Peer);

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => {
                out.connect(self.0);
            }
            Input::Connected { conn, .. } => {
                let _written_len = out.write(conn, b"hello"); // the send buffer is empty
                out.close(conn);
            }
            _ => {}
        }
    }
}

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn a_read_is_no_message() {
    let net = Net::new("hello");
    let server = net.host("server").listen(1060).machine(|_| Server);
    net.host("client").machine(move |boot| Client(boot.peer(server)));
    net.never("a message is empty", move |run| run.events(server).contains(&String::new()));
    Check::new(net).loss(0.1).assert();
}
