//! greeter in simulation.
