#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::wire::utf8(input));
