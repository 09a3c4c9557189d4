//! hello-tcp.
