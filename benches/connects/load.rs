//! What connects: one thread, the same for every server.
//!
//! It closes after it has read the server's end, in good order. So it is the server's side that keeps a port in
//! `TIME_WAIT`, and the loopback's ports are free again at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lossproof::systems::tcp_sixteen::{FAREWELL, HELLO};
use mio::{Events, Interest, Poll, Token};

use crate::support::clock;

/// How long an answer may take before the server is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens so many connections, one after another, and says how long that took.
pub(crate) fn one_at_a_time(server: SocketAddr, count: u64) -> Duration {
    let begin = clock();
    // One more than the answer has, so that a surplus would show.
    let mut answer = [0; FAREWELL.len() + 1];
    for _ in 0..count {
        let mut stream = TcpStream::connect(server).expect("it listens");
        stream.write_all(HELLO).expect("the server reads");
        let mut answer_len = 0;
        loop {
            match stream.read(&mut answer[answer_len..]).expect("the server answers") {
                0 => break,
                len => answer_len += len,
            }
        }
        assert_eq!(&answer[..answer_len], FAREWELL);
    }
    clock() - begin
}

/// One connection of those that overlap.
struct Call {
    stream: mio::net::TcpStream,
    asked: bool,
    answer: [u8; FAREWELL.len() + 1],
    answer_len: usize,
}

impl Call {
    fn open(server: SocketAddr, poll: &Poll, token: Token) -> Self {
        let mut stream = mio::net::TcpStream::connect(server).expect("there is a free port");
        let either = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, token, either).expect("a stream can be watched");
        Self { stream, asked: false, answer: [0; FAREWELL.len() + 1], answer_len: 0 }
    }

    /// Goes on as far as the socket is ready; says whether the answer and the server's end are there.
    fn turn(&mut self) -> bool {
        if !self.asked {
            match self.stream.write(HELLO) {
                Ok(len) => assert_eq!(len, HELLO.len(), "a new stream has room"),
                Err(error) if is_early(&error) => return false,
                Err(error) => panic!("no connection: {error}"),
            }
            self.asked = true;
        }
        loop {
            match self.stream.read(&mut self.answer[self.answer_len..]) {
                Ok(0) => {
                    assert_eq!(&self.answer[..self.answer_len], FAREWELL);
                    return true;
                }
                Ok(len) => self.answer_len += len,
                Err(error) if is_early(&error) => return false,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }
}

/// Whether the socket is only not ready yet.
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

/// Opens so many connections, with so many of them open at once.
pub(crate) fn overlapping(server: SocketAddr, count: u64, in_flight: usize) -> Duration {
    let begin = clock();
    let mut poll = Poll::new().expect("there is a descriptor left");
    let mut events = Events::with_capacity(in_flight);
    let first = in_flight.min(count as usize);
    let mut calls: Vec<Option<Call>> =
        (0..first).map(|index| Some(Call::open(server, &poll, Token(index)))).collect();
    let (mut unopened, mut open) = (count - first as u64, first);
    while open > 0 {
        poll.poll(&mut events, Some(PATIENCE)).expect("it can be waited for");
        assert!(!events.is_empty(), "no answer comes");
        for event in &events {
            let call = &mut calls[event.token().0];
            if !call.as_mut().is_some_and(Call::turn) {
                continue;
            }
            // The old one is closed before the next is opened.
            *call = None;
            if unopened > 0 {
                unopened -= 1;
                *call = Some(Call::open(server, &poll, event.token()));
            } else {
                open -= 1;
            }
        }
    }
    clock() - begin
}
