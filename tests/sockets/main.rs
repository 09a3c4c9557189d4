//! Machines on real sockets, against plain blocking peers written here.
#![cfg(feature = "net")]

mod commands;
mod datagrams;
mod hello_tcp;
mod select_echo;
mod streams;
mod support;
mod tcp_deadlock;
mod tcp_sixteen;
mod udp_local;
mod udp_remote;
