//! How fast a stream of segments is, beside the same TCP in a loop of its own, and beside what theory allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::fault::{Bandwidth, Chance, DatagramFault, Fault, Profile, StreamKind};
use lossproof::machine::Conn;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Promises, Scenario};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::Instant as Tick;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint, Ipv4Address};

/// How many bytes are transferred.
const LEN: usize = 1_000_000;
/// How much the link carries, in bits a second, and how much may wait for it, in bytes.
const RATE: u64 = 10_000_000;
const QUEUE_LEN: u32 = 64 * 1024;
/// How long a packet takes.
const LATENCY: Duration = Duration::from_millis(20);
/// How many of a hundred packets are lost.
const LOSS: u32 = 1;
/// How many transfers are made on either side.
const TRANSFERS: u64 = 8;

struct Sender {
    to: Peer,
    left_len: usize,
}

impl Sender {
    fn go_on(&mut self, conn: Conn, out: &mut Outbox<()>) {
        self.left_len -= out.write(conn, &vec![b'x'; self.left_len]);
        if self.left_len == 0 {
            out.close(conn);
        }
    }
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.to),
            Input::Connected { conn, .. } => self.go_on(conn, out),
            Input::Writable { conn } if self.left_len > 0 => self.go_on(conn, out),
            _ => {}
        }
    }
}

/// Tells when it has read all.
#[derive(Default)]
struct Receiver {
    read_len: usize,
}

