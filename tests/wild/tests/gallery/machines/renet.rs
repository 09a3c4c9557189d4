//! `renet` 2.0.1: channels of messages for games. Both ends of one connection, without the crate's own transport.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::parts::clocks::Elapsed;
use lossproof::{Chance, Host, Input, Instant, Machine, Net, Outbox, Peer, Profile};
use lossproof_wild::{check, finding, holds};
use renet::{ChannelConfig, ConnectionConfig, RenetClient, SendType};

const TICK: Duration = Duration::from_millis(50);

/// Both ends are a `RenetClient`: a server has one for each of its connections.
struct End {
    renet: RenetClient,
    peer: Peer,
    elapsed: Elapsed,
    tick_at: Option<Instant>,
    /// What the application wants to say once the channel has room.
    waiting: Vec<Vec<u8>>,
    is_lost: bool,
}

#[derive(Debug, PartialEq)]
enum Heard {
    /// The first byte of a message, and its length.
    Message(u8, usize),
    Lost(String),
}

impl End {
    fn new(peer: Peer, channel: ChannelConfig) -> Self {
        let channels = vec![channel];
        let mut renet = RenetClient::new(ConnectionConfig {
            available_bytes_per_tick: 60_000,
            server_channels_config: channels.clone(),
            client_channels_config: channels,
        });
        renet.set_connected();
        Self { renet, peer, elapsed: Elapsed::default(), tick_at: None, waiting: Vec::new(), is_lost: false }
    }
}

impl Machine for End {
    /// A message: its first byte, and its length.
    type Command = (u8, usize);
    type Event = Heard;

