//! hello-tcp in simulation.
