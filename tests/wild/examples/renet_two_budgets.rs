//! renet 2.0.1: a client that asks `can_send_message` before each message is disconnected, and no packet was lost. The
//! receiver reserves whole slices, the sender counts bytes. Fails by itself.

use std::time::Duration;

use renet::{ChannelConfig, ConnectionConfig, RenetClient, RenetServer, SendType};

fn main() {
    let send_type = SendType::ReliableUnordered { resend_time: Duration::from_millis(300) };
    let channels = vec![ChannelConfig { channel_id: 0, max_memory_usage_bytes: 4_800, send_type }];
    let config = ConnectionConfig {
        available_bytes_per_tick: 60_000,
        server_channels_config: channels.clone(),
        client_channels_config: channels,
    };
    let mut server = RenetServer::new(config.clone());
    let mut client = RenetClient::new(config);
    server.add_connection(1);
    client.set_connected();
    while client.can_send_message(0, 1_300) {
        client.send_message(0, vec![0; 1_300]);
    }
    for packet in client.get_packets_to_send() {
        server.process_packet_from(&packet, 1).expect("the client is known");
    }
    assert_eq!(server.disconnect_reason(1), None, "the server disconnects a client that obeys");
}
