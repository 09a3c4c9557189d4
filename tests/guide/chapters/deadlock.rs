use lossproof::machine::Conn;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
use std::time::Duration;

/// Sends back what it receives. While the client does not read, it does not read either.
#[derive(Default)]
struct Echo {
    waiting: Vec<u8>,
}

impl Echo {
    fn write(&mut self, conn: Conn, out: &mut Outbox<()>) {
        let written_len = out.write(conn, &self.waiting);
        self.waiting.drain(..written_len);
        if self.waiting.is_empty() {
            out.resume(conn);
        } else {
            out.pause(conn);
        }
    }
}

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Received { conn, bytes } => {
                self.waiting.extend(bytes);
                self.write(conn, out);
            }
            Input::Writable { conn } => self.write(conn, out),
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Writes everything, and only then begins to read.
struct Client {
    server: Peer,
    unsent: Vec<u8>,
}

impl Client {
    fn write(&mut self, conn: Conn, out: &mut Outbox<usize>) {
        let written_len = out.write(conn, &self.unsent);
        self.unsent.drain(..written_len);
        if self.unsent.is_empty() {
            out.shutdown(conn);
            out.resume(conn);
        }
    }
}

impl Machine for Client {
    type Command = ();
    /// The length of each read.
    type Event = usize;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<usize>) {
        match input {
            Input::Start { .. } => {
                out.connect(self.server);
            }
            Input::Connected { conn, .. } => {
                out.pause(conn);
                self.write(conn, out);
            }
            Input::Writable { conn } => self.write(conn, out),
            Input::Received { bytes, .. } => out.event(bytes.len()),
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn all_of_it_comes_back() {
    let net = Net::new("echo");
    let server = net.host("server").listen(7).machine(|_| Echo::default());
    let client = net.host("client").machine(move |boot| Client {
        server: boot.peer(server),
        unsent: vec![b'x'; 300_000],
    });
    net.eventually_within("all of it comes back", Duration::from_mins(1), move |run| {
        run.events(client).iter().sum::<usize>() == 300_000
    });
    Check::new(net).runs(1).assert();
}
