//! hello-udp in simulation.
