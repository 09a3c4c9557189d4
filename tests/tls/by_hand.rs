//! Two ends that are driven by hand, and what each sees when the other does not keep to TLS.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use lossproof::machine::{CloseReason, Conn, Effect, HandshakeError, Misuse, Outlet, limits};
use lossproof::tls::rustls::crypto::CryptoProvider;
use lossproof::tls::rustls::pki_types::pem::PemObject as _;
use lossproof::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use lossproof::tls::rustls::version::TLS12;
use lossproof::tls::rustls::{ClientConfig, ClientConnection, RootCertStore};
use lossproof::tls::seeded::{self, Randomness};
use lossproof::tls::{MAX_HANDSHAKE, Pinned, Tls, TlsError, fingerprint};
use lossproof::{Input, Instant, Machine as _, Peer, Status};

use crate::puppet::{Do, Puppet, Saw};
use crate::secured::{certificate, client_config, server_config};

const ROOM: u32 = limits::SEND_BUFFER_LEN as u32;

fn peer() -> Peer {
    "127.0.0.1:7".parse().unwrap()
}

/// One end, with what it wants done outside.
struct End {
    machine: Tls<Puppet>,
    out: Outlet<Saw>,
    conn: Option<Conn>,
    /// What it has written and nobody has taken.
    wire: Vec<u8>,
    /// What it has asked for beside writes, in order.
    asked: Vec<&'static str>,
    saw: Vec<Saw>,
    failures: Rc<RefCell<Vec<TlsError>>>,
    done: Option<Status>,
}

impl End {
    fn new(make: impl FnOnce(Puppet) -> Tls<Puppet>, other: Option<Peer>) -> Self {
        let failures = Rc::new(RefCell::new(Vec::new()));
        let told = failures.clone();
        let machine = make(Puppet::new(other)).on_failure(move |failure| {
            told.borrow_mut().push(failure.error);
            None
        });
        let mut end = Self {
            machine,
            out: Outlet::new(),
            conn: None,
            wire: Vec::new(),
            asked: Vec::new(),
            saw: Vec::new(),
            failures,
            done: None,
        };
        end.feed(Input::Start { local: peer() }, 0);
        end
    }

    fn client(config: Arc<ClientConfig>) -> Self {
        Self::new(|puppet| Tls::client(puppet, config, None, 1), Some(peer()))
    }

    fn server() -> Self {
        Self::new(|puppet| Tls::server(puppet, server_config(), 2), None)
    }

    fn feed(&mut self, input: Input<'_, Do>, at_ms: u64) {
        self.out.feed(&mut self.machine, input, Instant::from_millis(at_ms));
        let Self { out, conn, wire, asked, saw, done, .. } = self;
        out.drain(|effect| match effect {
            Effect::Connect { conn: dialed, .. } => *conn = Some(dialed),
            Effect::Write { bytes, .. } => wire.extend_from_slice(bytes),
            Effect::Shutdown { .. } => asked.push("shutdown"),
            Effect::Close { .. } => asked.push("close"),
            Effect::Abort { .. } => asked.push("abort"),
            Effect::Pause { .. } => asked.push("pause"),
            Effect::Resume { .. } => asked.push("resume"),
            Effect::Event(event) => saw.push(event),
            Effect::Done(status) => *done = Some(status),
            other => panic!("{other:?}"),
        });
    }

    fn conn(&self) -> Conn {
        self.conn.expect("there is a connection")
    }

    fn tell(&mut self, action: Do, at_ms: u64) {
        self.feed(Input::Command(&action), at_ms);
    }

    /// The stream stands, with so much room in its send buffer.
    fn connected(&mut self, room: u32) {
        match self.conn {
            Some(conn) => assert!(self.out.connected(conn, room)),
            None => self.conn = Some(self.out.accept(room)),
        }
        let conn = self.conn();
        self.feed(Input::Connected { conn, peer: peer(), local: peer() }, 0);
    }

    fn received(&mut self, bytes: &[u8], at_ms: u64) {
        let conn = self.conn();
        for bytes in bytes.chunks(limits::MAX_READ_LEN) {
            self.feed(Input::Received { conn, bytes }, at_ms);
        }
    }

