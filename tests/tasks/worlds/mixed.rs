//! Sockets from lossproof, the rest from tokio.

pub use lossproof::net;
pub use tokio::{task, time};

#[path = "../programs/ask.rs"]
pub mod ask;
#[path = "../programs/store.rs"]
pub mod store;
