//! suffix-echo in simulation.