    fn eof(&mut self) {
        let conn = self.conn();
        self.feed(Input::Eof { conn }, 0);
    }

    /// Somebody takes what it has written, so there is room again.
    fn take(&mut self, at_ms: u64) -> Vec<u8> {
        let taken = std::mem::take(&mut self.wire);
        let conn = self.conn();
        if self.out.credit(conn, taken.len() as u32) {
            self.feed(Input::Writable { conn }, at_ms);
        }
        taken
    }

    fn failures(&self) -> Vec<TlsError> {
        self.failures.borrow().clone()
    }

    fn why(&self) -> Vec<HandshakeError> {
        let why = |error| match error {
            TlsError::Handshake { why, .. } => why,
            other => panic!("{other:?}"),
        };
        self.failures().into_iter().map(why).collect()
    }

    fn failed(why: HandshakeError) -> [Saw; 1] {
        [Saw::ConnectFailed(0, why.to_string())]
    }
}

/// Carries bytes between the two until nobody says anything more.
fn talk(a: &mut End, b: &mut End) {
    while !a.wire.is_empty() || !b.wire.is_empty() {
        let bytes = a.take(0);
        b.received(&bytes, 0);
        let bytes = b.take(0);
        a.received(&bytes, 0);
    }
}

/// A client that has dialed, and a server, before their handshake.
fn dialed_by(config: Arc<ClientConfig>, room: u32) -> (End, End) {
    let (mut client, mut server) = (End::client(config), End::server());
    client.tell(Do::Connect, 0);
    client.connected(room);
    server.connected(room);
    (client, server)
}

/// The two after their handshake.
fn connected() -> (End, End) {
    let (mut client, mut server) = dialed_by(client_config(), ROOM);
    talk(&mut client, &mut server);
    assert_eq!((&client.saw[..], &server.saw[..]), (&[Saw::Connected(0)][..], &[Saw::Connected(0)][..]));
    (client, server)
}

fn reset() -> Saw {
    Saw::Closed(0, CloseReason::Reset.to_string())
}

#[test]
fn nobody_hears_of_a_connection_before_its_handshake_is_over() {
    let (mut client, mut server) = dialed_by(client_config(), ROOM);
    let hello = client.take(0);
    server.received(&hello, 0);
    assert!(client.saw.is_empty() && server.saw.is_empty());
    let flight = server.take(0);
    client.received(&flight[..flight.len() - 1], 0);
    assert!(client.saw.is_empty());
    client.received(&flight[flight.len() - 1..], 0);
    assert_eq!((client.saw, server.saw), (vec![Saw::Connected(0)], Vec::new()));
}

#[test]
fn a_handshake_gets_through_the_smallest_send_buffer() {
    let (mut client, mut server) = dialed_by(client_config(), 1);
    talk(&mut client, &mut server);
    client.tell(Do::Write(0, 3_000), 0);
    talk(&mut client, &mut server);
    client.tell(Do::Close(0), 0);
    assert!(client.asked.is_empty(), "what is to be said before waits for room");
    talk(&mut client, &mut server);
    assert_eq!(client.asked, ["close"]);
    let heard: usize =
        server.saw.iter().map(|saw| if let Saw::Received(_, len) = saw { *len } else { 0 }).sum();
    assert_eq!((heard, server.saw.last()), (3_000, Some(&Saw::Eof(0))));
}

#[test]
fn an_end_without_close_notify_is_a_reset() {
    let (mut client, mut server) = connected();
    server.tell(Do::Write(0, 10), 0);
    talk(&mut client, &mut server);
    client.eof();
    assert_eq!(client.saw[1..], [Saw::Received(0, 10), reset()]);
    assert_eq!((client.failures(), client.asked.as_slice()), (vec![TlsError::Truncated], &["close"][..]));
    // Its name is free again.
    client.tell(Do::Connect, 0);
}

