#![no_main]

use lossproof::systems::udp_chat::UdpChat;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpChat>(input));
