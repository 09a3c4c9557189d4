//! greet in simulation.
