//! TLS 1.2 and 1.3 around any machine that speaks over streams, by [`rustls`].
//!
//! [`Tls`] is a machine around a machine. Outside it has streams that carry TLS records; the machine inside sees what it would
//! see on plain streams, and is not changed:
//!
//! | inside | with TLS around it |
//! |---|---|
//! | `Connected` | when the handshake is over |
//! | `ConnectFailed` | also when the handshake fails: [`ConnectError::Handshake`](crate::machine::ConnectError) says why |
//! | `Received` | what was decrypted, one record at a time |
//! | `Eof` | when the peer's `close_notify` has come |
//! | `Closed` | as on a plain stream; `Reset` also when the stream ends without `close_notify`, or is broken |
//! | `write` | 64 KiB of room, short writes, and `Writable` |
//! | `shutdown`, `close` | `close_notify`, then the same on the stream, once all that was written has left |
//! | `abort`, `pause`, `resume` | the same on the stream |
//! | `done` | once all that was written has left, or [`MAX_LINGER`](crate::machine::limits::MAX_LINGER) is over |
//!
//! A server never hears of a connection whose handshake fails; [`Tls::on_failure`] does. Datagrams are passed on as they are.
//!
//! Records are read one at a time, and each is an input of the machine inside. So all that comes out follows from the
//! records that the peer has made, not from how the stream was cut on its way: law 4 holds, even around a machine that depends
//! on its reads. With a [`seeded`] configuration all other laws hold, too, and a run can be repeated. A machine with TLS
//! around it has no fingerprint, since rustls shows nothing of its state: an exhaustive search merges no states of it, and
//! no livelock can be told.
//!
//! ```
//! use lossproof::tls::{Tls, rustls::ServerConfig};
//! use lossproof::{Boot, Machine};
//! use std::sync::Arc;
//!
//! fn secured<M: Machine>(boot: Boot<'_>, server: M, config: &Arc<ServerConfig>) -> Tls<M> {
//!     Tls::server(server, config.clone(), boot.seed())
//! }
//! ```

mod error;
mod link;
mod machine;
#[cfg(feature = "sim")]
mod promises;
mod record;
pub mod seeded;
mod session;
mod trust;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use error::{Failure, TlsError};
#[cfg(feature = "sim")]
pub use promises::promises;
pub use rustls;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
pub use trust::{FINGERPRINT_LEN, FixedTime, Pinned, fingerprint};

use crate::machine::{Machine, Outlet, Status};
use crate::time::Instant;
use session::Sessions;

/// How long a handshake may take once the stream stands.
pub const MAX_HANDSHAKE: Duration = Duration::from_secs(10);

/// A machine with TLS on all its streams: it is a client on those that it dials, and a server on those that it accepts. The
/// [module](self) says what the machine inside sees.
pub struct Tls<M: Machine> {
    machine: M,
    /// The machine's outbox, whose streams carry plain bytes.
    inside: Outlet<M::Event>,
    sessions: Sessions,
    on_failure: Option<OnFailure<M::Event>>,
    ending: Option<Ending>,
}

/// What is told of a connection that TLS has ended.
type OnFailure<E> = Box<dyn FnMut(Failure) -> Option<E>>;

/// The machine inside is done.
struct Ending {
    status: Status,
    /// When that is put out, though some peer has not read everything.
    at_latest: Instant,
    /// It is put out.
    is_over: bool,
}

/// What is configured.
enum Side {
    Client { config: Arc<ClientConfig>, name: Option<ServerName<'static>> },
    Server { config: Arc<ServerConfig> },
    Both { client: Arc<ClientConfig>, name: Option<ServerName<'static>>, server: Arc<ServerConfig> },
}

impl<M: Machine> Tls<M> {
    /// A machine that dials. The certificate of each of its peers has to be for `name`; without one for the peer's IP
    /// address, or for `localhost` on a Unix socket. A stream that it accepts is reset.
    ///
    /// The randomness of a [`seeded`] configuration comes from `seed`; any other configuration draws from the system.
    pub fn client(
        machine: M,
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
        seed: u64,
    ) -> Self {
        Self::new(machine, Side::Client { config, name }, seed)
    }

    /// A machine that accepts. A connection that it dials fails.
    pub fn server(machine: M, config: Arc<ServerConfig>, seed: u64) -> Self {
        Self::new(machine, Side::Server { config }, seed)
    }

    /// A machine that does both.
    pub fn both(
        machine: M,
        (client, name): (Arc<ClientConfig>, Option<ServerName<'static>>),
        server: Arc<ServerConfig>,
        seed: u64,
    ) -> Self {
        Self::new(machine, Side::Both { client, name, server }, seed)
    }

    fn new(machine: M, side: Side, seed: u64) -> Self {
        let sessions = Sessions::new(side, seed);
        Self { machine, inside: Outlet::new(), sessions, on_failure: None, ending: None }
    }

    /// Hands each connection that TLS has ended to `tell`, which may make an event of it. The machine inside hears less: a
    /// server nothing of a handshake that has failed, and nobody why a connection counts as reset.
    #[must_use]
    pub fn on_failure(mut self, tell: impl FnMut(Failure) -> Option<M::Event> + 'static) -> Self {
        self.on_failure = Some(Box::new(tell));
        self
    }

    /// The machine inside.
    pub const fn machine(&self) -> &M {
        &self.machine
    }
}

impl<M: Machine + fmt::Debug> fmt::Debug for Tls<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("machine", &self.machine).finish_non_exhaustive()
    }
}
