#![no_main]

use lossproof::systems::udp_broadcast::UdpBroadcast;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpBroadcast>(input));
