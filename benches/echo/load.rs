//! What asks: one thread, the same for every server. Each frame that comes back is compared.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lossproof::wire::frame;
use mio::{Events, Interest, Poll, Token};

use crate::support::clock;

/// How many frames are outstanding where they are pipelined: 34 KiB, which every buffer on the way holds.
pub(crate) const WINDOW: usize = 512;
const PAYLOAD: &[u8; 64] = b"sixty-four bytes that go to and come back from whoever echoes it";
const FRAME_LEN: usize = frame::HEADER_LEN + PAYLOAD.len();
/// How long an answer may take before the server is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same frame, so many times.
fn frames(count: usize) -> Vec<u8> {
    let mut one = Vec::new();
    frame::encode(PAYLOAD, PAYLOAD.len(), &mut one).expect("it is within the limit");
    one.repeat(count)
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("it listens");
    stream.set_nodelay(true).expect("it is a stream");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
    stream
}

/// Something that asks for so many iterations, and says how long they took.
pub(crate) trait Load {
    fn run(&mut self, iterations: u64) -> Duration;
}

/// One frame there, one back, on one connection.
pub(crate) struct PingPong {
    stream: TcpStream,
    frame: Vec<u8>,
}

impl PingPong {
    pub(crate) const MESSAGES: u64 = 256;

    pub(crate) fn new(server: SocketAddr) -> Self {
        Self { stream: connect(server), frame: frames(1) }
    }
}

impl Load for PingPong {
    fn run(&mut self, iterations: u64) -> Duration {
        let begin = clock();
        let mut echo = [0; FRAME_LEN];
        for _ in 0..iterations * Self::MESSAGES {
            self.stream.write_all(&self.frame).expect("the server reads");
            self.stream.read_exact(&mut echo).expect("the server answers");
            assert_eq!(echo.as_slice(), self.frame);
        }
        clock() - begin
    }
}

/// One frame there, one back, on each of many connections at once.
pub(crate) struct Many {
    poll: Poll,
    events: Events,
    streams: Vec<Turn>,
    frame: Vec<u8>,
}

struct Turn {
    stream: mio::net::TcpStream,
    echo: [u8; FRAME_LEN],
    echo_len: usize,
    left: u64,
}

impl Many {
    pub(crate) fn new(server: SocketAddr, connections: usize) -> Self {
        let poll = Poll::new().expect("there is a descriptor left");
        let streams = (0..connections).map(|index| {
            let stream = connect(server);
            stream.set_nonblocking(true).expect("it is a stream");
            let mut stream = mio::net::TcpStream::from_std(stream);
            let watched = poll.registry().register(&mut stream, Token(index), Interest::READABLE);
            watched.expect("a stream can be watched");
            Turn { stream, echo: [0; FRAME_LEN], echo_len: 0, left: 0 }
        });
        Self {
            streams: streams.collect(),
            poll,
            events: Events::with_capacity(connections),
            frame: frames(1),
        }
    }
}

impl Load for Many {
    fn run(&mut self, iterations: u64) -> Duration {
        let begin = clock();
        for turn in &mut self.streams {
            turn.left = iterations;
            turn.stream.write_all(&self.frame).expect("a frame always fits");
        }
        let mut open = self.streams.len();
        while open > 0 {
            self.poll.poll(&mut self.events, Some(PATIENCE)).expect("it can be waited for");
            assert!(!self.events.is_empty(), "no answer comes");
            for event in &self.events {
                let turn = &mut self.streams[event.token().0];
                match turn.stream.read(&mut turn.echo[turn.echo_len..]) {
                    Ok(0) => panic!("the server closes"),
                    Ok(len) => turn.echo_len += len,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => panic!("the server is gone: {error}"),
                }
                if turn.echo_len < FRAME_LEN {
                    continue;
                }
                assert_eq!(turn.echo.as_slice(), self.frame);
                (turn.echo_len, turn.left) = (0, turn.left - 1);
                if turn.left == 0 {
                    open -= 1;
                } else {
                    turn.stream.write_all(&self.frame).expect("a frame always fits");
                }
            }
        }
        clock() - begin
    }
}

/// Many frames on their way on one connection: as many go as have come back.
pub(crate) struct Pipelined {
    stream: TcpStream,
    /// More than can be on the way, from any offset within the first frame.
    frames: Vec<u8>,
    buffer: Vec<u8>,
}

impl Pipelined {
    pub(crate) const MESSAGES: u64 = 16 * 1024;

    pub(crate) fn new(server: SocketAddr) -> Self {
        let frames = frames(WINDOW + 1);
        Self { stream: connect(server), buffer: vec![0; frames.len()], frames }
    }
}

impl Load for Pipelined {
    fn run(&mut self, iterations: u64) -> Duration {
        let begin = clock();
        let frames = (iterations * Self::MESSAGES) as usize;
        let (mut sent, mut came_len) = (0, 0);
        while came_len < frames * FRAME_LEN {
            let free = (came_len / FRAME_LEN + WINDOW).min(frames) - sent;
            self.stream.write_all(&self.frames[..free * FRAME_LEN]).expect("the server reads");
            sent += free;
            let len = self.stream.read(&mut self.buffer).expect("the server answers");
            assert_ne!(len, 0, "the server closes");
            let offset = came_len % FRAME_LEN;
            assert!(self.buffer[..len] == self.frames[offset..offset + len], "another echo than was sent");
            came_len += len;
        }
        clock() - begin
    }
}
