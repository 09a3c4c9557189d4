//! What the tests on real sockets share: a machine driven in a thread of its own, and bounds on every wait.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lossproof::drive::{DriveError, Endpoint, LocalFaults, Setup, run_until};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::machine::UnixPath;
use lossproof::systems::{CLIENT, Options, SERVER, System, Transport, Typed};
use lossproof::{Boot, Input, Machine, Outbox, Peer, Status};
use tokio::sync::oneshot;

/// How long anything is waited for that ought to happen: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited to see that something does not happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(100);
/// Both families' loopback, with a port that the system chooses.
pub(crate) const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
/// The first machine of its host.
pub(crate) const BOOT: Boot<'static> = Boot { incarnation: 0, seed: 7, disk: &[] };

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

/// What a terminal shows of this.
pub(crate) fn printed<S: System>(told: &[S::Event]) -> String {
    let mut text = String::new();
    for event in told {
        S::print(event, &mut text).unwrap();
    }
    text
}

/// The command that a typed line is.
///
/// # Panics
/// If nothing can be typed.
pub(crate) fn typed<S: System>(line: &str) -> S::Command {
    S::typed(Typed::Line(line.as_bytes().to_vec())).unwrap()
}

/// Types lines, each when it is asked for, and then the end of the input.
///
/// # Panics
/// If a line is not asked for, or nothing can be typed.
pub(crate) fn type_all<S: System>(
    client: &mut Driven<S::Event>,
    keyboard: &tokio::sync::mpsc::Sender<S::Command>,
    lines: &[&str],
) where
    S::Event: Send,
{
    let commands = lines.iter().map(|line| typed::<S>(line)).chain(S::typed(Typed::End));
    for (index, command) in commands.enumerate() {
        client.wait_count("the next line is wanted", index + 1, S::wants_line);
        assert!(keyboard.blocking_send(command).is_ok(), "the client has ended");
    }
}

/// Calls a server that is not there, over both families, and wants one plain line. `call` says how the client ended, and
/// what it told.
pub(crate) fn assert_told_of_nobody<S: System>(
    call: impl Fn(SocketAddr) -> (Result<Status, DriveError>, Vec<S::Event>),
) {
    for bind in [V4, V6] {
        let nobody = TcpListener::bind(bind).unwrap().local_addr().unwrap();
        let (status, told) = call(nobody);
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed::<S>(&told), format!("cannot connect to {nobody}: connection refused\n"));
    }
}

