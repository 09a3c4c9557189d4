//! A proxy between real programs: it applies a fault plan, or draws faults, to what they send each other, in real time.
//!
//! It relays UDP, TCP and Unix streams. The network model is that of simulated runs, so a plan means the same: `drop` of a
//! datagram by its number, `cut` of a stream at a byte, partitions at moments after the start. What is drawn is recorded
//! as a plan, and does the same again.
//!
//! A [`Proxy`] runs in a thread of its own, so a test of blocking code and one of async code use it alike:
//!
//! ```
//! use std::net::UdpSocket;
//!
//! use lossproof::proxy::{Proxy, Route};
//!
//! let server = UdpSocket::bind("127.0.0.1:0")?;
//! let route = Route::udp("127.0.0.1:0".parse()?, server.local_addr()?.into());
//! let relay = Proxy::new([route]).faults("client-1>server #1 drop".parse()?).start()?;
//!
//! let client = UdpSocket::bind("127.0.0.1:0")?;
//! client.connect(relay.local().to_string())?;
//! for text in ["a", "b", "c"] {
//!     client.send(text.as_bytes())?;
//! }
//! let mut bytes = [0; 8];
//! for text in ["a", "c"] {
//!     let (len, _) = server.recv_from(&mut bytes)?;
//!     assert_eq!(&bytes[..len], text.as_bytes());
//! }
//! let passed = relay.stop();
//! assert_eq!((passed.counts.datagrams, passed.unfired.len()), (3, 0));
//! assert_eq!(passed.plan.to_string(), "v2; client-1>server #1 drop");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! Each source address is a client of its own: `client-1` is the first that appears, `client-2` the next. A stream has a
//! source of its own, too, so the second connection of a program is `client-2`. The server is `server`.
//! [`Route::named`] gives other names.
//!
//! # What differs from simulation
//!
//! - A connection is accepted before anybody is asked. So one that is refused, by a fault or by the server, is accepted
//!   and then reset. One that is met with silence is accepted, and nothing comes back.
//! - After a cut the next piece waits for [`CUT_PAUSE`], so that the receiver has read what came before. A receiver that
//!   is slower may still read both pieces at once.
//! - Clients do not learn that nobody listens at the server's UDP port.
//! - Times are kept to about a millisecond.
//! - Faults of hosts (crashes, clocks) are refused: a proxy has no hosts.
//!
//! # Bounds
//!
//! All that a proxy keeps is bounded: [`MAX_SOURCES`], [`MAX_STREAMS`], [`MAX_HELD_LEN`], [`MAX_HELD_STREAM_LEN`],
//! [`MAX_FAULTS`], [`MAX_RECORDED_LEN`]. One client that does not read makes its own server wait, and nobody else. Each
//! client takes a file descriptor or two: a start raises the soft limit of open files to the hard one.

mod datagrams;
mod error;
mod held;
mod hunt;
mod ledger;
mod limits;
mod path;
mod planned;
mod record;
mod relay;
mod route;
mod streams;

pub use error::ProxyError;
pub use hunt::{Attempt, Ended, Found, Hunt, Hunted, Hunting, Progress, RISK, Trouble};
pub use ledger::{Counts, Passed};
pub use limits::{
    CUT_PAUSE, MAX_FAULTS, MAX_HELD_LEN, MAX_HELD_STREAM_LEN, MAX_RECORDED_LEN, MAX_RECORDS, MAX_SILENCE,
    MAX_SOURCES, MAX_STREAMS, REGULAR_CUT_PAUSE,
};
pub use relay::Relay;
pub use route::{CLIENT, Carrier, Route, SERVER};

use std::time::Duration;

use crate::fault::{FaultPlan, Profile};
use path::Weather;
use planned::Planned;
use relay::Orders;

/// A proxy before its start; the [module](self) has an example.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    routes: Vec<Route>,
    plan: FaultPlan,
    profile: Profile,
    seed: u64,
    is_recorded: bool,
    ends_after: Option<Duration>,
    ends_idle: Option<Duration>,
}

impl Proxy {
    /// A proxy for these pairs of addresses, which changes nothing.
    pub fn new(routes: impl Into<Vec<Route>>) -> Self {
        Self { routes: routes.into(), ..Self::default() }
    }

    /// The same with one pair of addresses more.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// The same with these faults. Their moments count from the start of the proxy. Their seed and their link go before
    /// [`Proxy::seed`] and the latency of the profile.
    #[must_use]
    pub fn faults(self, plan: FaultPlan) -> Self {
        Self { plan, ..self }
    }

    /// The same with faults that are drawn. Those of hosts are not.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The same with this seed of the random faults; the default is 0. What happens to a datagram depends on the seed,
    /// the client's name and the datagram's number.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same with a recording of all that passes, up to its bounds.
    #[must_use]
    pub fn record(self, is_recorded: bool) -> Self {
        Self { is_recorded, ..self }
    }

    /// The same, which ends by itself after this span.
    #[must_use]
    pub fn ends_after(self, span: Duration) -> Self {
        Self { ends_after: Some(span), ..self }
    }

    /// The same, which ends by itself once something has passed, and then nothing for this long.
    #[must_use]
    pub fn ends_idle(self, span: Duration) -> Self {
        Self { ends_idle: Some(span), ..self }
    }

    /// Starts it: once this returns, it listens.
    ///
    /// # Errors
    /// If the plan has what a proxy cannot do, or a socket cannot be opened.
    pub fn start(&self) -> Result<Relay, ProxyError> {
        if self.routes.is_empty() {
            return Err(ProxyError::NoRoute);
        }
        let servers = route::servers(&self.routes);
        let planned = Planned::new(self.plan.clone(), &self.routes, &servers)?;
        let weather = Weather {
            seed: self.plan.seed.unwrap_or(self.seed),
            latency: self.plan.link().unwrap_or(self.profile.latency),
            profile: Profile { hosts: crate::fault::HostChances::NONE, ..self.profile },
        };
        Relay::start(Orders {
            routes: self.routes.clone(),
            servers,
            planned,
            weather,
            is_recorded: self.is_recorded,
            ends_after: self.ends_after,
            ends_idle: self.ends_idle,
        })
    }
}
