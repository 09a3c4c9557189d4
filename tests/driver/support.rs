//! A machine driven in a thread of its own, and bounds on every wait.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lossproof::drive::{DriveError, Setup, run_until};
use lossproof::{Input, Machine, Outbox, Peer, Status};
use tokio::sync::oneshot;

/// How long anything is waited for that ought to happen: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Both families' loopback, with a port that the system chooses.
pub(crate) const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// The real clock.
#[expect(clippy::disallowed_methods, reason = "real sockets are tested in real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// A machine that a test writes as a closure; it has no deadline.
pub(crate) struct Puppet<C, E, F> {
    act: F,
    types: PhantomData<fn(C) -> E>,
}

impl<C, E, F: FnMut(Input<'_, C>, &mut Outbox<E>)> Puppet<C, E, F> {
    pub(crate) fn new(act: F) -> Self {
        Self { act, types: PhantomData }
    }
}

impl<C, E, F> Machine for Puppet<C, E, F>
where
    C: 'static,
    E: PartialEq + Debug + 'static,
    F: FnMut(Input<'_, C>, &mut Outbox<E>) + 'static,
{
    type Command = C;
    type Event = E;

    fn handle(&mut self, input: Input<'_, C>, _: lossproof::Instant, out: &mut Outbox<E>) {
        (self.act)(input, out);
    }
}

/// A machine that runs in a thread of its own.
pub(crate) struct Driven<E> {
    /// Where its sockets are bound.
    pub(crate) locals: Vec<Peer>,
    events: Receiver<E>,
    seen: Vec<E>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Status, DriveError>>,
}

impl<E: Send + 'static> Driven<E> {
    /// Waits until the machine is bound.
    pub(crate) fn start<M>(setup: Setup<M::Command>, make: impl FnOnce() -> M + Send + 'static) -> Self
    where
        M: Machine<Event = E, Command: Send>,
    {
        let (tell_locals, opened) = mpsc::channel();
        let (tell_event, events) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let opened = move |locals: &[Peer]| tell_locals.send(locals.to_vec()).unwrap();
            let event = move |event| _ = tell_event.send(event);
            let stop = async {
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            runtime.block_on(run_until(make(), setup, opened, event, stop))
        });
        match opened.recv_timeout(PATIENCE) {
            Ok(locals) => Self { locals, events, seen: Vec::new(), stop, thread },
            Err(RecvTimeoutError::Timeout) => panic!("it takes too long to open"),
            Err(RecvTimeoutError::Disconnected) => panic!("it did not open: {:?}", thread.join()),
        }
    }

    /// Waits until something was told.
    pub(crate) fn wait(&mut self, what: &str, enough: impl Fn(&[E]) -> bool) -> &[E]
    where
        E: Debug,
    {
        let until = clock() + PATIENCE;
        while !enough(&self.seen) {
            match self.events.recv_timeout(until.saturating_duration_since(clock())) {
                Ok(event) => self.seen.push(event),
                Err(why) => panic!("{what}: not among {} events ({why}): {:?}", self.seen.len(), self.seen),
            }
        }
        &self.seen
    }

    /// Waits for the machine to end by itself.
    pub(crate) fn join(self) -> (Result<Status, DriveError>, Vec<E>) {
        let Self { events, mut seen, stop, thread, .. } = self;
        // The senders of the events go when the driver ends.
        let until = clock() + PATIENCE;
        loop {
            match events.recv_timeout(until.saturating_duration_since(clock())) {
                Ok(event) => seen.push(event),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the machine does not end"),
            }
        }
        drop(stop);
        (thread.join().unwrap_or_else(|panic| resume_unwind(panic)), seen)
    }

    /// Stops the machine; gives everything that it told.
    pub(crate) fn stop(mut self) -> Vec<E> {
        let (unused, _) = oneshot::channel();
        std::mem::replace(&mut self.stop, unused).send(()).expect("it runs until it is stopped");
        let (status, seen) = self.join();
        assert_eq!(status.unwrap(), Status::Success);
        seen
    }
}

/// A plain datagram socket whose waits are bounded.
pub(crate) fn plain_udp(local: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(local).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram, and where it came from.
pub(crate) fn receive(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buf = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut buf).expect("a datagram comes");
    buf.truncate(len);
    (String::from_utf8(buf).unwrap(), from)
}

/// A plain stream whose waits are bounded.
pub(crate) fn plain_tcp(server: Peer) -> TcpStream {
    bounded(TcpStream::connect_timeout(&server.inet().unwrap(), PATIENCE).unwrap())
}

/// Bounds the waits of a stream.
pub(crate) fn bounded(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Accepts one connection.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    bounded(listener.accept().unwrap().0)
}

/// A file that no other test has, in a directory of its own.
pub(crate) fn file() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("driver-{number}"));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory.join("state")
}
