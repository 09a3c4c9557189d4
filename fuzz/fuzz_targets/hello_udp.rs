#![no_main]

use lossproof::systems::hello_udp::HelloUdp;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<HelloUdp>(input));
