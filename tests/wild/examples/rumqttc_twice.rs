//! rumqttc 0.25.1: a message of service level 2 that the broker sends again, because the answer to it was lost, is given to the
//! application again. Exactly once is once (MQTT 3.1.1 section 4.3.3). Fails by itself.

use rumqttc::{Event, MqttState, Packet, Publish, QoS};

fn main() {
    let mut state = MqttState::new(100, false);
    let mut publish = Publish::new("t", QoS::ExactlyOnce, "once");
    publish.pkid = 1;
    state.handle_incoming_packet(Packet::Publish(publish.clone())).expect("a message");

    // The connection breaks before the broker has `PUBREC`. The event loop cleans the state, and takes up the session.
    state.clean();
    publish.dup = true;
    state.handle_incoming_packet(Packet::Publish(publish)).expect("the same message");
    let is_message = |event: &&Event| matches!(event, Event::Incoming(Packet::Publish(_)));
    let count = state.events.iter().filter(is_message).count();
    assert_eq!(count, 1, "the application gets the message {count} times");
}
