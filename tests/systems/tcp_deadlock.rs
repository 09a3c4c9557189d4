//! tcp-deadlock in simulation.
