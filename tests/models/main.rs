//! Machines against small models: generated operations are done to both, and they are to say the same.

mod tcp_chat;
mod udp_chat;
