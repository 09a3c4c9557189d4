//! What the benches on real sockets share.

pub(crate) mod descriptors;
pub(crate) mod echo;
pub(crate) mod server;

use std::time::Instant;

/// The real clock.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}
