#![no_main]

use lossproof::systems::http::Http;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<Http>(input));
