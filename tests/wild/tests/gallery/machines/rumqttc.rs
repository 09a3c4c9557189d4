//! `rumqttc` 0.25.1: the state of its MQTT client, driven as its event loop does it. A broker that keeps to the letter of MQTT
//! 3.1.1 sends six messages, each exactly once, over streams that break.

use std::time::Duration;

use bytes::BytesMut;
use lossproof::fault::FaultKind;
use lossproof::machine::Conn;
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, finding, holds};
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Event, MqttState, Packet, PubAck, PubComp, PubRel, Publish, QoS,
    Request,
};

const RETRY: Duration = Duration::from_secs(1);
const COUNT: u8 = 6;
const MAX_LEN: usize = 1_000;

fn write<E>(out: &mut Outbox<E>, conn: Conn, packet: &Packet) {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, MAX_LEN).expect("it is short");
    // A stream that is over takes nothing: what is kept is sent again on the next one.
    let _ = out.write(conn, &bytes);
}

/// The packets of a stream that are whole.
fn packets(bytes: &mut BytesMut) -> Vec<Packet> {
    std::iter::from_fn(|| Packet::read(bytes, MAX_LEN).ok()).collect()
}

#[derive(Debug, PartialEq)]
enum Heard {
    Message(u8),
    Error(String),
}

/// What `rumqttc::EventLoop` does with the state, without its sockets.
struct Client {
    state: MqttState,
    broker: Peer,
    conn: Option<Conn>,
    is_welcome: bool,
    bytes: BytesMut,
    pending: Vec<Request>,
    retry_at: Option<Instant>,
}

impl Client {
    fn receive(&mut self, packet: Packet, conn: Conn, out: &mut Outbox<Heard>) -> Result<(), String> {
        let answer = match packet {
            Packet::ConnAck(_) => {
                self.is_welcome = true;
                for request in std::mem::take(&mut self.pending) {
                    let packet = self.state.handle_outgoing_packet(request).map_err(|it| it.to_string())?;
                    packet.iter().for_each(|packet| write(out, conn, packet));
                }
                None
            }
            packet => self.state.handle_incoming_packet(packet).map_err(|error| error.to_string())?,
        };
        answer.iter().for_each(|packet| write(out, conn, packet));
        for event in self.state.events.drain(..) {
            if let Event::Incoming(Packet::Publish(publish)) = event {
                out.event(Heard::Message(publish.payload[0]));
            }
        }
        Ok(())
    }
}

