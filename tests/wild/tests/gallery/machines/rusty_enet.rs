//! `rusty_enet` 0.4.1: a port of `ENet`, reliable packets in order over datagrams. A client says twelve, some in fragments.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};
use rusty_enet as enet;

const TICK: Duration = Duration::from_millis(20);

type Datagrams = Rc<RefCell<VecDeque<(SocketAddr, Vec<u8>)>>>;

/// A socket whose datagrams the wrapper carries.
#[derive(Clone, Default)]
struct Carried {
    incoming: Datagrams,
    outgoing: Datagrams,
}

impl enet::Socket for Carried {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<usize, Infallible> {
        self.outgoing.borrow_mut().push_back((to, bytes.to_vec()));
        Ok(bytes.len())
    }
    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<(SocketAddr, enet::PacketReceived)>, Infallible> {
        Ok(self.incoming.borrow_mut().pop_front().map(|(from, bytes)| {
            let len = bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&bytes[..len]);
            (from, enet::PacketReceived::Complete(len))
        }))
    }
}

struct End {
    host: enet::Host<Carried>,
    socket: Carried,
    clock: Rc<Cell<Duration>>,
    begun_at: Option<Instant>,
    tick_at: Option<Instant>,
    /// What is to be said once the other end is connected.
    waiting: Vec<(u8, usize)>,
    server: Option<Peer>,
    is_connected: bool,
}

#[derive(Debug, PartialEq)]
enum Heard {
    Connected,
    /// The first byte of a packet, and its length.
    Packet(u8, usize),
    Lost,
}

impl End {
    fn new(seed: u64, server: Option<Peer>) -> Self {
        let (socket, clock) = (Carried::default(), Rc::new(Cell::new(Duration::from_secs(1))));
        let shown = clock.clone();
        let settings = enet::HostSettings {
            peer_limit: 4,
            channel_limit: 2,
            time: Box::new(move || shown.get()),
            seed: Some(seed as u32),
            ..Default::default()
        };
        let host = enet::Host::new(socket.clone(), settings).expect("the settings are valid");
        let waiting = Vec::new();
        Self { host, socket, clock, begun_at: None, tick_at: None, waiting, server, is_connected: false }
    }
}

impl Machine for End {
    /// A packet: its first byte, and its length.
    type Command = (u8, usize);
    type Event = Heard;

    fn handle(&mut self, input: Input<'_, (u8, usize)>, now: Instant, out: &mut Outbox<Heard>) {
        let begun_at = *self.begun_at.get_or_insert(now);
        self.clock.set(Duration::from_secs(1) + now.since(begun_at));
        match input {
            Input::Start { .. } => {
                self.tick_at = Some(now + TICK);
                if let Some(server) = self.server.as_ref().and_then(Peer::inet) {
                    self.host.connect(server, 2, 0).expect("there is room for a peer");
                }
            }
            Input::Timeout => self.tick_at = Some(now + TICK),
            Input::Command(&packet) => self.waiting.push(packet),
            Input::Datagram { peer, bytes, .. } => {
                let from = peer.inet().expect("an internet address");
                self.socket.incoming.borrow_mut().push_back((from, bytes.to_vec()));
            }
            _ => {}
        }
        while let Some(event) = self.host.service().expect("the socket takes all") {
            let heard = match event {
                enet::Event::Connect { .. } => Heard::Connected,
                enet::Event::Disconnect { .. } => Heard::Lost,
                enet::Event::Receive { packet, .. } => Heard::Packet(packet.data()[0], packet.data().len()),
            };
            self.is_connected = heard != Heard::Lost;
            out.event(heard);
        }
        if self.is_connected {
            for (first, len) in self.waiting.drain(..) {
                let peer = self.host.connected_peers_mut().next().expect("it is connected");
                peer.send(0, &enet::Packet::reliable(vec![first; len])).expect("the packet is short");
            }
        }
        self.host.flush();
        for (to, bytes) in self.socket.outgoing.borrow_mut().drain(..) {
            out.send(to.into(), &bytes);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

const COUNT: u8 = 12;

fn net() -> (Net, [Host<End>; 2]) {
    let net = Net::new("rusty_enet");
    net.max_time(Duration::from_secs(40));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    let server = net.host("server").udp(1234).machine(|boot| End::new(boot.seed(), None));
    let client = net.host("client").udp(1234);
    let client = client.machine(move |boot| End::new(boot.seed(), Some(boot.peer(server))));
    for number in 0..COUNT {
        let len = if number % 3 == 2 { 4_000 } else { 100 };
        net.command(Instant::from_millis(100 + 100 * u64::from(number)), client, (number, len));
    }
    net.fold("packets come once and in order", || 0).on(server, |next, heard, _| match heard {
        Heard::Packet(first, _) if *first != *next => Err(format!("{first} instead of {next}")),
        Heard::Packet(..) => {
            *next += 1;
            Ok(())
        }
        Heard::Connected | Heard::Lost => Ok(()),
    });
    (net, [server, client])
}

#[test]
fn packets_arrive_or_the_connection_is_lost() {
    let (net, [server, client]) = net();
    net.converges_within(
        "all packets arrive, or the client knows better",
        Duration::from_secs(32),
        100_000,
        move |run| {
            run.events(client).contains(&Heard::Lost)
                || run.events(server).iter().filter(|heard| matches!(heard, Heard::Packet(..))).count() == 12
        },
    );
    holds("rusty_enet", check(net, 500).calm_at(Instant::from_millis(5_000)));
}
