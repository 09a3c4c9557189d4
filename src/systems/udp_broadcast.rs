//! udp-broadcast.
