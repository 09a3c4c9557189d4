//! All of it from tokio.

pub use tokio::{net, task, time};

#[path = "../programs/ask.rs"]
pub mod ask;
#[path = "../programs/store.rs"]
pub mod store;
