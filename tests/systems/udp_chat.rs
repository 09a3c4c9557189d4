//! udp-chat in simulation.
