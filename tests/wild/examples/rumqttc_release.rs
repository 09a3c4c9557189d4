//! rumqttc 0.25.1: a session is taken up in which the broker has sent `PUBREL`. The client takes it for an error and breaks
//! the connection, and so each one after it. Fails by itself.

use rumqttc::{MqttState, Packet, PubRel, Publish, QoS};

fn main() {
    let mut state = MqttState::new(100, false);
    let mut publish = Publish::new("t", QoS::ExactlyOnce, "once");
    publish.pkid = 1;
    // The answer is `PUBREC`, so what the broker sends from then on is `PUBREL` (MQTT 3.1.1 section 4.4).
    state.handle_incoming_packet(Packet::Publish(publish)).expect("a message");

    // The connection breaks before `PUBREL` comes. The event loop cleans the state, and takes up the session.
    for connection in 1..=3 {
        state.clean();
        let answer = state.handle_incoming_packet(Packet::PubRel(PubRel::new(1)));
        println!("connection {connection}: {answer:?}");
        let is_completed = matches!(answer, Ok(Some(Packet::PubComp(_))));
        assert!(connection < 3 || is_completed, "the message is never completed");
    }
}
