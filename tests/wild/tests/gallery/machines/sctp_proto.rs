//! `sctp-proto` 0.10.8: SCTP as WebRTC has it. A client sends messages on a stream, in order; the server echoes them. Ids and
//! cookies are drawn from the system, so a run does not repeat: laws 4, 5 and 6 are given up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use lossproof::fault::FaultKind;
use lossproof::parts::clocks::StdClock;
use lossproof::{Chance, Host, Input, Instant, Machine, Net, Outbox, Peer, Profile, Promises};
use lossproof_wild::{check, finding, holds, std_clock};
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier::Binary, ServerConfig, StreamEvent, Transmit,
};

const COUNT: u32 = 10;

struct End {
    endpoint: Endpoint,
    /// One at a time.
    association: Option<(AssociationHandle, Association)>,
    clock: StdClock,
    server: Option<SocketAddr>,
    /// What is to be sent once there is a stream.
    waiting: Vec<u32>,
    is_open: bool,
    timeout_at: Option<Instant>,
}

#[derive(Debug, PartialEq)]
enum Heard {
    Number(u32),
    Lost,
}

impl End {
    fn new(server: Option<Peer>) -> Self {
        let config = server.is_none().then(|| Arc::new(ServerConfig::default()));
        Self {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::default()), config),
            association: None,
            clock: std_clock(),
            server: server.as_ref().and_then(Peer::inet),
            waiting: Vec::new(),
            is_open: false,
            timeout_at: None,
        }
    }

    fn send(transmit: Transmit, out: &mut Outbox<Heard>) {
        if let Payload::RawEncode(datagrams) = transmit.payload {
            datagrams.iter().for_each(|bytes| out.send(transmit.remote.into(), bytes));
        }
    }

    fn hear(association: &mut Association, event: &Event, is_server: bool, out: &mut Outbox<Heard>) -> bool {
        match event {
            Event::Connected if !is_server => {
                association.open_stream(1, Binary).expect("it is free");
                return true;
            }
            Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => out.event(Heard::Lost),
            Event::Stream(StreamEvent::Readable { id }) => {
                let Ok(mut stream) = association.stream(*id) else { return false };
                while let Ok(Some(chunks)) = stream.read() {
                    let mut message = vec![0; chunks.len()];
                    chunks.read(&mut message).expect("it is as long");
                    let number = message[..4].try_into().expect("four bytes");
                    out.event(Heard::Number(u32::from_be_bytes(number)));
                    if is_server {
                        // One that is over takes nothing.
                        let _ = stream.write_with_ppi(&message, Binary);
                    }
                }
            }
            _ => {}
        }
        false
    }

    /// Hands on what endpoint and association have for each other, until they have no more.
    fn settle(&mut self, now: StdInstant, out: &mut Outbox<Heard>) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            Self::send(transmit, out);
        }
        let Some((handle, association)) = &mut self.association else { return };
        while let Some(event) = association.poll() {
            self.is_open |= Self::hear(association, &event, self.server.is_none(), out);
        }
        if self.is_open && !association.is_closed() {
            let mut stream = association.stream(1).expect("it was opened");
            for number in self.waiting.drain(..) {
                // Four bytes, and some that make it longer than a packet now and then.
                let message = [&number.to_be_bytes()[..], &vec![0; number as usize * 300]].concat();
                // One that is over takes nothing.
                let _ = stream.write_with_ppi(&message, Binary);
            }
        }
        while let Some(event) = association.poll_endpoint_event() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                association.handle_event(event);
            }
        }
        while let Some(transmit) = association.poll_transmit(now) {
            Self::send(transmit, out);
        }
    }
}

impl Machine for End {
    type Command = u32;
    type Event = Heard;

