//! Pairs of machines that are called `server` and `client`, with datagrams, with one stream, and with several.

use std::time::Duration;

use lossproof::machine::{Conn, ConnMap};
use lossproof::{Boot, Cuts, Input, Instant, Machine, Net, Outbox, Peer, Promises, Status};

/// Answers some of the questions: which, its seed says.
struct Server(u64);

impl Machine for Server {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Datagram { bytes, .. } => {
                self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                out.event(format!("{bytes:?}"));
                if self.0 >> 62 != 0 {
                    out.reply(bytes);
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// Asks five questions, each again and again until it is answered.
struct Client {
    server: Peer,
    seed: u64,
    question: u8,
    ask_at: Option<Instant>,
}

impl Client {
    fn ask(&mut self, now: Instant, out: &mut Outbox<String>) {
        out.send(self.server, &[&[self.question][..], &self.seed.to_be_bytes()].concat());
        self.ask_at = Some(now + Duration::from_millis(100));
    }
}

impl Machine for Client {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } | Input::Timeout => self.ask(now, out),
            Input::Datagram { bytes, .. } if bytes.first() == Some(&self.question) => {
                self.question += 1;
                out.event(format!("{} answers", self.question));
                if self.question < 5 {
                    self.ask(now, out);
                } else {
                    self.ask_at = None;
                    out.done(Status::Success);
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

pub(crate) fn datagrams() -> Net {
    let net = Net::new("questions");
    net.max_time(Duration::from_secs(20));
    let server = net.host("server").udp(1).machine(|boot| Server(boot.seed()));
    net.host("client").udp(2).connected(server).machine(move |boot| Client {
        server: boot.peer(server),
        seed: boot.seed(),
        question: 0,
        ask_at: None,
    });
    net
}

/// Says back what it hears, and ends what has ended.
struct Echo {
    /// What did not fit.
    unsent: ConnMap<Vec<u8>>,
}

impl Machine for Echo {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Connected { conn, .. } => {
                self.unsent.insert(conn, Vec::new());
            }
            Input::Received { conn, bytes } => {
                out.event(format!("{conn} {}", bytes.escape_ascii()));
                let sent_len = out.write(conn, bytes);
                if let Some(unsent) = self.unsent.get_mut(conn) {
                    unsent.extend_from_slice(&bytes[sent_len..]);
                }
            }
            Input::Eof { conn } => out.close(conn),
            Input::Closed { conn, reason } => {
                self.unsent.remove(conn);
                out.event(format!("{conn} {reason}"));
            }
            _ => {}
        }
    }
}

/// Dials so many times, and says sixteen bytes on each.
struct Dialer {
    server: Peer,
    conns: u64,
    seed: u64,
    open: usize,
}

impl Dialer {
    fn new(boot: Boot<'_>, server: Peer, conns: u64) -> Self {
        Self { server, conns, seed: boot.seed(), open: 0 }
    }

    fn say(&self, conn: Conn, out: &mut Outbox<String>) {
        let text = format!("{:016x}", self.seed);
        let (first, second) = text.split_at(self.seed as usize % 16);
        let written = out.write(conn, first.as_bytes()) + out.write(conn, second.as_bytes());
        assert_eq!(written, 16);
        out.shutdown(conn);
    }

    fn left(&mut self, out: &mut Outbox<String>) {
        self.open -= 1;
        if self.open == 0 {
            out.done(Status::Success);
        }
    }
}

impl Machine for Dialer {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => {
                self.open = self.conns as usize;
                (0..self.conns).for_each(|_| _ = out.connect(self.server));
            }
            Input::Connected { conn, .. } => self.say(conn, out),
            Input::Received { conn, bytes } => out.event(format!("{conn} {}", bytes.escape_ascii())),
            Input::Eof { conn } => out.close(conn),
            Input::Closed { conn, reason } => {
                out.event(format!("{conn} {reason}"));
                self.left(out);
            }
            Input::ConnectFailed { conn, reason, .. } => {
                out.event(format!("{conn} {reason}"));
                self.left(out);
            }
            _ => {}
        }
    }
}

pub(crate) fn streams(conns: u64) -> Net {
    let net = Net::new("streams");
    net.max_time(Duration::from_secs(20));
    let promises = Promises::DEFAULT.cuts(Cuts::EventsTell);
    let server =
        net.host("server").listen(1).promises(promises).machine(|_| Echo { unsent: ConnMap::default() });
    let client = net.host("client").promises(promises);
    client.machine(move |boot| Dialer::new(boot, boot.peer(server), conns));
    net
}
