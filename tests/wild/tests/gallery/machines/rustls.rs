//! `rustls` 0.23: TLS 1.3 over a stream that is cut, stalls and breaks. A client says a line, a server echoes it.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use lossproof::machine::Conn;
use lossproof::parts::per_conn::PerConn;
use lossproof::{Boot, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};
use rand_core::SeedableRng;
use rand_pcg::Pcg64;
use rustls::{ClientConnection, Connection, ServerConnection};

use crate::tls::{Randomness::OfTheMachine, client_config, drawing_from, server_config};

const LINE: &[u8] = b"a line that nobody else should read";

/// One end of one connection. A client has the address of its server.
struct End {
    tls: Option<Connection>,
    server: Option<Peer>,
    generator: Pcg64,
    heard: Vec<u8>,
    /// What is told once all that was written before has left.
    told: Vec<Told>,
}

#[derive(Debug, PartialEq)]
enum Told {
    Line(Vec<u8>),
    Error(String),
}

impl End {
    fn new(seed: u64, server: Option<Peer>) -> Self {
        Self { tls: None, server, generator: Pcg64::seed_from_u64(seed), heard: Vec::new(), told: Vec::new() }
    }

    fn begin(&mut self) {
        self.tls = Some(match self.server {
            Some(_) => {
                let name = "localhost".try_into().expect("a name");
                let mut tls =
                    ClientConnection::new(Arc::new(client_config(OfTheMachine)), name).expect("a client");
                tls.writer().write_all(LINE).expect("the buffer is large");
                tls.into()
            }
            None => ServerConnection::new(Arc::new(server_config(OfTheMachine))).expect("a server").into(),
        });
    }

    /// What came in, and what follows from it.
    fn receive(&mut self, mut bytes: &[u8]) {
        let Some(tls) = &mut self.tls else { return };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).expect("a slice does not fail");
            if let Err(error) = tls.process_new_packets() {
                self.told.push(Told::Error(error.to_string()));
                return;
            }
            let before = self.heard.len();
            // It says that there is no more by an error.
            let _ = tls.reader().read_to_end(&mut self.heard);
            if self.server.is_none() {
                tls.writer().write_all(&self.heard[before..]).expect("the buffer is large");
            }
        }
        if self.heard.len() >= LINE.len() {
            self.told.push(Told::Line(std::mem::take(&mut self.heard)));
            if self.server.is_some() {
                tls.send_close_notify();
            }
        }
    }

    fn flush(&mut self, conn: Conn, out: &mut Outbox<Told>) {
        let Some(tls) = &mut self.tls else { return };
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).expect("a vector takes all");
        }
        // All that is said is shorter than the send buffer; a stream that is over takes nothing.
        let _ = out.write(conn, &bytes);
        self.told.drain(..).for_each(|told| out.event(told));
    }
}

impl Machine for End {
    type Command = ();
    type Event = Told;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Told>) {
        let mut generator = self.generator.clone();
        drawing_from(&mut generator, || match input {
            Input::Start { .. } => {
                if let Some(server) = self.server {
                    out.connect(server);
                }
            }
            Input::Connected { conn, .. } => {
                self.begin();
                self.flush(conn, out);
            }
            Input::Received { conn, bytes } => {
                self.receive(bytes);
                self.flush(conn, out);
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        });
        self.generator = generator;
    }
}

fn server(boot: Boot<'_>) -> PerConn<End> {
    let mut seed = boot.seed();
    PerConn::new(move |_| {
        seed = seed.wrapping_add(1);
        End::new(seed, None)
    })
}

#[test]
fn a_line_is_echoed_or_the_stream_breaks() {
    let net = Net::new("rustls");
    let server = net.host("server").listen(443).machine(server);
    let client = net.host("client").machine(move |boot| End::new(boot.seed(), Some(boot.peer(server))));
    net.never("an end hears something else, or an error", move |run| {
        let told = [run.events(server), run.events(client)];
        told.into_iter().flatten().any(|told| *told != Told::Line(LINE.to_vec()))
    });
    net.sometimes("the client is answered", move |run| !run.events(client).is_empty());
    holds("rustls", check(net, 500).demand_sometimes());
}
