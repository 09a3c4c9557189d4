//! Each system in simulation: transcripts that a reviewer reads, the properties under random faults, and the same run on
//! turmoil.

mod support;

mod election;
mod geocode;
mod greet;
mod greeter;
mod hello_tcp;
mod hello_udp;
mod http;
mod moments;
#[cfg(feature = "turmoil")]
mod parity;
mod profiles;
mod select_echo;
mod suffix_echo;
mod tcp_chat;
mod tcp_deadlock;
mod tcp_sixteen;
mod udp_broadcast;
mod udp_chat;
mod udp_local;
mod udp_remote;
