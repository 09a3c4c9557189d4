//! Each system in simulation: transcripts that a reviewer reads, the properties under random faults, and the same run on
//! turmoil.

mod support;

mod hello_udp;
mod udp_broadcast;
mod udp_local;
mod udp_remote;
