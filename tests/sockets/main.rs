//! Machines on real sockets, against plain blocking peers written here.

mod geocode;
mod greet;
mod greeter;
mod hello_tcp;
mod hello_udp;
mod http;
mod python;
mod select_echo;
mod suffix_echo;
mod support;
mod tcp_chat;
mod tcp_deadlock;
mod tcp_sixteen;
mod udp_broadcast;
mod udp_chat;
mod udp_local;
mod udp_remote;
