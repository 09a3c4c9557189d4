use lossproof::fault::{Chance, Profile};
use lossproof::machine::{CloseReason, Conn};
use lossproof::tls::rustls::pki_types::pem::PemObject;
use lossproof::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use lossproof::tls::{Tls, promises, seeded};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Promises, Status};

/// Writes one text to each client, and closes.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Connected { conn, .. } = input {
            let _fits_len = out.write(conn, b"welcome"); // into a buffer that is empty
            out.close(conn);
        }
    }
}

/// Reads the text to its end.
struct Client(Peer, Vec<u8>);

impl Client {
    fn end(&mut self, conn: Option<Conn>, status: Status, out: &mut Outbox<Vec<u8>>) {
        if let Some(conn) = conn {
            out.close(conn);
        }
        if status == Status::Success {
            out.event(std::mem::take(&mut self.1));
        }
        out.done(status);
    }
}

impl Machine for Client {
    type Command = ();
    /// The whole text.
    type Event = Vec<u8>;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Vec<u8>>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.0),
            Input::Received { bytes, .. } => self.1.extend_from_slice(bytes),
            // With TLS, this is the peer's `close_notify`: nobody else can end the text.
            Input::Eof { conn } => self.end(Some(conn), Status::Success, out),
            Input::Closed { reason: CloseReason::Reset, .. } | Input::ConnectFailed { .. } => {
                self.end(None, Status::Failure, out);
            }
            _ => {}
        }
    }
}

fn net() -> Net {
    let certificate = CertificateDer::from_pem_file("tests/tls/certificates/server.pem").unwrap();
    let key = PrivateKeyDer::from_pem_file("tests/tls/certificates/server.key").unwrap();
    let client_config = seeded::client_config(&certificate);
    let server_config = seeded::server_config(certificate, key).unwrap();

    let net = Net::new("welcome");
    let inside = Promises::DEFAULT;
    let server = net.host("server").listen(7).promises(promises(inside));
    let server = server.machine(move |boot| Tls::server(Server, server_config.clone(), boot.seed()));
    let client = net.host("client").promises(promises(inside));
    let client = client.machine(move |boot| {
        let inside = Client(boot.peer(server), Vec::new());
        Tls::client(inside, client_config.clone(), None, boot.seed())
    });
    net.never("a part of the text counts as all of it", move |run| {
        run.events(client).iter().any(|text| text != b"welcome")
    });
    net.sometimes("the text arrives", move |run| !run.events(client).is_empty());
    net
}

#[test]
fn nothing_is_cut_short() {
    let share = Chance::percent;
    let rough = Profile { loss: share(10), cut: share(30), reset: share(10), ..Profile::default() };
    Check::new(net()).profile(rough).runs(200).demand_sometimes().assert();
}
