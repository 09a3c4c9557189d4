//! The driver on real sockets, counted in its own thread while somebody else asks.

#[cfg(feature = "systems")]
mod chat;
#[cfg(feature = "parts")]
#[path = "../../benches/support/echo.rs"]
mod echo;
#[cfg(feature = "parts")]
mod frames;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use allocation_counter::measure;
use lossproof::drive::{Endpoint, Setup, run_until};
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
        endpoint: fn(Peer) -> Endpoint,
        addr: &str,
        make: impl FnOnce() -> M + Send + 'static,
    ) -> Self {
        let endpoint = endpoint(addr.parse().unwrap());
        let (tell, told): (_, Receiver<Peer>) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let info = measure(|| {
                let stop = async { stopped.await.unwrap() };
                let opened = |locals: &[Peer]| tell.send(locals[0]).unwrap();
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

/// Answers every datagram with a text of its own.
struct Length;

impl Machine for Length {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { bytes, .. } => out.reply_fmt(format_args!("{} bytes", bytes.len())),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// How often the driver allocates where so many datagrams are answered, with so many outstanding.
fn of_datagrams(bind: &str, messages: usize, window: usize) -> u64 {
    let counted = Counted::start(Endpoint::datagram, bind, || Length);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, counted.addr.port())).unwrap();
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

/// A wildcard's socket is told with each call where it sends from.
#[test]
fn the_driver_allocates_nothing_for_a_datagram() {
    for bind in ["127.0.0.1:0", "0.0.0.0:0"] {
        for window in [1, 20] {
            of_datagrams(bind, FEW, window);
            let few = of_datagrams(bind, FEW, window);
            let many = of_datagrams(bind, MANY, window);
            assert!(many <= few + CHANCE, "{bind}, {window} outstanding: {few} allocations, then {many}");
        }
    }
}
