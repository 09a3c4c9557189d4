//! Write a network protocol once as a sans-IO state machine; prove it against loss; run the same machine on real
//! sockets.

pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "net")]
pub mod drive;
pub mod engine;
pub mod fault;
pub mod host;
mod lawful;
pub mod machine;
mod network;
pub mod parallel;
pub mod parts;
pub mod scenario;
mod seed;
pub mod systems;
mod time;
pub mod transcript;
pub mod wire;

pub use host::HostId;
pub use lawful::{Cuts, Lawful, Promises};
pub use machine::{Boot, Input, Machine, Outbox, Peer, Status};
pub use scenario::{Binding, Scenario};
pub use time::Instant;
