//! Both ends of QUIC as a machine: an endpoint with its connections, and an application that echoes.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use lossproof::machine::Ecn;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use quinn_proto::congestion::NewRenoConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, ConnectionId, ConnectionIdGenerator, DatagramEvent, Dir,
    EcnCodepoint, Endpoint, EndpointConfig, Event, ServerConfig, StreamEvent, StreamId, TransportConfig,
    VarInt,
};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::tls::{self, Randomness};

/// What an application hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Connected,
    Echo(String),
    Lost(String),
    /// Nothing more will be sent or heard.
    Drained,
}

/// One connection, and what is being said on its stream.
struct Talk {
    connection: Connection,
    /// What a client says as soon as it can.
    say: Option<&'static str>,
    stream: Option<StreamId>,
    heard: Vec<u8>,
}

/// How often an end is told at one moment, at most, that a timeout is due: a further one may be due at once.
const MAX_TIMEOUTS: u32 = 100;

/// One end. A client has the address of its server.
pub(crate) struct Quic {
    endpoint: Endpoint,
    server: Option<SocketAddr>,
    /// The start of the run, by the clock of the standard library.
    base: StdInstant,
    randomness: Randomness,
    heeds_marks: bool,
    /// How often a connection has slowed down.
    congestions: u64,
    generator: Pcg64,
    talks: BTreeMap<ConnectionHandle, Talk>,
    writes: VecDeque<(SocketAddr, Vec<u8>, Ecn)>,
    heard: VecDeque<Heard>,
    timeout_at: Option<Instant>,
}

/// Connection ids that a seed draws.
struct Ids(Pcg64);

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.next_u64().to_be_bytes())
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

/// The defaults, but for what floating-point arithmetic decides, and for probes of the path's MTU.
fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .congestion_controller_factory(Arc::new(NewRenoConfig::default()))
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false);
    Arc::new(config)
}

impl Quic {
    /// A client of this server, or a server, whose randomness is drawn from `seed`, that of its TLS if it is to be.
    pub(crate) fn new(seed: u64, randomness: Randomness, server: Option<Peer>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any moment will do as that at which the run starts")]
        let base = StdInstant::now();
        let mut generator = Pcg64::seed_from_u64(seed);
        let mut bytes = [0; 32];
        generator.fill_bytes(&mut bytes);
        let ids = generator.next_u64();
        let mut config = EndpointConfig::new(Arc::new(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes)));
        config.rng_seed(Some(bytes)).cid_generator(move || Box::new(Ids(Pcg64::seed_from_u64(ids))));
        let config_of_server = server.is_none().then(|| {
            let token_key = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[]).extract(&bytes);
            let mut config = ServerConfig::new(Arc::new(tls::server(randomness)), Arc::new(token_key));
            config.transport_config(transport()).time_source(Arc::new(tls::Stopped));
            Arc::new(config)
        });
        Self {
            endpoint: Endpoint::new(Arc::new(config), config_of_server, true, None),
            server: server.map(inet),
            base,
            randomness,
            heeds_marks: false,
            congestions: 0,
            generator,
            talks: BTreeMap::new(),
            writes: VecDeque::new(),
            heard: VecDeque::new(),
            timeout_at: None,
        }
    }

    /// Has it send the ECN fields that QUIC wants, and read them. Its packets then count marks, too (RFC 9000, section 19.3.2).
    #[allow(dead_code, reason = "who shares this file may leave marks alone")]
    pub(crate) const fn heeding_marks(mut self) -> Self {
        self.heeds_marks = true;
        self
    }

    /// How often a connection has slowed down.
    #[allow(dead_code, reason = "as above")]
    pub(crate) const fn congestions(&self) -> u64 {
        self.congestions
    }

    /// Does something to the end that may draw at random, then all that follows from it.
    fn step(&mut self, now: StdInstant, act: impl FnOnce(&mut Self)) {
        let mut generator = self.generator.clone();
        tls::drawing_from(&mut generator, || {
            act(self);
            self.settle(now);
        });
        self.generator = generator;
    }

    fn receive(&mut self, from: SocketAddr, (bytes, ecn): (&[u8], Ecn), now: StdInstant) {
        let ecn = if self.heeds_marks { EcnCodepoint::from_bits(ecn.bits()) } else { None };
        let mut reply = Vec::new();
        match self.endpoint.handle(now, from, None, ecn, bytes.into(), &mut reply) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(talk) = self.talks.get_mut(&handle) {
                    talk.connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                match self.endpoint.accept(incoming, now, &mut reply, None) {
                    Ok((handle, connection)) => self.add(handle, connection, None),
                    Err(refused) => self.transmit(refused.response, &reply),
                }
            }
            Some(DatagramEvent::Response(transmit)) => self.transmit(Some(transmit), &reply),
            None => {}
        }
    }

    fn add(&mut self, handle: ConnectionHandle, connection: Connection, say: Option<&'static str>) {
        self.talks.insert(handle, Talk { connection, say, stream: None, heard: Vec::new() });
    }

    fn transmit(&mut self, transmit: Option<quinn_proto::Transmit>, bytes: &[u8]) {
        self.writes
            .extend(transmit.map(|transmit| {
                (transmit.destination, bytes[..transmit.size].to_vec(), field(transmit.ecn))
            }));
    }

    /// Hands on what connections, endpoint and application have for one another, until they have no more.
    fn settle(&mut self, now: StdInstant) {
        for (&handle, talk) in &mut self.talks {
            loop {
                while let Some(event) = talk.connection.poll() {
                    talk.hear(event, now, &mut self.heard);
                }
                let mut bytes = Vec::new();
                if let Some(transmit) = talk.connection.poll_transmit(now, 1, &mut bytes) {
                    self.writes.push_back((transmit.destination, bytes, field(transmit.ecn)));
                } else if let Some(event) = talk.connection.poll_endpoint_events() {
                    if let Some(event) = self.endpoint.handle_event(handle, event) {
                        talk.connection.handle_event(event);
                    }
                } else {
                    break;
                }
            }
            self.congestions = self.congestions.max(talk.connection.stats().path.congestion_events);
        }
        self.talks.retain(|_, talk| {
            if talk.connection.is_drained() {
                self.heard.push_back(Heard::Drained);
            }
            !talk.connection.is_drained()
        });
    }
}

