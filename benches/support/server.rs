//! A server under test, in a thread of its own: a machine that is driven, a future on a runtime, or a blocking loop.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use lossproof::drive::{Endpoint, Setup, run_until};
use lossproof::{Machine, Peer};
use mio::{Interest, Poll, Token};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// The loopback, with a port that the system chooses.
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Where the servers of this process are bound, if that was said.
static ADDR: OnceLock<SocketAddr> = OnceLock::new();

/// Has the servers of this process bound there.
pub(crate) fn serve_at(addr: SocketAddr) {
    ADDR.set(addr).expect("it is said once");
}

/// Where a server is bound.
pub(crate) fn own_addr() -> SocketAddr {
    ADDR.get().copied().unwrap_or(LOOPBACK)
}

/// Which of tokio's runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The one that `#[tokio::main]` makes: a worker for each core.
    Multi,
    /// All in one thread.
    Current,
}

impl Threads {
    /// Both, with what is put behind a baseline's name.
    pub(crate) const BOTH: [(Self, &str); 2] =
        [(Self::Multi, "multi_thread"), (Self::Current, "current_thread")];

    fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::Multi => Builder::new_multi_thread(),
            Self::Current => Builder::new_current_thread(),
        };
        builder.enable_all().build().expect("a runtime can be made")
    }
}

/// A server that is stopped when this is dropped.
pub(crate) struct Server {
    /// Where it is bound.
    pub(crate) addr: SocketAddr,
    stop: Option<Box<dyn FnOnce()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A machine, driven as [`lossproof::drive::run`] drives it.
    pub(crate) fn driven<M>(endpoint: Endpoint, make: impl FnOnce() -> M + Send + 'static) -> Self
    where
        M: Machine,
    {
        let (tell, told) = mpsc::channel::<Peer>();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let opened = move |locals: &[Peer]| tell.send(locals[0]).expect("the bench waits for it");
            let stop = async { stopped.await.unwrap_or_default() };
            let driven = run_until(make(), Setup::new(endpoint), opened, drop, stop);
            Threads::Current.runtime().block_on(driven).expect("it is driven to its end");
        });
        let addr = told.recv().ok().and_then(|peer| peer.inet()).expect("it is bound to an internet address");
        Self::new(addr, thread, move || _ = stop.send(()))
    }

    /// A future, as the main one of a runtime. It is dropped at the end.
    pub(crate) fn on_tokio<F: Future<Output = ()>>(
        threads: Threads,
        addr: SocketAddr,
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = threads.runtime();
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = serve() => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self::new(addr, thread, move || _ = stop.send(()))
    }

    /// A server on a runtime that hands each connection to `each`.
    pub(crate) fn accepting(
        threads: Threads,
        mut each: impl FnMut(tokio::net::TcpStream, SocketAddr) + Send + 'static,
    ) -> Self {
        let (listener, addr) = listen();
        Self::on_tokio(threads, addr, move || async move {
            listener.set_nonblocking(true).expect("it is a socket");
            let listener = tokio::net::TcpListener::from_std(listener).expect("there is a runtime");
            loop {
                let (stream, peer) = listener.accept().await.expect("there are descriptors left");
                each(stream, peer);
            }
        })
    }

    /// A blocking loop over the connections of a listener, which goes on while the flag is set.
    pub(crate) fn listening(serve: impl FnOnce(TcpListener, &AtomicBool) + Send + 'static) -> Self {
        let (listener, addr) = listen();
        // A connection that says nothing.
        let poke = |server| drop(TcpStream::connect(server));
        Self::blocking(addr, poke, move |running| serve(listener, running))
    }

    /// A loop that goes on while the flag is set, and is woken for the last time by `poke`.
    pub(crate) fn blocking(
        addr: SocketAddr,
        poke: fn(SocketAddr),
        serve: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> Self {
        let running = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&running);
        let thread = thread::spawn(move || serve(&flag));
        Self::new(addr, thread, move || {
            running.store(false, Ordering::Relaxed);
            poke(addr);
        })
    }

    fn new(addr: SocketAddr, thread: JoinHandle<()>, stop: impl FnOnce() + 'static) -> Self {
        Self { addr, stop: Some(Box::new(stop)), thread: Some(thread) }
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(own_addr()).expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound");
    (listener, addr)
}

/// What a listener is called where epoll says what is ready.
pub(crate) const LISTENER: Token = Token(usize::MAX);

/// A listener that is watched by epoll.
pub(crate) fn watched(listener: TcpListener) -> (Poll, mio::net::TcpListener) {
    listener.set_nonblocking(true).expect("it is a socket");
    let mut listener = mio::net::TcpListener::from_std(listener);
    let poll = Poll::new().expect("there is a descriptor left");
    let watched = poll.registry().register(&mut listener, LISTENER, Interest::READABLE);
    watched.expect("a listener can be watched");
    (poll, listener)
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}