#[test]
fn an_end_within_a_record_is_a_reset() {
    let (mut client, mut server) = connected();
    server.tell(Do::Write(0, 10), 0);
    server.tell(Do::Close(0), 0);
    let bytes = server.take(0);
    client.received(&bytes[..bytes.len() - 1], 0);
    client.eof();
    assert_eq!(client.saw[1..], [Saw::Received(0, 10), reset()]);
}

#[test]
fn an_end_with_close_notify_is_one_whatever_the_stream_does_then() {
    let (mut client, mut server) = connected();
    server.tell(Do::Shutdown(0), 0);
    assert_eq!(server.asked, ["shutdown"]);
    talk(&mut client, &mut server);
    client.eof();
    client.tell(Do::Write(0, 10), 0);
    client.tell(Do::Shutdown(0), 0);
    talk(&mut client, &mut server);
    assert_eq!(client.saw[1..], [Saw::Eof(0), Saw::Fitted(0, 10)]);
    assert_eq!(server.saw[1..], [Saw::Received(0, 10), Saw::Eof(0)]);
    assert_eq!((client.asked, server.asked), (vec!["close"], vec!["shutdown", "close"]), "both have ended");
    // The peer keeps its stream open all the same.
    let (client_conn, reason) = (client.conn.unwrap(), CloseReason::LingerExpired);
    client = End { asked: Vec::new(), ..client };
    client.feed(Input::Closed { conn: client_conn, reason }, 2_000);
    assert_eq!(client.saw.last(), Some(&Saw::Closed(0, CloseReason::Finished.to_string())));
}

#[test]
fn a_changed_byte_is_a_reset_and_an_alert() {
    let (mut client, mut server) = connected();
    server.tell(Do::Write(0, 10), 0);
    let mut bytes = server.take(0);
    *bytes.last_mut().unwrap() ^= 1;
    client.received(&bytes, 0);
    assert_eq!(client.saw[1..], [reset()]);
    assert!(matches!(client.failures()[..], [TlsError::Broken(_)]), "{:?}", client.failures());
    let alert = client.take(0);
    server.received(&alert, 0);
    assert_eq!(server.saw.last(), Some(&reset()));
    assert_eq!((client.asked, server.asked), (vec!["close"], vec!["close"]));
}

#[test]
fn a_peer_that_speaks_no_tls_is_called_so() {
    for said in
        ["HTTP/1.1 400 Bad Request\r\n\r\n", "hello\n", "\u{16}\u{3}\u{3}\u{0}\u{0}\n", "SSH-2.0-x\r\n"]
    {
        let (mut client, mut server) = dialed_by(client_config(), ROOM);
        client.received(said.as_bytes(), 0);
        assert_eq!(
            (client.saw.as_slice(), client.why()),
            (&End::failed(HandshakeError::NotTls)[..], vec![HandshakeError::NotTls])
        );
        server.received(said.as_bytes(), 0);
        assert_eq!(
            (server.saw.as_slice(), server.why()),
            (&[][..], vec![HandshakeError::NotTls]),
            "{said:?}"
        );
        assert_eq!((client.asked, server.asked), (vec!["close"], vec!["close"]));
    }
}

#[test]
fn a_peer_that_ends_in_the_handshake_is_called_so() {
    for is_reset in [false, true] {
        let (mut client, mut server) = dialed_by(client_config(), ROOM);
        for end in [&mut client, &mut server] {
            if is_reset {
                let conn = end.conn();
                end.out.release(conn);
                end.feed(Input::Closed { conn, reason: CloseReason::Reset }, 0);
            } else {
                end.eof();
            }
        }
        assert_eq!(client.saw, End::failed(HandshakeError::Ended));
        assert_eq!((server.saw.as_slice(), server.why()), (&[][..], vec![HandshakeError::Ended]));
    }
}

/// Its bound, and a moment before it.
#[test]
fn a_handshake_that_takes_too_long_is_given_up() {
    let (mut client, mut server) = dialed_by(client_config(), ROOM);
    let due_ms = MAX_HANDSHAKE.as_millis() as u64;
    for end in [&mut client, &mut server] {
        assert_eq!(end.machine.deadline(), Some(Instant::from_millis(due_ms)));
        end.feed(Input::Timeout, due_ms - 1);
        assert!(end.failures().is_empty());
        end.feed(Input::Timeout, due_ms);
        assert_eq!((end.failures(), &end.asked[..]), (vec![TlsError::TimedOut], &["abort"][..]));
        assert_eq!(end.machine.deadline(), None);
    }
    assert_eq!(client.saw, [Saw::ConnectFailed(0, "connecting timed out".to_owned())]);
    assert_eq!(server.saw, []);
}

