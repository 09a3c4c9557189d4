//! `mqtt-protocol-core` 0.7.9: MQTT 3.1.1 over streams that break. A client publishes six messages, each exactly once.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::machine::{Conn, ConnMap};
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, finding, holds};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{Packet, Qos, v3_1_1};
use mqtt_protocol_core::mqtt::prelude::*;

type Client = mqtt::Connection<mqtt::role::Client>;
type Server = mqtt::Connection<mqtt::role::Server>;
type Handled = mqtt::common::HashSet<u16>;

const RETRY: Duration = Duration::from_secs(1);
const COUNT: u8 = 6;

fn write(out: &mut Outbox<u8>, conn: Conn, packet: &Packet) {
    let bytes: Vec<u8> = packet.to_buffers().iter().flat_map(|buffer| buffer.to_vec()).collect();
    // A stream that is over takes nothing, and the packet is stored.
    let _ = out.write(conn, &bytes);
}

/// Publishes what it is commanded to, and dials again when its connection is over.
struct Publisher {
    mqtt: Client,
    server: Peer,
    conn: Option<Conn>,
    /// Whether the broker has answered on this connection.
    is_welcome: bool,
    waiting: Vec<u8>,
    retry_at: Option<Instant>,
    /// Whether each connection gets a new state machine, with what the old one has stored, or all have one.
    renews: bool,
}

fn new_client() -> Client {
    let mut mqtt = Client::new(mqtt::Version::V3_1_1);
    mqtt.set_auto_pub_response(true);
    mqtt
}

impl Publisher {
    fn carry_out(&mut self, events: Vec<Event>, out: &mut Outbox<u8>) {
        let Some(conn) = self.conn else { return };
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => write(out, conn, &packet),
                Event::NotifyPacketReceived(Packet::V3_1_1Connack(_)) => self.is_welcome = true,
                Event::RequestClose => out.close(conn),
                _ => {}
            }
        }
    }

    fn lost(&mut self, now: Instant) {
        self.mqtt.notify_closed();
        (self.conn, self.is_welcome, self.retry_at) = (None, false, Some(now + RETRY));
    }
}

impl Machine for Publisher {
    type Command = u8;
    type Event = u8;

    fn handle(&mut self, input: Input<'_, u8>, now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Start { .. } => self.conn = Some(out.connect(self.server)),
            Input::Timeout => {
                self.retry_at = None;
                match self.conn {
                    // The broker has not answered.
                    Some(conn) => out.abort(conn),
                    None => self.conn = Some(out.connect(self.server)),
                }
            }
            Input::Command(&number) => self.waiting.push(number),
            Input::Connected { .. } => {
                if self.renews {
                    let stored = self.mqtt.get_stored_packets();
                    self.mqtt = new_client();
                    self.mqtt.restore_packets(stored);
                }
                let connect = v3_1_1::Connect::builder().client_id("c").expect("an id");
                let connect = connect.clean_session(false).build().expect("a packet");
                let events = self.mqtt.checked_send(connect);
                self.carry_out(events, out);
                self.retry_at = Some(now + 5 * RETRY);
            }
            Input::Received { bytes, .. } => {
                let mut bytes = Cursor::new(bytes);
                while bytes.position() < bytes.get_ref().len() as u64 {
                    let events = self.mqtt.recv(&mut bytes);
                    self.carry_out(events, out);
                }
                self.retry_at = self.retry_at.filter(|_| !self.is_welcome);
            }
            Input::Closed { .. } | Input::ConnectFailed { .. } => self.lost(now),
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
        while self.is_welcome
            && let Some(number) = self.waiting.pop()
        {
            let publish = v3_1_1::Publish::builder().topic_name("t").expect("a topic").qos(Qos::ExactlyOnce);
            let id = self.mqtt.acquire_packet_id().expect("few are used");
            let publish = publish.payload(vec![number]).packet_id(id).build().expect("a packet");
            let events = self.mqtt.checked_send(publish);
            self.carry_out(events, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

/// Tells what was published. It has one state machine for each connection, and takes the session of its one client along.
#[derive(Default)]
struct Broker {
    /// With whether the client has said who it is.
    conns: ConnMap<(Server, bool)>,
    session: Option<Handled>,
}

impl Machine for Broker {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Connected { conn, .. } => {
                let mut mqtt = Server::new(mqtt::Version::V3_1_1);
                mqtt.set_auto_pub_response(true);
                // The client has one connection at a time: the one before is over, whether that is known here or not.
                self.conns.iter().for_each(|(before, _)| out.abort(before));
                self.conns = ConnMap::default();
                self.conns.insert(conn, (mqtt, false));
            }
            Input::Received { conn, bytes } => {
                let Some((mqtt, is_known)) = self.conns.get_mut(conn) else { return };
                let mut bytes = Cursor::new(bytes);
                while bytes.position() < bytes.get_ref().len() as u64 {
                    let mut events = mqtt.recv(&mut bytes);
                    if let Some(Event::NotifyPacketReceived(Packet::V3_1_1Connect(_))) = events.last() {
                        let connack = v3_1_1::Connack::builder().session_present(self.session.is_some());
                        *is_known = true;
                        let accepted = mqtt::result_code::ConnectReturnCode::Accepted;
                        mqtt.restore_qos2_publish_handled(self.session.take().unwrap_or_default());
                        events.extend(
                            mqtt.checked_send(connack.return_code(accepted).build().expect("a packet")),
                        );
                    }
                    for event in events {
                        match event {
                            Event::RequestSendPacket { packet, .. } => write(out, conn, &packet),
                            Event::NotifyPacketReceived(Packet::V3_1_1Publish(publish)) => {
                                out.event(publish.payload().as_slice()[0]);
                            }
                            Event::RequestClose => out.close(conn),
                            _ => {}
                        }
                    }
                    if *is_known {
                        self.session = Some(mqtt.get_qos2_publish_handled());
                    }
                }
            }
            Input::Eof { conn } => out.close(conn),
            Input::Closed { conn, .. } => drop(self.conns.remove(conn)),
            _ => {}
        }
    }
}

fn net(renews: bool) -> (Net, Host<Broker>) {
    let net = Net::new("mqtt-protocol-core");
    net.max_time(Duration::from_mins(1));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    let broker = net.host("broker").listen(1883).machine(|_| Broker::default());
    let publisher = net.host("client").machine(move |boot| Publisher {
        mqtt: new_client(),
        server: boot.peer(broker),
        conn: None,
        is_welcome: false,
        waiting: Vec::new(),
        retry_at: None,
        renews,
    });
    for number in 0..COUNT {
        net.command(Instant::from_millis(200 * u64::from(number)), publisher, number);
    }
    net.fold("each message comes once", Vec::new).on(broker, |numbers, number, _| {
        let is_new = !numbers.contains(number);
        numbers.push(*number);
        is_new.then_some(()).ok_or_else(|| format!("{numbers:?}"))
    });
    net.converges_within("all messages arrive", Duration::from_secs(50), 100_000, move |run| {
        run.events(broker).len() == usize::from(COUNT)
    });
    (net, broker)
}

#[test]
fn messages_arrive_once_with_a_new_state_machine_for_each_connection() {
    holds("mqtt-protocol-core", check(net(true).0, 1_000).calm_at(Instant::from_millis(5_000)));
}

#[test]
fn half_a_packet_stays_when_a_connection_is_over() {
    let calm_at = Instant::from_millis(5_000);
    finding(
        "mqtt-half-packet",
        || check(net(false).0, 1_000).calm_at(calm_at),
        "v2; calm 5s; broker>client @23 reset; broker>client/1 @2 cut",
    );
}
