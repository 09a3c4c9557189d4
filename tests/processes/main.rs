//! `serve` and `call` as processes of their own: what they print, what they bear, and how they end.

mod classic;
mod clients;
mod dialogues;
mod election;
mod geocode;
mod honest;
#[cfg(target_os = "linux")]
mod idle;
mod lines;
mod log;
mod process;
#[path = "../sockets/python.rs"]
mod python;
mod servers;
mod terminals;
