//! Queues that several flows share: what they let through when, what they drop, and that a run with one can be made again.

mod curves;
mod ecn;
mod flows;
mod parties;
mod plans;
#[cfg(feature = "cli")]
mod program;
mod traces;
