//! renet 2.0.1: a doubled slice of a message that was delivered is kept for ever, while an older message is missing. Fails
//! by itself.

use std::time::Duration;

use renet::{ChannelConfig, ConnectionConfig, RenetClient, RenetServer, SendType};

fn main() {
    let send_type = SendType::ReliableUnordered { resend_time: Duration::from_mins(5) };
    let channels = vec![ChannelConfig { channel_id: 0, max_memory_usage_bytes: 5 * 1024 * 1024, send_type }];
    let config = ConnectionConfig {
        available_bytes_per_tick: 60_000,
        server_channels_config: channels.clone(),
        client_channels_config: channels,
    };
    let mut server = RenetServer::new(config.clone());
    let mut client = RenetClient::new(config);
    server.add_connection(1);
    client.set_connected();

    // The first message is late, so all others are ahead of it.
    client.send_message(0, vec![0; 2_400]);
    let late = client.get_packets_to_send();
    // Each further message is received twice, and read between: a quarter of the channel's memory at a time.
    for number in 1..=2_500 {
        client.send_message(0, vec![1; 2_400]);
        let packets = client.get_packets_to_send();
        for packet in &packets {
            server.process_packet_from(packet, 1).expect("the client is known");
        }
        while server.receive_message(1, 0).is_some() {}
        server.process_packet_from(&packets[0], 1).expect("the client is known");
        for packet in server.get_packets_to_send(1).expect("the client is known") {
            client.process_packet(&packet);
        }
        let reason = server.disconnect_reason(1);
        assert_eq!(reason, None, "disconnected at message {number}, though every message was read at once");
    }
    drop(late);
}