/// A client with the usual verifier, that trusts this certificate.
fn client_that_trusts(certificate: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_details(seeded::provider().into(), Arc::new(seeded::TODAY));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth().into()
}

#[test]
fn certificates_that_do_not_fit_are_told_apart() {
    let other = CertificateDer::from_pem_slice(include_bytes!("certificates/other.pem")).unwrap();
    let ca = include_bytes!("certificates/ca.pem");
    let stranger = include_bytes!("certificates/p256.pem");
    let name = |name: &'static str| Some(ServerName::try_from(name).unwrap());
    for (config, name, expected) in [
        (client_that_trusts(ca), None, None),
        (client_that_trusts(ca), name("localhost"), None),
        (client_that_trusts(ca), name("elsewhere.example"), Some(HandshakeError::OtherName)),
        (client_that_trusts(stranger), None, Some(HandshakeError::Untrusted)),
        (seeded::client_config(&other), None, Some(HandshakeError::OtherCertificate)),
    ] {
        let mut client = End::new(|puppet| Tls::client(puppet, config, name, 1), Some(peer()));
        let mut server = End::server();
        client.tell(Do::Connect, 0);
        client.connected(ROOM);
        server.connected(ROOM);
        talk(&mut client, &mut server);
        let Some(why) = expected else {
            assert_eq!(client.saw, [Saw::Connected(0)]);
            continue;
        };
        assert_eq!((client.saw.as_slice(), client.why()), (&End::failed(why)[..], vec![why]));
        assert_eq!((server.saw.as_slice(), server.why()), (&[][..], vec![HandshakeError::Refused]));
    }
}

#[test]
fn a_direction_without_a_configuration_fails() {
    let mut server = End::new(|puppet| Tls::server(puppet, server_config(), 2), Some(peer()));
    server.tell(Do::Connect, 0);
    assert_eq!(server.saw, End::failed(HandshakeError::NotConfigured));
    server.tell(Do::Connect, 0);
    let mut client = End::client(client_config());
    client.connected(ROOM);
    assert_eq!(
        (client.asked.as_slice(), client.why()),
        (&["abort"][..], vec![HandshakeError::NotConfigured])
    );
    assert_eq!(client.saw, []);
}

#[test]
fn one_machine_can_be_both() {
    let both = |puppet| Tls::both(puppet, (client_config(), None), server_config(), 3);
    let (mut a, mut b) = (End::new(both, Some(peer())), End::new(both, None));
    a.tell(Do::Connect, 0);
    a.connected(ROOM);
    b.connected(ROOM);
    talk(&mut a, &mut b);
    assert_eq!((a.saw, b.saw), (vec![Saw::Connected(0)], vec![Saw::Connected(0)]));
}

#[test]
fn what_is_given_up_in_its_handshake_is_heard_of_no_more() {
    for action in [Do::Close(0), Do::Abort(0)] {
        let (mut client, _) = dialed_by(client_config(), ROOM);
        client.tell(action, 0);
        assert_eq!((client.asked.as_slice(), client.machine.deadline()), (&["abort"][..], None));
        let conn = client.conn();
        client.out.release(conn);
        client.feed(Input::Closed { conn, reason: CloseReason::Aborted }, 0);
        assert_eq!(client.saw, []);
        // Its name is free again.
        client.tell(Do::Connect, 0);
    }
}

