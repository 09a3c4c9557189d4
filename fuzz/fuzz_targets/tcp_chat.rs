#![no_main]

use lossproof::systems::tcp_chat::TcpChat;

libfuzzer_sys::fuzz_target!(|input: &[u8]| lossproof_fuzz::systems::holds::<TcpChat>(input));
