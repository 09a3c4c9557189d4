//! The driver itself, on real sockets and on turmoil, with machines of the tests' own.

mod many;
mod same;
mod store;
mod support;
#[cfg(feature = "turmoil")]
mod turmoil;
mod wildcard;
