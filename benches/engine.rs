//! How fast the event engine is, beside turmoil and beside an event loop written by hand. `README.md` explains each.

use criterion::{Criterion, criterion_group};

#[path = "engine/between.rs"]
mod between;
#[path = "engine/gossip.rs"]
mod gossip;
#[path = "engine/ping_pong.rs"]
mod ping_pong;
#[path = "engine/ratios.rs"]
mod ratios;
#[path = "engine/udp_remote.rs"]
mod udp_remote;

criterion_group! {
    name = engine;
    config = Criterion::default();
    targets = ping_pong::bench, udp_remote::bench, gossip::bench
}

fn main() {
    // `cargo bench --bench engine -- ratios` prints these alone.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words != ["ratios"] {
        engine();
        Criterion::default().configure_from_args().final_summary();
    }
    let is_measured = std::env::args().any(|word| word == "--bench");
    if is_measured && (words.is_empty() || words == ["ratios"]) {
        ratios::print();
    }
}
