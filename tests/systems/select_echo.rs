//! select-echo in simulation.
