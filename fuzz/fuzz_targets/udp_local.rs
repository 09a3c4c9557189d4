#![no_main]

use lossproof_fuzz::targets::UdpLocal;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<UdpLocal>(input));
