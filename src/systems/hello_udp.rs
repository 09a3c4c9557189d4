//! hello-udp.
