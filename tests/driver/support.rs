//! What the tests on real sockets share: a machine driven in a thread of its own, and bounds on every wait.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lossproof::drive::{DriveError, Endpoint, LocalFaults, Setup, run_until};
use lossproof::machine::UnixPath;
use lossproof::{Input, Machine, Outbox, Peer, Status};
use tokio::sync::oneshot;

/// How long anything is waited for that ought to happen: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited to see that something does not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(100);
/// Both families' loopback, with a port that the system chooses.
pub(crate) const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// The real clock.
#[expect(clippy::disallowed_methods, reason = "real sockets are tested in real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// Runs a test and fails it if it hangs.
pub(crate) fn within_bounds(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _done = done;
        test();
    });
    // The channel closes when the test ends, whichever way.
    match ended.recv_timeout(PATIENCE * 3) {
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs"),
        _ => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}

/// A machine that runs in a thread of its own.
pub(crate) struct Driven<E> {
    /// Where its first socket is bound; port 0 if it has none, or a Unix socket.
    pub(crate) addr: SocketAddr,
    /// Where all its sockets are bound.
    pub(crate) locals: Vec<Peer>,
    events: Receiver<E>,
    seen: Vec<E>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Status, DriveError>>,
}

impl<E: Send + 'static> Driven<E> {
    /// Waits until the machine is bound.
    ///
    /// # Panics
    /// If it cannot be.
    pub(crate) fn start<M>(
        sockets: impl Into<Vec<Endpoint>>,
        faults: Option<LocalFaults>,
        make: impl FnOnce() -> M + Send + 'static,
    ) -> Self
    where
        M: Machine<Event = E, Command: Send>,
    {
        Self::start_with(Setup { faults, ..Setup::new(sockets) }, make)
    }

    /// The same for a machine that is given commands.
    ///
    /// # Panics
    /// If it cannot be bound.
    pub(crate) fn start_with<M>(setup: Setup<M::Command>, make: impl FnOnce() -> M + Send + 'static) -> Self
    where
        M: Machine<Event = E, Command: Send>,
    {
        let (tell_locals, opened) = mpsc::channel();
        let (event_sender, events) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let tell = move |locals: &[Peer]| tell_locals.send(locals.to_vec()).unwrap();
            let event = move |event| _ = event_sender.send(event);
            let stop = async {
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            runtime.block_on(run_until(make(), setup, tell, event, stop))
        });
        match opened.recv_timeout(PATIENCE) {
            Ok(locals) => {
                let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
                let addr = locals.first().and_then(Peer::inet).unwrap_or(nowhere);
                Self { addr, locals, events, seen: Vec::new(), stop, thread }
            }
            Err(RecvTimeoutError::Timeout) => panic!("it takes too long to open"),
            Err(RecvTimeoutError::Disconnected) => panic!("it did not open: {:?}", thread.join()),
        }
    }

    /// Where it is bound, on whichever kind of socket.
    pub(crate) fn peer(&self) -> Peer {
        self.locals[0]
    }

    /// Waits until enough has been told.
    ///
    /// # Panics
    /// If that does not come.
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

    /// Waits until so many events match.
    pub(crate) fn wait_count(&mut self, what: &str, count: usize, matches: impl Fn(&E) -> bool)
    where
        E: Debug,
    {
        self.wait(what, |events| events.iter().filter(|event| matches(event)).count() >= count);
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
    ///
    /// # Panics
    /// If it does not end well.
    pub(crate) fn stop(mut self) -> Vec<E> {
        let (unused, _) = oneshot::channel();
        std::mem::replace(&mut self.stop, unused).send(()).expect("it runs until it is stopped");
        let (status, seen) = self.join();
        assert_eq!(status.unwrap(), Status::Success);
        seen
    }
}

/// What opening a socket says, where it fails.
pub(crate) fn open_error<M: Machine>(machine: M, endpoint: Endpoint) -> DriveError {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let opened = |locals: &[Peer]| panic!("it was opened at {locals:?}");
    let never = std::future::pending();
    runtime.block_on(run_until(machine, Setup::new(endpoint), opened, |_| {}, never)).unwrap_err()
}

/// A plain datagram socket whose waits are bounded.
pub(crate) fn plain_udp(local: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(local).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram.
pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buf = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut buf).expect("a datagram comes");
    buf.truncate(len);
    (buf, from)
}

/// Asserts that no datagram comes for a while.
pub(crate) fn assert_silence(socket: &UdpSocket) {
    socket.set_read_timeout(Some(A_WHILE)).unwrap();
    let mut buf = [0; 256];
    match socket.recv_from(&mut buf) {
        Ok((len, from)) => panic!("{from} said {}", buf[..len].escape_ascii()),
        Err(error) => assert!(is_timeout(&error), "{error}"),
    }
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// A plain stream whose waits are bounded.
pub(crate) fn plain_tcp(server: impl Into<Peer>) -> TcpStream {
    bounded(TcpStream::connect_timeout(&server.into().inet().unwrap(), PATIENCE).unwrap())
}

/// Bounds the waits of a stream.
pub(crate) fn bounded(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Accepts one connection.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let until = clock() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                return bounded(stream);
            }
            Err(error) => assert!(is_timeout(&error) && clock() < until, "nobody connects: {error}"),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Everything up to the end of a stream.
pub(crate) fn read_all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

/// Ends a stream so that the other side sees a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A plan for one of two processes.
pub(crate) fn faults(plan: &str, own: &str, peer: &str) -> LocalFaults {
    let plan = plan.parse().unwrap();
    LocalFaults { plan, own: own.to_owned(), peer: peer.to_owned() }
}

/// A datagram socket of ours.
pub(crate) fn datagram(bind: SocketAddr, connect: Option<SocketAddr>) -> Endpoint {
    Endpoint::Datagram { bind: bind.into(), connect: connect.map(Peer::from), broadcast: false }
}

/// A path for a socket that no other test has, short enough to be one.
pub(crate) fn unix_path() -> UnixPath {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("lossproof-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    UnixPath::new(path.as_os_str().as_bytes()).unwrap()
}

/// The same path for the system.
pub(crate) fn file(path: &UnixPath) -> &Path {
    Path::new(OsStr::from_bytes(path.as_bytes()))
}

/// A listening socket of ours.
pub(crate) fn listener(bind: SocketAddr) -> Endpoint {
    Endpoint::Listener { bind: bind.into() }
}

/// No socket: the machine dials.
pub(crate) const fn dialer() -> Vec<Endpoint> {
    Vec::new()
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

/// Says how long each datagram was.
pub(crate) struct Length;

impl Machine for Length {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: lossproof::Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { bytes, .. } => {
                out.reply_fmt(format_args!("Your data was {} bytes long", bytes.len()));
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// The next datagram as text, and where it came from.
pub(crate) fn receive_text(socket: &UdpSocket) -> (String, SocketAddr) {
    let (bytes, from) = receive(socket);
    (String::from_utf8(bytes).unwrap(), from)
}

/// A file that no other test has, in a directory of its own.
pub(crate) fn state_file() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("driver-{number}"));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory.join("state")
}
