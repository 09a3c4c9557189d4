//! All of it from lossproof.

pub use lossproof::tokio::{net, task, time};

#[path = "../programs/ask.rs"]
pub mod ask;
#[path = "../programs/store.rs"]
pub mod store;
