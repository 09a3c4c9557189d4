//! Who speaks and who listens: one thread with all members, the same for every server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use crate::support::clock;

const LINE: &[u8] = b"what one of them says, all the others hear\n";
/// How long a line is as it is told: the address of the speaker, which has a port of five digits, stands before it.
const TOLD_LEN: u64 = ("127.0.0.1:12345\n".len() + LINE.len()) as u64;
const NEWLINES: u64 = 2;
/// How long a line may take before the server is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    stream: mio::net::TcpStream,
    said: u64,
    heard_len: u64,
    newlines: u64,
}

impl Member {
    fn join(server: SocketAddr, poll: &Poll, token: Token) -> Self {
        let stream = TcpStream::connect(server).expect("it listens");
        assert!(stream.local_addr().is_ok_and(|addr| addr.port() >= 10_000), "a port has five digits");
        stream.set_nodelay(true).expect("it is a stream");
        stream.set_nonblocking(true).expect("it is a stream");
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE).expect("a stream can be watched");
        Self { stream, said: 0, heard_len: 0, newlines: 0 }
    }

    /// Says lines with one write, up to this count.
    fn say(&mut self, up_to: u64, lines: &[u8]) {
        let len = up_to.saturating_sub(self.said) as usize * LINE.len();
        if len > 0 {
            // So little is on its way that it fits.
            self.stream.write_all(&lines[..len]).expect("the server reads");
            self.said = up_to;
        }
    }

    fn hear(&mut self, buffer: &mut [u8]) {
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => panic!("the server closes"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server is gone: {error}"),
            };
            self.heard_len += len as u64;
            self.newlines += memchr::memchr_iter(b'\n', &buffer[..len]).count() as u64;
            if len < buffer.len() {
                return;
            }
        }
    }
}

/// Members that all listen, the last of which speak.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    speakers: usize,
    /// How many lines of each speaker are on their way at most. One is on its way until every member has heard it.
    window: u64,
    /// As many lines as that.
    lines: Vec<u8>,
    buffer: Vec<u8>,
    /// How many lines were said before the first round.
    greetings: u64,
    rounds: u64,
}

impl Load {
    /// Joins, and waits until the server has all members.
    pub(crate) fn new(server: SocketAddr, [speakers, members]: [usize; 2], window: u64) -> Self {
        let poll = Poll::new().expect("there is a descriptor left");
        let mut load = Self {
            members: (0..members).map(|index| Member::join(server, &poll, Token(index))).collect(),
            poll,
            events: Events::with_capacity(members),
            speakers,
            window,
            lines: LINE.repeat(window as usize),
            buffer: vec![0; 64 * 1024],
            greetings: 1,
            rounds: 0,
        };
        // Joining is silent. Who came last is heard by all who came before.
        let last = load.members.last_mut().expect("there are members");
        last.say(1, &load.lines);
        last.said = 0;
        while load.told() < load.greetings {
            load.listen();
        }
        load
    }

    /// How many lines every member has heard.
    fn told(&self) -> u64 {
        let least = self.members.iter().map(|member| member.heard_len).min().unwrap_or_default();
        least / TOLD_LEN
    }

    fn listen(&mut self) {
        self.poll.poll(&mut self.events, Some(PATIENCE)).expect("it can be waited for");
        assert!(!self.events.is_empty(), "nothing is heard");
        for event in &self.events {
            self.members[event.token().0].hear(&mut self.buffer);
        }
    }

    /// Has each speaker say so many lines more; gives how long it takes until all have heard all.
    pub(crate) fn run(&mut self, rounds: u64) -> Duration {
        let begin = clock();
        self.rounds += rounds;
        let first = self.members.len() - self.speakers;
        loop {
            let told = (self.told() - self.greetings) / self.speakers as u64;
            if told == self.rounds {
                break;
            }
            for speaker in &mut self.members[first..] {
                speaker.say(self.rounds.min(told + self.window), &self.lines);
            }
            self.listen();
        }
        let took = clock() - begin;
        let lines = self.greetings + self.rounds * self.speakers as u64;
        for member in &self.members {
            assert_eq!((member.heard_len, member.newlines), (lines * TOLD_LEN, lines * NEWLINES));
        }
        took
    }
}
