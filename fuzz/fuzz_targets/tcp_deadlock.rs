#![no_main]

use lossproof::systems::tcp_deadlock::TcpDeadlock;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<TcpDeadlock>(input));
