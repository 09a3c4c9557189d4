#![no_main]

use lossproof_fuzz::{systems, targets};

libfuzzer_sys::fuzz_target!(|input: &[u8]| systems::holds(&targets::GEOCODE, input));
