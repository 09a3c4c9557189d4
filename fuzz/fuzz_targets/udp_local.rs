#![no_main]

use lossproof::systems::udp_local::UdpLocal;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpLocal>(input));