    fn handle(&mut self, input: Input<'_, (u8, usize)>, now: Instant, out: &mut Outbox<Heard>) {
        match input {
            Input::Command(&(first, len)) => self.waiting.insert(0, vec![first; len]),
            Input::Datagram { bytes, .. } => self.renet.process_packet(bytes),
            Input::Start { .. } | Input::Timeout => {
                self.renet.update(self.elapsed.until(now));
                while let Some(message) = self.waiting.pop_if(|it| self.renet.can_send_message(0, it.len())) {
                    self.renet.send_message(0, message);
                }
                while let Some(message) = self.renet.receive_message(0) {
                    out.event(Heard::Message(message[0], message.len()));
                }
                let packets = self.renet.get_packets_to_send();
                packets.iter().for_each(|packet| out.send(self.peer, packet));
                self.tick_at = Some(now + TICK);
            }
            _ => {}
        }
        if let (Some(reason), false) = (self.renet.disconnect_reason(), self.is_lost) {
            self.is_lost = true;
            out.event(Heard::Lost(reason.to_string()));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

const ORDERED: SendType = SendType::ReliableOrdered { resend_time: Duration::from_millis(300) };
const UNORDERED: SendType = SendType::ReliableUnordered { resend_time: Duration::from_millis(300) };

/// What the client says, and with which channel.
struct Talk {
    send_type: SendType,
    max_bytes: usize,
    count: u8,
    len: usize,
    gap_ms: u64,
}

impl Talk {
    fn net(&self) -> (Net, Host<End>) {
        let net = Net::new("renet");
        net.max_time(Duration::from_secs(15));
        net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
        net.decode(shown);
        let channel = ChannelConfig {
            channel_id: 0,
            max_memory_usage_bytes: self.max_bytes,
            send_type: self.send_type.clone(),
        };
        let (at_server, at_client) = (channel.clone(), channel);
        let (server, client) = (net.host("server").udp(5000), net.host("client").udp(5000));
        let (server_id, client_id) = (server.id(), client.id());
        let server = server.machine(move |boot| End::new(boot.peer(client_id), at_server.clone()));
        let client = client.machine(move |boot| End::new(boot.peer(server_id), at_client.clone()));
        for number in 0..self.count {
            net.command(
                Instant::from_millis(100 + self.gap_ms * u64::from(number)),
                client,
                (number, self.len),
            );
        }
        net.never("an end that obeys is disconnected", move |run| {
            let ends = [run.events(server), run.events(client)];
            ends.into_iter().flatten().any(|it| matches!(it, Heard::Lost(_)))
        });
        let len_sent = self.len;
        net.fold("each message comes once, as it was", Vec::new).on(server, move |firsts, heard, _| {
            let Heard::Message(first, len) = heard else { return Ok(()) };
            if *len != len_sent || firsts.contains(first) {
                return Err(format!("{heard:?} after {firsts:?}"));
            }
            firsts.push(*first);
            Ok(())
        });
        (net, server)
    }
}

/// The kind of a packet, and which slice it has. Numbers are those of QUIC: two bits say how long they are.
fn shown(packet: &[u8]) -> Option<String> {
    let (kind, mut rest) = packet.split_first()?;
    let mut number = || {
        let len = 1 << (rest.first()? >> 6);
        let (number, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(number.iter().skip(1).fold(u64::from(number[0] & 0x3f), |all, byte| all << 8 | u64::from(*byte)))
    };
    let name = ["reliable", "unreliable", "slice", "unreliable slice", "ack"].get(usize::from(*kind))?;
    let sequence = number()?;
    Some(match *name {
        "slice" => {
            let (_channel, message, slice, slices) = (number()?, number()?, number()?, number()?);
            format!("packet {sequence}, message {message}, slice {slice} of {slices}")
        }
        "ack" => format!("ack {}", number()?),
        name => format!("packet {sequence}, {name}"),
    })
}

#[test]
fn messages_arrive_with_the_default_limit() {
    for (name, send_type) in [("renet-ordered", ORDERED), ("renet-unordered", UNORDERED)] {
        let talk = Talk { send_type, max_bytes: 5 * 1024 * 1024, count: 20, len: 2_500, gap_ms: 100 };
        let (net, server) = talk.net();
        net.converges_within("all messages arrive", Duration::from_secs(10), 100_000, move |run| {
            run.events(server).len() == 20
        });
        holds(name, check(net, 500).calm_at(Instant::from_millis(4_000)));
    }
}

#[test]
fn a_slice_of_a_delivered_message_leaks() {
    // The sender has at most two messages of two slices unacknowledged, so the receiver has at most two as well.
    let talk = Talk { send_type: UNORDERED, max_bytes: 4_800, count: 20, len: 2_400, gap_ms: 50 };
    let doubled = Profile { loss: Chance::percent(10), duplicate: Chance::percent(10), ..Profile::default() };
    let doubled = Profile { jitter: Duration::from_millis(100), ..doubled };
    finding(
        "renet-leak",
        || check(talk.net().0, 2_000).profile(doubled),
        "v2; client>server #1 drop; client>server #2 delay 98ms; client>server #8 drop",
    );
}

#[test]
fn the_receiver_counts_more_than_the_sender() {
    let talk = Talk { send_type: UNORDERED, max_bytes: 4_800, count: 3, len: 1_300, gap_ms: 0 };
    finding("renet-two-budgets", || check(talk.net().0, 1), "v2");
}

#[test]
fn what_waits_behind_a_hole_is_not_counted_by_the_sender() {
    let talk = Talk { send_type: ORDERED, max_bytes: 7_200, count: 40, len: 1_000, gap_ms: 0 };
    finding("renet-hole", || check(talk.net().0, 2_000), "v2; client>server #19 drop");
}

#[test]
fn a_slice_beyond_the_slices_panics() {
    let talk = Talk { send_type: UNORDERED, max_bytes: 5 * 1024 * 1024, count: 5, len: 2_500, gap_ms: 100 };
    let changed = Profile { corrupt: Chance::percent(20), ..Profile::default() };
    finding(
        "renet-slice",
        || check(talk.net().0.without_properties(), 2_000).profile(changed),
        "v2; client>server #0 flip 4:0x04",
    );
}
