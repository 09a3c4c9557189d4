#![no_main]

use lossproof::systems::hello_tcp::HelloTcp;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<HelloTcp>(input));
