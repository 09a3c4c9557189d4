//! What a task is given by its host.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::task::Poll;

use super::hub::Hub;
use super::registry::{Key, here, with_hub};
use crate::host::HostId;
use crate::machine::Peer;
use crate::seed::{mix, of_bytes};

/// What an async host has: its seed, its disk, the other hosts, and a way to report events.
///
/// `E` is the type of its events ([`Ctx::event`]), which properties read by [`Run::events`](crate::Run::events); `C` is
/// the type of its commands. A copy may go into any task of the host.
pub struct Ctx<E = (), C = ()> {
    key: Key,
    types: PhantomData<fn(E, C)>,
}

impl<E, C> Clone for Ctx<E, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, C> Copy for Ctx<E, C> {}

impl<E, C> fmt::Debug for Ctx<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctx")
    }
}

impl<E: 'static, C: 'static> Ctx<E, C> {
    pub(super) const fn new(key: Key) -> Self {
        Self { key, types: PhantomData }
    }

    /// Asks the host, if it is still there.
    fn ask<T: Default>(&self, ask: impl FnOnce(&mut Hub) -> T) -> T {
        with_hub(self.key, ask).unwrap_or_default()
    }

    /// Tells what properties see.
    pub fn event(&self, event: E) {
        let mut event = Some(event);
        self.ask(|hub| {
            if let (Some(told), Some(event)) = (hub.told.downcast_mut::<Vec<E>>(), event.take()) {
                told.push(event);
                hub.tell();
            }
        });
    }

    /// Where the host's randomness comes from, through a generator with a fixed stream. It differs from host to host and
    /// from start to start.
    pub fn seed(&self) -> u64 {
        self.ask(|hub| hub.facts.seed)
    }

    /// How often this host was started before, in this run.
    pub fn incarnation(&self) -> u32 {
        self.ask(|hub| hub.facts.incarnation)
    }

    /// What was [saved](Ctx::save) last, before the host was started; empty if nothing.
    pub fn disk(&self) -> Vec<u8> {
        self.ask(|hub| hub.facts.disk.clone())
    }

    /// Makes these bytes the durable state of the host, whole: a restart finds them in [`Ctx::disk`]. They are durable
    /// before anything that is sent later.
    pub fn save(&self, bytes: &[u8]) {
        self.ask(|hub| hub.save(bytes));
    }

    /// The address of a host, with the port of the first socket that the net gave it.
    ///
    /// # Panics
    /// If there is no such host in this net, or its first address is the path of a Unix socket: see [`Ctx::peer`].
    pub fn address(&self, host: impl Into<HostId>) -> SocketAddr {
        let peer = self.peer(host);
        peer.inet().unwrap_or_else(|| panic!("{peer} is no internet address"))
    }

    /// The same, also where it is the path of a Unix socket.
    ///
    /// # Panics
    /// If there is no such host in this net.
    pub fn peer(&self, host: impl Into<HostId>) -> Peer {
        let index = host.into().index();
        let peer = self.ask(|hub| hub.facts.peers.get(index).copied());
        peer.unwrap_or_else(|| panic!("this net has no host of number {index}"))
    }

    /// Waits until the host must stop, as with Ctrl-C: `at 2s stop server` in a plan.
    pub async fn stopped(&self) {
        poll_fn(|context| {
            let is_stopped = with_hub(self.key, |hub| {
                hub.stopping.add(context.waker());
                hub.is_stopped
            });
            if is_stopped == Some(true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits for the next command that the net gives to this host.
    pub async fn command(&self) -> C {
        poll_fn(|context| {
            let command = with_hub(self.key, |hub| {
                hub.commanded.add(context.waker());
                hub.commands.pop_front()
            });
            match command.flatten().and_then(|command| command.downcast().ok()) {
                Some(command) => Poll::Ready(*command),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// How a host's own task ends: with nothing, or with a result. An error makes it a failure.
pub trait TaskResult {
    /// The text of the error, if it is one.
    fn error(self) -> Option<String>;
}

impl TaskResult for () {
    fn error(self) -> Option<String> {
        None
    }
}

impl<T, E: fmt::Debug> TaskResult for Result<T, E> {
    fn error(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// Fills bytes at random, from the seed of the host whose code is running: the same in each run of the same seed and plan,
/// others from host to host and from start to start.
///
/// It is for what knows no [`Ctx`], because a library calls it: the `SecureRandom` of a provider of TLS, a backend of
/// `getrandom`, a generator of ids. Nothing about it is secret.
///
/// # Errors
/// `Unsupported` outside of a simulated host.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let stream = of_bytes(b"fill_random");
    let filled = with_hub(here()?, |hub| {
        for chunk in bytes.chunks_mut(8) {
            let number = mix(hub.facts.seed ^ stream, hub.drawn_count);
            hub.drawn_count += 1;
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
    });
    filled.ok_or_else(|| unsupported("the host that draws at random is down"))
}

/// An error of this kind, with a text that says what to do.
pub(super) fn unsupported(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, text.into())
}
