//! The driver on real sockets, counted in its own thread while somebody else asks.

#[path = "../../benches/support/echo.rs"]
mod echo;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use allocation_counter::measure;
use lossproof::drive::{Endpoint, Setup, run_until};
use lossproof::wire::frame;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// How many messages a short run has, and a long one.
const FEW: usize = 1_000;
const MANY: usize = 50_000;
/// How much more often a long run may allocate: how much is read at once is a matter of chance, and a buffer may grow
/// to its full length later.
const CHANCE: u64 = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says how often the driver has allocated from its start to its end.
struct Counted {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<u64>,
}

impl Counted {
    fn start<M: Machine>(
        endpoint: impl FnOnce(Peer) -> Endpoint,
        make: impl FnOnce() -> M + Send + 'static,
    ) -> Self {
        let endpoint = endpoint("127.0.0.1:0".parse().unwrap());
        let (tell, told): (_, Receiver<Peer>) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let info = measure(|| {
                let stop = async { stopped.await.unwrap() };
                let opened = |peer| tell.send(peer).unwrap();
                let driven = run_until(make(), Setup::new(endpoint), opened, drop, stop);
                assert_eq!(runtime.block_on(driven).unwrap(), Status::Success);
            });
            info.count_total
        });
        Self { addr: told.recv().unwrap().inet().unwrap(), stop, thread }
    }

    fn end(self) -> u64 {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

/// How often the driver allocates where so many frames are echoed, with so many outstanding.
fn of_echoes(messages: usize, window: usize) -> u64 {
    let counted = Counted::start(|bind| Endpoint::Listener { bind }, echo::Echo::default);
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

/// Answers every datagram with a text of its own.
struct Length;

impl Machine for Length {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { peer, bytes } => out.send_fmt(peer, format_args!("{} bytes", bytes.len())),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// The same for datagrams.
fn of_datagrams(messages: usize, window: usize) -> u64 {
    let endpoint = |bind| Endpoint::Datagram { bind, connect: None, broadcast: false };
    let counted = Counted::start(endpoint, || Length);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(counted.addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 64];
    for _ in 0..messages / window {
        for _ in 0..window {
            socket.send(b"how long is this?").unwrap();
        }
        for _ in 0..window {
            let len = socket.recv(&mut answer).unwrap();
            assert_eq!(&answer[..len], b"17 bytes");
        }
    }
    counted.end()
}

#[test]
fn the_driver_allocates_nothing_for_a_datagram() {
    for window in [1, 20] {
        of_datagrams(FEW, window);
        let (few, many) = (of_datagrams(FEW, window), of_datagrams(MANY, window));
        assert!(many <= few + CHANCE, "{window} outstanding: {few} allocations, then {many}");
    }
}
