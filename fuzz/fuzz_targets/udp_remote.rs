#![no_main]

use lossproof::systems::udp_remote::UdpRemote;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpRemote>(input));
