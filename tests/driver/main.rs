//! The driver itself, on real sockets and on turmoil, with machines of the tests' own.

mod broadcast;
mod commands;
mod datagrams;
#[cfg(target_os = "linux")]
mod ecn;
mod many;
mod same;
mod store;
mod streams;
mod support;
#[cfg(feature = "turmoil")]
mod turmoil;
mod unix;
mod wildcard;
