//! A server in a process of its own: where it runs, and what it costs.

use std::env;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::support::clock;
use crate::support::server::LOOPBACK;

/// The word that makes this program a server: the baseline of the name after it, at the address after that.
pub(crate) const SERVE: &str = "--serve";
/// How long a server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// `lossproof serve SYSTEM ADDR`, and these words.
    Program(&'static str, &'static [&'static str]),
    /// One of the servers of this program, by its name.
    Own(&'static str),
}

/// What carries messages to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Datagrams,
    Streams,
}

/// A server that is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// Starts a server and waits until it answers.
    pub(crate) fn start(start: Start, carrier: Carrier) -> Self {
        let addr = free_addr(carrier);
        let mut command = match start {
            Start::Program(system, words) => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
                command.args(["serve", system, &addr.to_string()]).args(words);
                command
            }
            Start::Own(name) => {
                let mut command = Command::new(env::current_exe().expect("this program has a path"));
                command.args([SERVE, name, &addr.to_string()]);
                command
            }
        };
        // A server of this program ends with its standard input, and so with this process, however that ends.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let server = Self { child: command.spawn().expect("it was built for this bench"), addr };
        server.wait(carrier);
        server
    }

    fn wait(&self, carrier: Carrier) {
        let begin = clock();
        while !is_answered(self.addr, carrier) {
            assert!(clock() - begin < PATIENCE, "{} does not answer", self.addr);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How much processor time it has used, in the kernel and outside of it.
    pub(crate) fn cpu_time(&self) -> Duration {
        let id = Pid::from_raw(self.child.id().cast_signed());
        let clock = ClockId::pid_cpu_clock_id(id).expect("it is our child");
        clock.now().expect("it has a clock").into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody has just now.
fn free_addr(carrier: Carrier) -> SocketAddr {
    let addr = match carrier {
        Carrier::Datagrams => UdpSocket::bind(LOOPBACK).and_then(|socket| socket.local_addr()),
        Carrier::Streams => TcpListener::bind(LOOPBACK).and_then(|socket| socket.local_addr()),
    };
    addr.expect("there is a free port")
}

fn is_answered(addr: SocketAddr, carrier: Carrier) -> bool {
    if carrier == Carrier::Streams {
        return TcpStream::connect(addr).is_ok();
    }
    let socket = UdpSocket::bind(LOOPBACK).expect("there is a free port");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("it is no zero");
    // Where nobody listens yet the refusal may come with either call.
    let asked = socket.connect(addr).and_then(|()| socket.send(b"?"));
    asked.and_then(|_| socket.recv(&mut [0; 64])).is_ok()
}

/// Which processors the server has, and which the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One for the server, one for the load.
    Pinned,
    /// As the scheduler likes.
    Free,
}

impl Place {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Free => "free",
        }
    }

    /// Starts something with the server's processors: threads and processes have those of whoever made them.
    pub(crate) fn for_server<T>(self, start: impl FnOnce() -> T) -> T {
        self.on(0, start)
    }

    /// Does something with the load's processors.
    pub(crate) fn for_load<T>(self, load: impl FnOnce() -> T) -> T {
        self.on(1, load)
    }

    fn on<T>(self, processor: usize, work: impl FnOnce() -> T) -> T {
        if self == Self::Free {
            return work();
        }
        let (this, mut one) = (Pid::from_raw(0), CpuSet::new());
        let all = sched_getaffinity(this).expect("a thread knows its processors");
        one.set(processor).expect("it is a small number");
        sched_setaffinity(this, &one).expect("there are two processors");
        let worked = work();
        sched_setaffinity(this, &all).expect("it had them before");
        worked
    }
}
