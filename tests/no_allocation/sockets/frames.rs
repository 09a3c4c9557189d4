//! Frames on streams.

use std::io::{Read, Write};
use std::net::TcpStream;

use lossproof::drive::Endpoint;
use lossproof::wire::frame;

use super::echo::Echo;
use super::{CHANCE, Counted, FEW, MANY, PATIENCE};

/// How often the driver allocates where so many frames are echoed, with so many outstanding.
fn of_echoes(messages: usize, window: usize) -> u64 {
    let counted = Counted::start(Endpoint::listener, "127.0.0.1:0", Echo::default);
    let mut stream = TcpStream::connect(counted.addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut frames = Vec::new();
    for _ in 0..window {
        frame::encode(&[7; 64], 64, &mut frames).unwrap();
    }
    let mut echoes = vec![0; frames.len()];
    for _ in 0..messages / window {
        stream.write_all(&frames).unwrap();
        stream.read_exact(&mut echoes).unwrap();
        assert_eq!(echoes, frames);
    }
    drop(stream);
    counted.end()
}

#[test]
fn the_driver_allocates_nothing_for_a_frame_on_a_stream() {
    for window in [1, 100] {
        // What a thread makes once, it has made after this.
        of_echoes(FEW, window);
        let (few, many) = (of_echoes(FEW, window), of_echoes(MANY, window));
        assert!(many <= few + CHANCE, "{window} outstanding: {few} allocations, then {many}");
    }
}