impl Machine for Receiver {
    type Command = ();
    type Event = Instant;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Instant>) {
        match input {
            Input::Received { bytes, .. } => {
                self.read_len += bytes.len();
                if self.read_len == LEN {
                    out.event(now);
                }
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Which packets are lost: whether the sender's, and their numbers.
type Lost = BTreeSet<(bool, u64)>;

/// How long a transfer takes in the engine, and which packets were lost.
fn in_engine(engine: &mut Engine<'_>, receiver: Host<Receiver>, seed: u64) -> (Duration, Lost) {
    let profile = Profile {
        latency: LATENCY,
        loss: Chance::percent(LOSS),
        bandwidth: Some(Bandwidth::bits(RATE, QUEUE_LEN)),
        ..Profile::CALM
    };
    let settings = Settings {
        seed,
        profile,
        plan: Prepared::default(),
        laws: None,
        keep: Keep::Outcome,
        ..Settings::default()
    };
    engine.run(&settings);
    let [told_at] = engine.view().events(receiver) else { panic!("seed {seed}: not all has arrived") };
    let plan = engine.plan(&settings);
    let lost = |fault: &Fault| match fault {
        Fault::Datagram { flow, n, fault: DatagramFault::Drop } => Some((flow.from == "sender", *n)),
        _ => None,
    };
    (told_at.since_start(), plan.faults().iter().filter_map(lost).collect())
}

/// One end of the plain loop.
struct Plain {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// When the line is free again.
    free_at: i64,
    /// How many packets were sent.
    sent: u64,
}

/// What goes in and out of an end while it is polled.
struct Line {
    incoming: Option<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct In(Vec<u8>);

impl RxToken for In {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct Out<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Out<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let written = write(&mut packet);
        self.0.push(packet);
        written
    }
}

impl Device for Line {
    type RxToken<'a> = In;
    type TxToken<'a> = Out<'a>;

    fn receive(&mut self, _: Tick) -> Option<(In, Out<'_>)> {
        Some((In(self.incoming.take()?), Out(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Tick) -> Option<Out<'_>> {
        Some(Out(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1_500;
        capabilities
    }
}

const ADDRESSES: [Ipv4Address; 2] = [Ipv4Address::new(10, 0, 0, 1), Ipv4Address::new(10, 0, 0, 2)];
const PORT: u16 = 7;

impl Plain {
    fn new(side: usize, seed: u64) -> Self {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed * 2 + side as u64 + 1;
        let mut line = Line { incoming: None, outgoing: Vec::new() };
        let mut interface = Interface::new(config, &mut line, Tick::from_micros(0));
        let own = IpAddress::Ipv4(ADDRESSES[side]);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(own, 32)).expect("there is room"));
        let buffer = || SocketBuffer::new(vec![0; 64 * 1024]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_congestion_control(CongestionControl::Reno);
        socket.set_nagle_enabled(false);
        if side == 0 {
            socket.listen(IpListenEndpoint { addr: Some(own), port: PORT }).expect("a port");
        } else {
            let peer = IpEndpoint::new(IpAddress::Ipv4(ADDRESSES[0]), PORT);
            socket.connect(interface.context(), peer, (own, 49_152)).expect("addresses of one family");
        }
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self { interface, sockets, handle, free_at: 0, sent: 0 }
    }
}

/// How long a transfer takes in a loop that has nothing but smoltcp and a line.
fn in_plain_loop(seed: u64, lost: &Lost) -> Duration {
    let mut ends = [Plain::new(0, seed), Plain::new(1, seed)];
    let mut arrivals: BTreeMap<(i64, u64), (usize, Vec<u8>)> = BTreeMap::new();
    let (mut now, mut count, mut left_len, mut read_len) = (0_i64, 0_u64, LEN, 0);
    loop {
        let arrival = arrivals.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= now);
        let arrived = arrival.and_then(|_| arrivals.pop_first()).map(|(_, arrived)| arrived);
        for (side, end) in ends.iter_mut().enumerate() {
            let incoming = arrived.as_ref().filter(|(to, _)| *to == side).map(|(_, packet)| packet.clone());
            let mut line = Line { incoming, outgoing: Vec::new() };
            for _ in 0..2 {
                end.interface.poll(Tick::from_micros(now), &mut line, &mut end.sockets);
                let socket = end.sockets.get_mut::<Socket<'_>>(end.handle);
                if side == 0 {
                    while socket.can_recv() {
                        read_len += socket.recv(|bytes| (bytes.len(), bytes.len())).expect("it is open");
                    }
                } else if socket.can_send() && left_len > 0 {
                    left_len -= socket.send_slice(&vec![b'x'; left_len]).expect("it is open");
                }
            }
            for packet in line.outgoing {
                let n = end.sent;
                end.sent += 1;
                let backlog = (end.free_at - now).max(0).cast_unsigned() * RATE / 8 / 1_000_000;
                if backlog + packet.len() as u64 > u64::from(QUEUE_LEN) {
                    continue;
                }
                end.free_at =
                    end.free_at.max(now) + (packet.len() as u64 * 8 * 1_000_000 / RATE).cast_signed();
                if !lost.contains(&(side == 1, n)) {
                    count += 1;
                    arrivals.insert((end.free_at + LATENCY.as_micros() as i64, count), (1 - side, packet));
                }
            }
        }
        if read_len == LEN {
            return Duration::from_micros(now.unsigned_abs());
        }
        let mut next = arrivals.first_key_value().map(|((at, _), _)| *at);
        for end in &mut ends {
            let polls_at = end.interface.poll_at(Tick::from_micros(now), &end.sockets);
            next = next.into_iter().chain(polls_at.map(|at| at.total_micros().max(now + 1))).min();
        }
        now = next.expect("something is due until all has arrived").max(now);
    }
}

/// How many bits a second a transfer has, of the mean of these times.
fn rate(times: impl Iterator<Item = Duration>) -> f64 {
    let seconds: f64 = times.map(|time| time.as_secs_f64()).sum::<f64>() / TRANSFERS as f64;
    LEN as f64 * 8.0 / seconds
}

/// What Reno reaches at most where packets are lost at random (Mathis, Semke, Mahdavi, Ott: "The Macroscopic Behavior of the
/// TCP Congestion Avoidance Algorithm", 1997): MSS / RTT · √(3/2) / √p. Every segment is acknowledged there.
fn mathis() -> f64 {
    let rtt = 2.0 * LATENCY.as_secs_f64();
    1_460.0 * 8.0 / rtt * 1.5_f64.sqrt() / (f64::from(LOSS) / 100.0).sqrt()
}

#[test]
fn a_megabyte_goes_as_fast_as_in_a_loop_of_its_own() {
    let net = Net::new("transfer");
    net.streams(StreamKind::SEGMENTS);
    let promises = Promises::DEFAULT.max_bytes(LEN);
    let receiver = net.host("receiver").listen(PORT).promises(promises).machine(|_| Receiver::default());
    let sender = net.host("sender").promises(promises);
    sender.machine(move |boot| Sender { to: boot.peer(receiver), left_len: LEN });
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for seed in 0..TRANSFERS {
        let (time, lost) = in_engine(&mut engine, receiver, seed);
        ours.push(time);
        plain.push(in_plain_loop(seed, &lost));
    }
    let [ours, plain] = [ours, plain].map(|times| rate(times.into_iter()));
    let bound = mathis();
    eprintln!("{ours:.0} bit/s in the engine, {plain:.0} in the plain loop, {bound:.0} at most by Mathis");
    let ratio = ours / plain;
    assert!((0.85..1.15).contains(&ratio), "{ours:.0} bit/s, and {plain:.0} in a plain loop");
    assert!(ours < bound, "{ours:.0} bit/s are more than {bound:.0}");
}
