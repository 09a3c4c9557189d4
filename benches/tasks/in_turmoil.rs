//! Sockets from turmoil, timers from tokio.

pub(crate) use tokio::time;

pub(crate) mod net {
    pub(crate) use turmoil::{ToSocketAddrs, net::UdpSocket};
}

#[path = "../../tests/tasks/programs/ask.rs"]
pub(crate) mod ask;