impl Talk {
    fn hear(&mut self, event: Event, now: StdInstant, heard: &mut VecDeque<Heard>) {
        match event {
            Event::Connected => {
                heard.push_back(Heard::Connected);
                if let Some(text) = self.say.take() {
                    self.stream = self.connection.streams().open(Dir::Bi);
                    self.write(text.as_bytes());
                }
            }
            Event::ConnectionLost { reason } => heard.push_back(Heard::Lost(reason.to_string())),
            Event::Stream(StreamEvent::Opened { dir }) => {
                self.stream = self.connection.streams().accept(dir);
                self.read(now, heard);
            }
            Event::Stream(StreamEvent::Readable { .. }) => self.read(now, heard),
            _ => {}
        }
    }

    /// Writes a whole message and ends it. It is shorter than any window.
    fn write(&mut self, bytes: &[u8]) {
        let Some(stream) = self.stream else { return };
        let mut stream = self.connection.send_stream(stream);
        let written = stream.write(bytes).expect("a new stream takes bytes");
        assert_eq!(written, bytes.len(), "the message is shorter than the window");
        stream.finish().expect("it is not finished yet");
    }

    /// Reads what there is. At its end a server says it back; a client hears the echo, and leaves.
    fn read(&mut self, now: StdInstant, heard: &mut VecDeque<Heard>) {
        let Some(id) = self.stream else { return };
        let mut stream = self.connection.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return };
        let ended = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => self.heard.extend_from_slice(&chunk.bytes),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        // Credit is sent with the next packets.
        let _ = chunks.finalize();
        if !ended {
            return;
        }
        let text = std::mem::take(&mut self.heard);
        if self.connection.side().is_server() {
            self.write(&text);
        } else {
            heard.push_back(Heard::Echo(String::from_utf8_lossy(&text).into_owned()));
            self.connection.close(now, VarInt::from_u32(0), "done".into());
        }
    }
}

impl Quic {
    fn connect(&mut self, to: SocketAddr, text: &'static str, now: StdInstant) {
        let first_id = self.generator.next_u64().to_be_bytes();
        let mut config = ClientConfig::new(Arc::new(tls::client(self.randomness)));
        config.transport_config(transport());
        config.initial_dst_cid_provider(Arc::new(move || ConnectionId::new(&first_id)));
        match self.endpoint.connect(now, config, to, "localhost") {
            Ok((handle, connection)) => self.add(handle, connection, Some(text)),
            Err(error) => self.heard.push_back(Heard::Lost(error.to_string())),
        }
    }

    /// When a timeout is due next. It may change what it says only when it is asked again, so it is asked with `mut`.
    fn timeout_at(&mut self) -> Option<Instant> {
        let next = self.talks.values_mut().filter_map(|talk| talk.connection.poll_timeout()).min();
        next.map(|at| Instant::START + at.saturating_duration_since(self.base))
    }
}

impl Machine for Quic {
    type Command = &'static str;
    type Event = Heard;

    fn handle(&mut self, input: Input<'_, &'static str>, at: Instant, out: &mut Outbox<Heard>) {
        let now = self.base + at.since_start();
        match (input, self.server) {
            (Input::Command(text), Some(server)) => self.step(now, |quic| quic.connect(server, text, now)),
            (Input::Datagram { peer, bytes, ecn, .. }, _) => {
                self.step(now, |quic| quic.receive(inet(peer), (bytes, ecn), now));
            }
            (Input::Timeout, _) => {
                for _ in 0..MAX_TIMEOUTS {
                    self.step(now, |quic| {
                        quic.talks.values_mut().for_each(|talk| talk.connection.handle_timeout(now));
                    });
                    if self.timeout_at().is_none_or(|due_at| due_at > at) {
                        break;
                    }
                }
            }
            _ => {}
        }
        for (to, bytes, ecn) in self.writes.drain(..) {
            out.set_ecn(if self.heeds_marks { ecn } else { Ecn::NotEct });
            out.send(to.into(), &bytes);
        }
        for heard in self.heard.drain(..) {
            match heard {
                Heard::Drained if self.server.is_some() => out.done(Status::Success),
                heard => out.event(heard),
            }
        }
        self.timeout_at = self.timeout_at();
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout_at
    }
}

/// The field of a datagram that quinn sends.
fn field(ecn: Option<EcnCodepoint>) -> Ecn {
    ecn.map_or(Ecn::NotEct, |ecn| Ecn::from_bits(ecn as u8))
}

fn inet(peer: Peer) -> SocketAddr {
    peer.inet().expect("an internet address")
}
