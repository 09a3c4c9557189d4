#![no_main]

use lossproof::systems::suffix_echo::SuffixEcho;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<SuffixEcho>(input));
