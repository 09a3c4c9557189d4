//! Published crates under simulated faults. README.md has what was found.

mod alone;
mod machines;

// QUIC and TLS whose randomness is seeded: the parent's tests of `quinn-proto` have them.
#[path = "../../../quinn/quic.rs"]
mod quic;
#[path = "../../../quinn/shown.rs"]
mod shown;
#[path = "../../../quinn/tls.rs"]
#[allow(dead_code, reason = "one test of the parent draws from the system")]
mod tls;