/// A machine that runs in a thread of its own.
pub(crate) struct Driven<E> {
    /// Where it is bound; port 0 if it is not, or on a Unix socket.
    pub(crate) addr: SocketAddr,
    peer: Peer,
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
        endpoint: Endpoint,
        faults: Option<LocalFaults>,
        make: impl FnOnce() -> M + Send + 'static,
    ) -> Self
    where
        M: Machine<Event = E, Command: Send> + 'static,
    {
        Self::start_with(Setup { faults, ..Setup::new(endpoint) }, make)
    }

    /// The same for a machine that is given commands.
    ///
    /// # Panics
    /// If it cannot be bound.
    pub(crate) fn start_with<M>(setup: Setup<M::Command>, make: impl FnOnce() -> M + Send + 'static) -> Self
    where
        M: Machine<Event = E, Command: Send> + 'static,
    {
        let (peer_sender, opened) = mpsc::channel();
        let (event_sender, events) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let tell = move |peer: Peer| peer_sender.send(peer).unwrap();
            let event = move |event| _ = event_sender.send(event);
            let stop = async {
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            runtime.block_on(run_until(make(), setup, tell, event, stop))
        });
        match opened.recv_timeout(PATIENCE) {
            Ok(peer) => {
                let addr = peer.inet().unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
                Self { addr, peer, events, seen: Vec::new(), stop, thread }
            }
            Err(RecvTimeoutError::Timeout) => panic!("it takes too long to open"),
            Err(RecvTimeoutError::Disconnected) => panic!("it did not open: {:?}", thread.join()),
        }
    }

    /// Where it is bound, on whichever kind of socket.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
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
    let opened = |addr| panic!("it was opened at {addr}");
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
pub(crate) fn plain_tcp(server: SocketAddr) -> TcpStream {
    bounded(TcpStream::connect_timeout(&server, PATIENCE).unwrap())
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

/// A stream to a Unix socket whose waits are bounded.
pub(crate) fn plain_unix(path: &UnixPath) -> UnixStream {
    let stream = UnixStream::connect(file(path)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A listening socket of ours.
pub(crate) fn listener(bind: SocketAddr) -> Endpoint {
    Endpoint::Listener { bind: bind.into() }
}

/// A machine that a test writes as a closure; it has no deadline.
pub(crate) struct Puppet<E, F> {
    act: F,
    told: std::marker::PhantomData<fn() -> E>,
}

impl<E, F: FnMut(Input<'_, ()>, &mut Outbox<E>)> Puppet<E, F> {
    pub(crate) fn new(act: F) -> Self {
        Self { act, told: std::marker::PhantomData }
    }
}

impl<E: PartialEq + Debug, F: FnMut(Input<'_, ()>, &mut Outbox<E>)> Machine for Puppet<E, F> {
    type Command = ();
    type Event = E;

    fn handle(&mut self, input: Input<'_, ()>, _: lossproof::Instant, out: &mut Outbox<E>) {
        (self.act)(input, out);
    }

    fn deadline(&self) -> Option<lossproof::Instant> {
        None
    }
}

/// A machine whose inputs are noted, in a few words each, before it gets them.
pub(crate) struct Spied<M> {
    pub(crate) machine: M,
    pub(crate) inputs: Arc<Mutex<Vec<String>>>,
}

impl<M: Machine> Machine for Spied<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: lossproof::Instant, out: &mut Outbox<M::Event>) {
        let noted = match &input {
            Input::Datagram { bytes, .. } => format!("datagram {}", bytes.escape_ascii()),
            Input::Unreachable { peer } => format!("unreachable {peer}"),
            _ => String::new(),
        };
        if !noted.is_empty() {
            self.inputs.lock().unwrap().push(noted);
        }
        self.machine.handle(input, now, out);
    }

    fn deadline(&self) -> Option<lossproof::Instant> {
        self.machine.deadline()
    }
}

/// Runs a system in the event engine and over loopback with the same plan, and holds that both roles tell the same.
pub(crate) fn assert_same_over_loopback<S>(options: &Options, plan: &str)
where
    S: System<Command: Send, Event: Send>,
{
    let scenario = Rc::new(S::scenario(options));
    let plan: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&plan, &scenario.names()).unwrap();
    let mut engine = Engine::default();
    engine.run(&scenario, &Settings { plan: prepared, ..Settings::default() });
    let told_by = |host| {
        let of_host = engine.events().iter().filter(move |happened| happened.host == host);
        let server = scenario.peer(SERVER).inet().unwrap();
        of_host.map(|happened| named(&happened.event.to_string(), server)).collect::<Vec<_>>()
    };
    let (by_server, by_client) = (told_by(SERVER), told_by(CLIENT));

    let local = |own: &str, peer: &str| {
        Some(LocalFaults { plan: plan.clone(), own: own.to_owned(), peer: peer.to_owned() })
    };
    let (of_server, of_client) = (options.clone(), options.clone());
    let (at_server, at_client) = match S::ABOUT.transport {
        Transport::Udp => (datagram(V4, None), None),
        Transport::Tcp => (listener(V4), Some(Endpoint::Dialer)),
    };
    let mut server = Driven::start(at_server, local("server", "client"), move || S::server(&of_server, BOOT));
    let (addr, peer) = (server.addr, server.peer());
    let connect = S::ABOUT.client_connects.then_some(addr);
    let at_client = at_client.unwrap_or_else(|| datagram(V4, connect));
    let client =
        Driven::start(at_client, local("client", "server"), move || S::client(&of_client, peer, BOOT));
    let (status, told) = client.join();
    let shown = |told: &[S::Event]| -> Vec<String> {
        told.iter().map(|event| named(&event.to_string(), addr)).collect()
    };
    assert_eq!(shown(&told), by_client, "{plan}");
    assert_eq!(Some(status.unwrap()), engine.statuses()[CLIENT.index()], "{plan}");
    server.wait("what the server tells in the engine", |told| told.len() >= by_server.len());
    assert_eq!(shown(&server.stop()), by_server, "{plan}");
}

/// A text with addresses as names: the server's, and everybody else's.
fn named(text: &str, server: SocketAddr) -> String {
    let word = |word: &str| match word.parse::<SocketAddr>() {
        Ok(addr) if addr == server => "server".to_owned(),
        Ok(_) => "client".to_owned(),
        Err(_) => word.to_owned(),
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}