/// A writer whose peer does not read: as much as two send buffers, and not one byte more.
#[test]
fn what_a_peer_does_not_read_stays_with_the_writer() {
    let (mut client, mut server) = connected();
    client.tell(Do::Write(0, 500_000), 0);
    let fitted: usize =
        client.saw.iter().map(|saw| if let Saw::Fitted(_, len) = saw { *len } else { 0 }).sum();
    let most = 2 * limits::SEND_BUFFER_LEN;
    assert!(fitted <= most && fitted >= limits::SEND_BUFFER_LEN, "{fitted} bytes");
    talk(&mut client, &mut server);
    let heard: usize =
        server.saw.iter().map(|saw| if let Saw::Received(_, len) = saw { *len } else { 0 }).sum();
    assert_eq!(heard, 500_000);
}

/// A writer of single bytes whose peer does not read: its room is counted in its own bytes, not in those of the records,
/// of 23 bytes each, that the stream has not taken.
#[test]
fn single_bytes_have_room_for_as_many() {
    let (mut client, mut server) = connected();
    let taken_len = limits::SEND_BUFFER_LEN / 23;
    for at in 0..taken_len + limits::SEND_BUFFER_LEN {
        client.tell(Do::Write(0, 1), 0);
        assert_eq!(client.saw.last(), Some(&Saw::Fitted(0, 1)), "byte {at}");
    }
    client.tell(Do::Write(0, 1), 0);
    assert_eq!(client.saw.last(), Some(&Saw::Fitted(0, 0)));
    talk(&mut client, &mut server);
    let heard: usize =
        server.saw.iter().map(|saw| if let Saw::Received(_, len) = saw { *len } else { 0 }).sum();
    assert_eq!(heard, taken_len + limits::SEND_BUFFER_LEN + 1);
}

/// A reader that pauses gets the rest of what came with one read only when it resumes.
#[test]
fn a_paused_stream_brings_neither_bytes_nor_the_end() {
    let (mut client, mut server) = connected();
    client.tell(Do::Write(0, 10), 0);
    client.tell(Do::Write(0, 10), 0);
    client.tell(Do::Close(0), 0);
    server.tell(Do::Pause(0), 0);
    let bytes = client.take(0);
    // As if all of it had been in the read that made it pause.
    server.received(&bytes, 0);
    assert_eq!((&server.saw[1..], &server.asked[..]), (&[][..], &["pause"][..]));
    server.tell(Do::Resume(0), 0);
    assert_eq!(server.saw[1..], [Saw::Received(0, 10), Saw::Received(0, 10), Saw::Eof(0)]);
}

#[test]
fn a_paused_stream_goes_on_once_everything_is_read() {
    let (mut client, mut server) = connected();
    client.tell(Do::Write(0, 10), 0);
    server.tell(Do::Pause(0), 0);
    let bytes = client.take(0);
    server.received(&bytes, 0);
    server.tell(Do::Resume(0), 0);
    assert_eq!(server.asked, ["pause", "resume"]);
    server.tell(Do::Resume(0), 0);
    assert_eq!(server.asked, ["pause", "resume"], "it was not paused");
}

/// Its bound, and a moment before it.
#[test]
fn what_was_written_leaves_before_the_end() {
    let linger_ms = limits::MAX_LINGER.as_millis() as u64;
    for reads in [true, false] {
        let (mut client, mut server) = dialed_by(client_config(), 20_000);
        talk(&mut client, &mut server);
        client.tell(Do::Write(0, 50_000), 0);
        client.tell(Do::Done, 0);
        assert_eq!(client.done, None, "not all has left");
        if reads {
            talk(&mut client, &mut server);
            assert_eq!(server.saw.last(), Some(&Saw::Eof(0)));
        } else {
            client.feed(Input::Timeout, linger_ms - 1);
            assert_eq!(client.done, None);
            client.feed(Input::Timeout, linger_ms);
        }
        assert_eq!((client.done, client.machine.deadline()), (Some(Status::Success), None));
        assert_eq!(client.out.take_misuse(), None);
    }
}

