//! Turns of shares that are given.
