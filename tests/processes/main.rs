//! `serve` and `call` as processes of their own: what they print, what they bear, and how they end.

mod classic;
mod clients;
mod dialogues;
mod election;
#[cfg(target_os = "linux")]
mod idle;
mod lines;
mod log;
mod process;
mod servers;
