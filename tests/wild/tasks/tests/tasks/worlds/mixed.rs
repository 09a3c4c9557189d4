//! Sockets from lossproof, the rest from tokio and hyper-util.

use hyper_util::rt::TokioTimer;
pub use lossproof::net;
pub use tokio::{task, time};

#[path = "../programs/shop.rs"]
pub mod shop;

pub fn timer() -> TokioTimer {
    TokioTimer::new()
}
