#![no_main]

use lossproof_fuzz::targets::UdpChat;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpChat>(input));
