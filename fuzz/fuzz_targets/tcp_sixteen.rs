#![no_main]

use lossproof::systems::tcp_sixteen::TcpSixteen;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<TcpSixteen>(input));
