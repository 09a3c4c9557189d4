//! What code for tokio imports, for hosts made by [`Place::task`](crate::scenario::Place::task): sockets, timers and tasks
//! of the simulation, and from tokio itself what needs neither.
//!
//! ```
//! #[cfg(not(test))]
//! use tokio;
//! #[cfg(test)]
//! use lossproof::tokio;
//! ```

#[doc(no_inline)]
pub use ::tokio::{io, join, pin, select, sync, try_join};

pub use super::task::spawn;
pub use super::{net, task, time};