impl Machine for Client {
    type Command = ();
    type Event = Heard;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Heard>) {
        match input {
            Input::Start { .. } => self.conn = Some(out.connect(self.broker)),
            Input::Timeout => {
                self.retry_at = None;
                match self.conn {
                    // The broker has not answered.
                    Some(conn) => out.abort(conn),
                    None => self.conn = Some(out.connect(self.broker)),
                }
            }
            Input::Connected { conn, .. } => {
                let connect = Connect { clean_session: false, ..Connect::new("c") };
                write(out, conn, &Packet::Connect(connect));
                self.retry_at = Some(now + 5 * RETRY);
            }
            Input::Received { conn, bytes } => {
                self.bytes.extend_from_slice(bytes);
                for packet in packets(&mut self.bytes) {
                    if let Err(error) = self.receive(packet, conn, out) {
                        // `poll` returns the error, and dials again when it is called again.
                        out.event(Heard::Error(error));
                        out.abort(conn);
                        break;
                    }
                }
                self.retry_at = self.retry_at.filter(|_| !self.is_welcome);
            }
            Input::Closed { .. } | Input::ConnectFailed { .. } => {
                self.pending.extend(self.state.clean());
                self.bytes.clear();
                (self.conn, self.is_welcome, self.retry_at) = (None, false, Some(now + RETRY));
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

/// Sends what it is commanded to, to one client, and keeps its session from one connection to the next.
struct Broker {
    qos: QoS,
    conn: Option<Conn>,
    bytes: BytesMut,
    is_known: bool,
    has_session: bool,
    /// Each message that is not completed, and whether it was received: then what is still sent is `PUBREL`.
    open: Vec<(u8, bool)>,
}

impl Broker {
    /// The message's number is its packet id.
    fn send(&self, (number, is_received): (u8, bool), dup: bool, out: &mut Outbox<()>) {
        let Some(conn) = self.conn.filter(|_| self.is_known) else { return };
        let pkid = u16::from(number);
        let mut publish = Publish::new("t", self.qos, vec![number]);
        (publish.pkid, publish.dup) = (pkid, dup);
        let packet = if is_received { Packet::PubRel(PubRel { pkid }) } else { Packet::Publish(publish) };
        write(out, conn, &packet);
    }

    fn receive(&mut self, packet: Packet, conn: Conn, out: &mut Outbox<()>) {
        match packet {
            Packet::Connect(_) => {
                self.is_known = true;
                let accepted = ConnAck::new(ConnectReturnCode::Success, self.has_session);
                self.has_session = true;
                write(out, conn, &Packet::ConnAck(accepted));
                self.open.iter().for_each(|it| self.send(*it, true, out));
            }
            Packet::PubRec(it) => {
                if let Some(index) = self.open.iter().position(|(number, _)| u16::from(*number) == it.pkid) {
                    self.open[index].1 = true;
                    self.send(self.open[index], false, out);
                }
            }
            Packet::PubAck(PubAck { pkid }) | Packet::PubComp(PubComp { pkid }) => {
                self.open.retain(|(number, _)| u16::from(*number) != pkid);
            }
            _ => {}
        }
    }
}

impl Machine for Broker {
    type Command = u8;
    type Event = ();

    fn handle(&mut self, input: Input<'_, u8>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Command(&number) => {
                self.open.push((number, false));
                self.send((number, false), false, out);
            }
            Input::Connected { conn, .. } => {
                self.conn.replace(conn).into_iter().for_each(|before| out.abort(before));
                self.bytes.clear();
                self.is_known = false;
            }
            Input::Received { conn, bytes } if self.conn == Some(conn) => {
                self.bytes.extend_from_slice(bytes);
                packets(&mut self.bytes).into_iter().for_each(|packet| self.receive(packet, conn, out));
            }
            Input::Closed { conn, .. } if self.conn == Some(conn) => self.conn = None,
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

fn net(qos: QoS) -> (Net, Host<Client>) {
    let net = Net::new("rumqttc");
    net.max_time(Duration::from_mins(1));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net.decode(shown);
    let broker = net.host("broker").listen(1883).machine(move |_| Broker {
        qos,
        conn: None,
        bytes: BytesMut::new(),
        is_known: false,
        has_session: false,
        open: Vec::new(),
    });
    let client = net.host("client").machine(move |boot| Client {
        state: MqttState::new(100, false),
        broker: boot.peer(broker),
        conn: None,
        is_welcome: false,
        bytes: BytesMut::new(),
        pending: Vec::new(),
        retry_at: None,
    });
    for number in 1..=COUNT {
        net.command(Instant::from_millis(200 * u64::from(number)), broker, number);
    }
    (net, client)
}

/// The packets of a slice that begins with one.
fn shown(bytes: &[u8]) -> Option<String> {
    let mut bytes = BytesMut::from(bytes);
    let names: Vec<_> = packets(&mut bytes)
        .into_iter()
        .map(|packet| match packet {
            Packet::Publish(it) => format!("PUBLISH {}{}", it.pkid, if it.dup { " again" } else { "" }),
            Packet::PubRec(it) => format!("PUBREC {}", it.pkid),
            Packet::PubRel(it) => format!("PUBREL {}", it.pkid),
            Packet::PubComp(it) => format!("PUBCOMP {}", it.pkid),
            Packet::Connect(_) => "CONNECT".to_owned(),
            Packet::ConnAck(it) => format!("CONNACK, session present: {}", it.session_present),
            other => format!("{other:?}"),
        })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn with_arrival((net, client): (Net, Host<Client>)) -> Net {
    net.converges_within("all messages arrive", Duration::from_secs(50), 100_000, move |run| {
        (1..=COUNT).all(|number| run.events(client).contains(&Heard::Message(number)))
    });
    net
}

/// At least once.
#[test]
fn messages_of_qos_1_arrive() {
    let net = with_arrival(net(QoS::AtLeastOnce));
    holds("rumqttc", check(net, 1_000).calm_at(Instant::from_millis(5_000)));
}

/// See `examples/rumqttc_twice.rs`.
#[test]
fn a_message_of_qos_2_comes_twice() {
    let once = || {
        let (net, client) = net(QoS::ExactlyOnce);
        net.fold("a message comes twice", Vec::new).on(client, |messages, heard, _| {
            let Heard::Message(number) = heard else { return Ok(()) };
            let is_new = !messages.contains(number);
            messages.push(*number);
            is_new.then_some(()).ok_or_else(|| format!("{messages:?}"))
        });
        net
    };
    finding("rumqttc-twice", || check(once(), 1_000), "v2; client>broker @15 reset");
}

/// See `examples/rumqttc_release.rs`.
#[test]
fn a_release_that_is_sent_again_ends_each_connection() {
    let calm_at = Instant::from_millis(5_000);
    let arrives = || check(with_arrival(net(QoS::ExactlyOnce)), 1_000).calm_at(calm_at);
    finding("rumqttc-release", arrives, "v2; calm 5s; broker>client @51 reset");
}
