//! The load and the baselines of the bench `udp`, for another one.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod exchange;
pub(crate) mod load;
pub(crate) mod servers;
