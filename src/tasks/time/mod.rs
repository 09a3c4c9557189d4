//! The time of simulated hosts, with the names and signatures of `tokio::time`.
//!
//! It is the host's own clock, to the nanosecond: a plan can change it (`skew`, `drift`).

mod instant;
mod interval;
mod sleep;

pub use std::time::Duration;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, Timeout, sleep, sleep_until, timeout, timeout_at};

/// Errors of this module.
pub mod error {
    pub use super::sleep::Elapsed;
}
