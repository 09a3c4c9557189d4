//! renet 2.0.1: one packet is lost, and a client that obeys is disconnected. What the receiver keeps behind the hole is
//! acknowledged, so the sender counts it no longer. Fails by itself.

use std::time::Duration;

use renet::{ChannelConfig, ConnectionConfig, RenetClient, RenetServer, SendType};

fn main() {
    let send_type = SendType::ReliableOrdered { resend_time: Duration::from_millis(300) };
    let channels = vec![ChannelConfig { channel_id: 0, max_memory_usage_bytes: 7_200, send_type }];
    let config = ConnectionConfig {
        available_bytes_per_tick: 60_000,
        server_channels_config: channels.clone(),
        client_channels_config: channels,
    };
    let mut server = RenetServer::new(config.clone());
    let mut client = RenetClient::new(config);
    server.add_connection(1);
    client.set_connected();
    let mut is_first = true;
    // 200 ms, in ticks of 50 ms: the lost packet is not sent again yet.
    for _tick in 0..4 {
        client.update(Duration::from_millis(50));
        server.update(Duration::from_millis(50));
        while client.can_send_message(0, 1_000) {
            client.send_message(0, vec![0; 1_000]);
        }
        for packet in client.get_packets_to_send() {
            if !std::mem::take(&mut is_first) {
                server.process_packet_from(&packet, 1).expect("the client is known");
            }
        }
        while server.receive_message(1, 0).is_some() {}
        assert_eq!(server.disconnect_reason(1), None, "the server disconnects a client that obeys");
        for packet in server.get_packets_to_send(1).expect("the client is known") {
            client.process_packet(&packet);
        }
    }
}
