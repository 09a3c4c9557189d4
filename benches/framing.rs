//! Streams cut back into messages, beside tokio-util's codecs and `memchr`. `README.md` explains each.

#[path = "framing/frames.rs"]
mod frames;
#[path = "framing/lines.rs"]
mod lines;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// How much one read of a socket brings where it brings little: the payload of one segment over Ethernet.
const SEGMENT_LEN: usize = 1_448;
/// How many bytes of messages an iteration has, more or less: they stay in the second-level cache.
const STREAM_LEN: usize = 256 * 1024;

/// Where a read of a socket puts what has come. tokio-util's codecs have theirs in the buffer that they decode, so the
/// others copy each slice once as well.
struct ReadBuffer([u8; SEGMENT_LEN]);

impl ReadBuffer {
    fn read(&mut self, slice: &[u8]) -> &[u8] {
        let buffer = &mut self.0[..slice.len()];
        buffer.copy_from_slice(slice);
        buffer
    }
}

criterion_group! {
    name = framing;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = frames::small, frames::large, frames::encode, lines::bench
}
criterion_main!(framing);
