//! udp-broadcast in simulation.
