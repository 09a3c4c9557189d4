//! http in simulation.