    fn handle(&mut self, input: Input<'_, u32>, at: Instant, out: &mut Outbox<Heard>) {
        let now = self.clock.at(at);
        match input {
            Input::Start { .. } => {
                if let Some(server) = self.server {
                    let connected = self.endpoint.connect(ClientConfig::default(), server);
                    self.association = Some(connected.expect("there is room"));
                }
            }
            Input::Command(&number) => self.waiting.push(number),
            Input::Datagram { peer, bytes, .. } => {
                let from = peer.inet().expect("an internet address");
                match self.endpoint.handle(now, from, None, None, bytes.to_vec().into()) {
                    Some((handle, DatagramEvent::NewAssociation(association))) => {
                        self.association = Some((handle, association));
                    }
                    Some((_, DatagramEvent::AssociationEvent(event))) => {
                        if let Some((_, association)) = &mut self.association {
                            association.handle_event(event);
                        }
                    }
                    None => {}
                }
            }
            Input::Timeout => {
                if let Some((_, association)) = &mut self.association {
                    association.handle_timeout(now);
                }
            }
            _ => {}
        }
        self.settle(now, out);
        let timeout = self.association.as_ref().and_then(|(_, association)| association.poll_timeout());
        // In `connect` it reads the clock of the system by itself: to the millisecond that makes no difference.
        let up_to_millis = |at: Instant| Instant::from_millis(at.as_nanos().div_ceil(1_000_000));
        self.timeout_at = timeout.map(|shown| up_to_millis(self.clock.moment(shown)));
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout_at
    }
}

fn net() -> (Net, [Host<End>; 2]) {
    let net = Net::new("sctp-proto");
    net.max_time(Duration::from_secs(90));
    net.decode(shown);
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    let promises = Promises::DEFAULT.not_repeatable();
    let server = net.host("server").udp(5000).promises(promises).machine(|_| End::new(None));
    let client = net.host("client").udp(5000).promises(promises);
    let client = client.machine(move |boot| End::new(Some(boot.peer(server))));
    for number in 0..COUNT {
        net.command(Instant::from_millis(100 + 100 * u64::from(number)), client, number);
    }
    for end in [server, client] {
        net.fold(format!("messages come once and in order, at {end:?}"), || 0).on(end, |next, heard, _| {
            match heard {
                Heard::Number(number) if number != next => Err(format!("{number} instead of {next}")),
                Heard::Number(_) => {
                    *next += 1;
                    Ok(())
                }
                Heard::Lost => Ok(()),
            }
        });
    }
    (net, [server, client])
}

/// The chunks of a packet by their types (RFC 4960 section 3.2). All else is drawn from the system.
fn shown(packet: &[u8]) -> Option<String> {
    let mut chunks = packet.get(12..)?;
    let mut names = Vec::new();
    while let [kind, _, high, low, ..] = chunks {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        names.push(match kind {
            0 => "DATA".to_owned(),
            1 => "INIT".to_owned(),
            2 => "INIT ACK".to_owned(),
            3 => "SACK".to_owned(),
            6 => "ABORT".to_owned(),
            10 => "COOKIE ECHO".to_owned(),
            11 => "COOKIE ACK".to_owned(),
            other => format!("chunk {other}"),
        });
        chunks = chunks.get(len.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(format!("{}, {} bytes", names.join(" + "), packet.len()))
}

/// That the server may lose what the client does not know to be lost is the finding below.
#[test]
fn messages_are_echoed_or_the_association_is_lost() {
    let (net, [server, client]) = net();
    net.converges_within(
        "the client has all echoes, or an end knows better",
        Duration::from_secs(80),
        100_000,
        move |run| {
            let heard = run.events(client);
            heard.len() == COUNT as usize
                || [server, client].iter().any(|end| run.events(*end).contains(&Heard::Lost))
        },
    );
    holds("sctp-proto", check(net, 2_000).calm_at(Instant::from_millis(6_000)));
}

/// See `examples/sctp_late_init.rs`.
#[test]
fn an_init_that_is_late_ends_an_association_that_works() {
    let late = || {
        let (net, [server, client]) = net();
        net.never("an end loses an association on a network that loses nothing", move |run| {
            [server, client].iter().any(|end| run.events(*end).contains(&Heard::Lost))
        });
        check(net, 500)
    };
    let reordered =
        Profile { reorder: Chance::percent(20), reorder_by: Duration::from_secs(4), ..Profile::CALM };
    finding("sctp-late-init", || late().profile(reordered), "v2; client>server #0 delay 4s");
}
