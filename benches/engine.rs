//! How fast the event engine is, beside turmoil and beside an event loop written by hand. `README.md` explains each.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "engine/ping_pong.rs"]
mod ping_pong;
#[path = "engine/udp_remote.rs"]
mod udp_remote;

criterion_group! {
    name = engine;
    config = Criterion::default();
    targets = ping_pong::bench, udp_remote::bench
}
criterion_main!(engine);
