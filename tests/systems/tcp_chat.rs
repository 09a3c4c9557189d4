//! tcp-chat in simulation.
