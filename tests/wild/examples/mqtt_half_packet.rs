//! mqtt-protocol-core 0.7.9: half a packet that was received when the connection broke stays, and eats the first bytes of
//! the next connection. Fails by itself.

use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{Packet, v3_1_1};

/// `CONNACK`: accepted.
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

fn main() {
    let mut client = mqtt::Connection::<mqtt::role::Client>::new(mqtt::Version::V3_1_1);
    let connect = || v3_1_1::Connect::builder().client_id("c").expect("an id").build().expect("a packet");
    client.checked_send(connect());
    // The connection breaks in the middle of the answer.
    client.recv(&mut Cursor::new(&CONNACK[..3]));
    client.notify_closed();

    client.checked_send(connect());
    let events = client.recv(&mut Cursor::new(&CONNACK[..]));
    let is_welcome = |event: &Event| matches!(event, Event::NotifyPacketReceived(Packet::V3_1_1Connack(_)));
    assert!(events.iter().any(is_welcome), "the answer on the second connection is not seen: {events:?}");
}