#[test]
fn a_close_waits_for_what_was_written_and_then_gives_up() {
    let linger_ms = limits::MAX_LINGER.as_millis() as u64;
    let (mut client, mut server) = dialed_by(client_config(), 20_000);
    talk(&mut client, &mut server);
    client.tell(Do::Write(0, 50_000), 0);
    client.tell(Do::Close(0), 0);
    client.feed(Input::Timeout, linger_ms - 1);
    assert!(client.asked.is_empty());
    client.feed(Input::Timeout, linger_ms);
    assert_eq!(client.asked, ["abort"]);
    let conn = client.conn();
    client.out.release(conn);
    client.feed(Input::Closed { conn, reason: CloseReason::Aborted }, linger_ms);
    assert_eq!(client.saw.last(), Some(&Saw::Closed(0, CloseReason::LingerExpired.to_string())));
}

#[test]
fn tls_1_2_is_spoken_too() {
    let provider = Arc::new(seeded::provider());
    let pinned = Pinned::new(fingerprint(&certificate()), &provider);
    let config = ClientConfig::builder_with_details(provider, Arc::new(seeded::TODAY))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    let (mut client, mut server) = dialed_by(config.into(), ROOM);
    talk(&mut client, &mut server);
    client.tell(Do::Write(0, 40_000), 0);
    client.tell(Do::Shutdown(0), 0);
    server.tell(Do::Write(0, 7), 0);
    talk(&mut client, &mut server);
    let heard: usize =
        server.saw.iter().map(|saw| if let Saw::Received(_, len) = saw { *len } else { 0 }).sum();
    assert_eq!((heard, server.saw.last()), (40_000, Some(&Saw::Eof(0))));
    assert_eq!(client.saw.last(), Some(&Saw::Received(0, 7)));
}

/// What the machine inside does wrong is seen outside.
#[test]
fn a_misuse_inside_is_one_outside() {
    struct Rude;
    impl lossproof::Machine for Rude {
        type Command = ();
        type Event = ();
        fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut lossproof::Outbox<()>) {
            if let Input::Start { .. } = input {
                let conn = out.connect(peer());
                let _ = out.write(conn, b"too early");
            }
        }
    }
    let mut out = Outlet::new();
    let mut machine = Tls::client(Rude, client_config(), None, 1);
    out.feed(&mut machine, Input::Start { local: peer() }, Instant::START);
    assert!(matches!(out.take_misuse(), Some(Misuse::NotOpen(_))));
}

/// Whatever comes, nobody panics; and a server says no more than it has to.
#[test]
fn noise_is_refused() {
    let mut noise = Randomness::new(7, 0);
    let bytes = |noise: &mut Randomness, len: usize| {
        let mut bytes = vec![0; len];
        noise.lend(|| seeded::provider().secure_random.fill(&mut bytes)).unwrap();
        bytes
    };
    for len in [1, 5, 6, 100, 20_000] {
        for kind in 18..=26 {
            let (mut client, mut server) = dialed_by(client_config(), ROOM);
            for end in [&mut client, &mut server] {
                let mut said = bytes(&mut noise, len);
                said[0] = kind;
                end.received(&said, 0);
                end.eof();
                assert_eq!(end.failures().len(), 1);
            }
        }
    }
}

#[test]
fn nothing_is_drawn_where_nothing_is_lent() {
    let client = ClientConnection::new(client_config(), "localhost".try_into().unwrap());
    assert!(client.is_err(), "it would draw from nobody knows where");
    let provider: CryptoProvider = seeded::provider();
    assert!(provider.secure_random.fill(&mut [0; 8]).is_err());
    let mut outer = Randomness::new(1, 0);
    let drawn = |randomness: &mut Randomness| {
        let mut bytes = [0; 8];
        randomness.lend(|| provider.secure_random.fill(&mut bytes)).unwrap();
        bytes
    };
    let first = drawn(&mut outer.clone());
    outer.lend(|| drawn(&mut Randomness::new(2, 0)));
    assert_eq!(drawn(&mut outer), first, "what is lent within takes nothing from it");
    assert_ne!(drawn(&mut outer), first);
    assert_ne!(drawn(&mut Randomness::new(1, 1)), first, "another stream of the seed");
}

#[test]
fn a_key_that_signs_with_randomness_is_refused() {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("certificates/p256.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/p256.key")).unwrap();
    let error = seeded::server_config(certificate, key).unwrap_err().to_string();
    assert!(error.contains("Ed25519"), "{error}");
}
