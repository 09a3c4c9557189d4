//! What holds whatever the bytes: one function for each target.
//!
//! A target takes any bytes and panics where its property does not hold. libFuzzer searches for such bytes
//! (`fuzz_targets/`); `tests/corpus.rs` of the crate reads these modules as its own and replays the corpus.

pub mod chat;
mod cut;
pub mod http;
pub mod plan;
pub mod planted;
mod puppet;
pub mod schedule;
mod script;
pub mod systems;
pub mod targets;
pub mod transcript;
pub mod wire;
