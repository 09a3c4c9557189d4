//! Sockets from turmoil-net, timers from tokio.

pub(crate) use tokio::time;
pub(crate) use turmoil_net::shim::tokio::net;

#[path = "../../tests/tasks/programs/ask.rs"]
pub(crate) mod ask;
