//! `serve` and `call` as processes of their own: what they print, what they bear, and how they end.

#![cfg(feature = "cli")]

mod classic;
mod clients;
mod dialogues;
mod log;
mod process;
mod servers;
