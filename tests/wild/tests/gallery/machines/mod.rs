//! Crates that are state machines themselves: they take inputs and moments, and give what they want sent.

mod automerge;
mod coap_lite;
mod foca;
mod is;
mod kcp;
mod mqtt_protocol_core;
mod omnipaxos;
mod quinn_proto;
mod raft;
mod renet;
mod rumqttc;
mod rustls;
mod rusty_enet;
mod sctp_proto;
mod smoltcp;
