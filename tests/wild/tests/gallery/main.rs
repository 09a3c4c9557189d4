//! Published crates under simulated faults. README.md has what was found.

mod machines;
