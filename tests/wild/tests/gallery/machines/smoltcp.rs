//! `smoltcp` 0.14: TCP over IP packets, each in a datagram. A client sends 20,000 bytes, the server counts what comes.

use std::collections::VecDeque;
use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const LEN: usize = 20_000;

/// A link whose packets the wrapper carries.
#[derive(Default)]
struct Link {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Incoming(Vec<u8>);
struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut packet = vec![0; len];
        let result = fill(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Link {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: SmolInstant) -> Option<(Incoming, Outgoing<'_>)> {
        Some((Incoming(self.incoming.pop_front()?), Outgoing(&mut self.outgoing)))
    }
    fn transmit(&mut self, _: SmolInstant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }
    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = (Medium::Ip, 1500);
        capabilities
    }
}

struct End {
    link: Link,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
    peer: Peer,
    is_client: bool,
    begun_at: Option<Instant>,
    poll_at: Option<Instant>,
    sent_len: usize,
    received_len: usize,
    is_over: bool,
}

#[derive(Debug, PartialEq)]
enum Told {
    /// How many bytes came, all as they were sent.
    All(usize),
    Wrong(usize),
    Aborted,
}

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

impl End {
    fn new(seed: u64, number: u8, peer: Peer) -> Self {
        let mut link = Link::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut link, SmolInstant::ZERO);
        interface.update_ip_addrs(|all| {
            all.push(IpCidr::new(IpAddress::v4(10, 0, 0, number), 24)).expect("there is room");
        });
        let buffer = || tcp::SocketBuffer::new(vec![0; 4_096]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_timeout(Some(smoltcp::time::Duration::from_secs(60)));
        let is_client = number == 2;
        if is_client {
            let server = (IpAddress::v4(10, 0, 0, 1), 80);
            socket.connect(interface.context(), server, 49_152).expect("the socket is new");
        } else {
            socket.listen(80).expect("the socket is new");
        }
        let mut sockets = SocketSet::new(vec![]);
        let tcp = sockets.add(socket);
        let (begun_at, poll_at) = (None, None);
        let (sent_len, received_len, is_over) = (0, 0, false);
        Self {
            link,
            interface,
            sockets,
            tcp,
            peer,
            is_client,
            begun_at,
            poll_at,
            sent_len,
            received_len,
            is_over,
        }
    }

    fn talk(&mut self, out: &mut Outbox<Told>) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.tcp);
        while self.is_client && self.sent_len < LEN && socket.can_send() {
            let bytes: Vec<_> = (self.sent_len..LEN).take(1_000).map(byte).collect();
            self.sent_len += socket.send_slice(&bytes).expect("it can");
            if self.sent_len == LEN {
                socket.close();
            }
        }
        let mut bytes = [0; 1_000];
        while socket.can_recv() {
            let len = socket.recv_slice(&mut bytes).expect("it can");
            if bytes[..len].iter().zip(self.received_len..).any(|(it, at)| *it != byte(at)) {
                out.event(Told::Wrong(self.received_len));
            }
            self.received_len += len;
        }
        if self.is_over {
            return;
        }
        if !self.is_client && socket.state() == tcp::State::CloseWait {
            socket.close();
            self.is_over = true;
            out.event(Told::All(self.received_len));
        } else if socket.state() == tcp::State::Closed {
            self.is_over = true;
            out.event(Told::Aborted);
        }
    }
}

impl Machine for End {
    type Command = ();
    type Event = Told;

    fn handle(&mut self, input: Input<'_, ()>, at: Instant, out: &mut Outbox<Told>) {
        let begun_at = *self.begun_at.get_or_insert(at);
        let now = SmolInstant::from_micros((at.since(begun_at).as_nanos() / 1_000) as i64);
        if let Input::Datagram { bytes, .. } = input {
            self.link.incoming.push_back(bytes.to_vec());
        }
        // Twice: what the application does wants to be sent, too.
        for _ in 0..2 {
            self.interface.poll(now, &mut self.link, &mut self.sockets);
            self.talk(out);
        }
        self.link.outgoing.drain(..).for_each(|packet| out.send(self.peer, &packet));
        let wait = self.interface.poll_delay(now, &self.sockets);
        self.poll_at = wait.map(|wait| at + Duration::from_micros(wait.total_micros()));
    }

    fn deadline(&self) -> Option<Instant> {
        self.poll_at
    }
}

fn net() -> (Net, [Host<End>; 2]) {
    let net = Net::new("smoltcp");
    net.max_time(Duration::from_mins(4));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    let (server, client) = (net.host("server").udp(1), net.host("client").udp(1));
    let (server_id, client_id) = (server.id(), client.id());
    let server = server.machine(move |boot| End::new(boot.seed(), 1, boot.peer(client_id)));
    let client = client.machine(move |boot| End::new(boot.seed(), 2, boot.peer(server_id)));
    net.never("other bytes come than were sent", move |run| {
        run.events(server).iter().any(|told| match told {
            Told::Wrong(_) => true,
            Told::All(len) => *len != LEN,
            Told::Aborted => false,
        })
    });
    (net, [server, client])
}

#[test]
fn a_stream_arrives_whole_or_is_aborted() {
    let (net, [server, client]) = net();
    net.converges_within("all comes, or an end has given up", Duration::from_mins(3), 100_000, move |run| {
        !run.events(server).is_empty() || run.events(client).contains(&Told::Aborted)
    });
    holds("smoltcp", check(net, 500).calm_at(Instant::from_millis(10_000)));
}
