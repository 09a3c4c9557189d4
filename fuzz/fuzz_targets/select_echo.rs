#![no_main]

use lossproof::systems::select_echo::SelectEcho;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<SelectEcho>(input));
