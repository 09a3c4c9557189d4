//! Write a network protocol once as a sans-IO state machine; prove it against loss; run the same machine on real
//! sockets.
//!
//! A [`Machine`] is one end of a protocol without clock, I/O or randomness of its own. Because it has none, the same
//! machine runs in three worlds: in the event [`engine`], where a run takes microseconds and properties are searched;
//! on turmoil's simulated network; and on real sockets (`drive`, with the feature `net`).
//!
//! # An example
//!
//! The first request is lost, by a plan that says so; the client sends it again after 0.1 s.
//!
//! ```
//! use lossproof::Instant;
//! use lossproof::engine::{Engine, Prepared, Settings};
//! use lossproof::fault::FaultPlan;
//! use lossproof::systems::{Options, System, udp_remote::UdpRemote};
//!
//! let scenario = UdpRemote::scenario(&Options::default());
//! let names = scenario.names();
//! let plan: FaultPlan = "client>server #0 drop".parse()?;
//! let settings = Settings { plan: Prepared::new(&plan, &names)?, ..Settings::default() };
//!
//! let mut engine = Engine::default();
//! let outcome = engine.run(&scenario, &settings);
//! assert_eq!((outcome.packets, outcome.at), (3, Instant::from_millis(110)));
//!
//! let transcript = engine.transcript(&scenario, &names).to_string();
//! assert!(transcript.contains("0.105  server  recv  #1 \"This is another message\" ← client"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A plan need not be written by hand: [`check::Search`] draws one for each run, gives back the first that breaks a
//! property or a law, and makes it as small as it can be.
//!
//! To test a protocol of your own, begin with the [`guide`]: it takes ten minutes from an empty directory to a bug that
//! was found, replayed and mended. Its chapters, from [`guide::machine`] to [`guide::sweeps`], take one thing each.
//!
//! # The loop
//!
//! Whoever drives a machine does five things, again and again. All three worlds are this loop:
//!
//! 1. Hand in [`Input::Start`], once.
//! 2. Wait for what comes first: something from the network, a command, or the moment of [`Machine::deadline`].
//! 3. Hand it to [`Machine::handle`] with the moment; the deadline's is [`Input::Timeout`].
//! 4. Do what the machine put into its [`Outbox`], in order.
//! 5. End at [`Outbox::done`]; otherwise look at the deadline anew and go to 2.
//!
//! ```
//! use lossproof::machine::Effect;
//! use lossproof::systems::udp_remote::{Client, MESSAGE};
//! use lossproof::parts::backoff::Backoff;
//! use lossproof::{Input, Instant, Machine, Outbox, Peer};
//!
//! let server: Peer = "127.0.0.1:1060".parse()?;
//! let mut client = Client::new(server, &[MESSAGE], None, Backoff::CLASSIC);
//! let mut out = Outbox::default();
//! let (mut sends, mut ended) = (0, None);
//!
//! // Nobody answers, so nothing comes but timeouts.
//! let mut now = Instant::START;
//! client.handle(Input::Start { local: "127.0.0.1:50000".parse()? }, now, &mut out);
//! while ended.is_none() {
//!     out.drain(|effect| match effect {
//!         Effect::Send { .. } => sends += 1,
//!         Effect::Done(status) => ended = Some((now, status.code())),
//!         _ => {}
//!     });
//!     if let Some(due_at) = client.deadline() {
//!         now = due_at;
//!         client.handle(Input::Timeout, now, &mut out);
//!     }
//! }
//! assert_eq!((sends, ended), (5, Some((Instant::from_millis(3_100), 1))));
//! # Ok::<(), lossproof::machine::PeerError>(())
//! ```
//!
//! # The laws
//!
//! Every machine keeps nine laws ([`machine::Law`] lists them): timeouts that are not due change nothing, the cuts of a
//! stream do not matter, equal inputs give equal outputs, and so on. [`Lawful`] wraps a machine and holds the laws to it
//! while it runs. The engine does so by default, so a property is only ever judged on lawful machines.
//!
//! # The modules
//!
//! | module | what it has |
//! |---|---|
//! | [`guide`] | how to test a protocol of your own, and a chapter for each part |
//! | [`machine`] | the contract: [`Machine`], [`Input`], [`Outbox`], [`Peer`], the laws by name |
//! | [`wire`] | bytes to values and back |
//! | [`parts`] | pieces that protocols are made of: backoff, a machine for each connection |
//! | `polled` | machines in the poll style of the crate `sansio` (feature `sansio`) |
//! | [`systems`] | classic small network programs, each with scenario and properties |
//! | [`host`], [`scenario`] | who takes part in a run, how they are linked, what is asked of them |
//! | [`fault`] | fault plans, their text, random profiles |
//! | [`engine`] | the event engine |
//! | [`transcript`] | what a run did, as text, as JSON and as pictures |
//! | [`check`], [`parallel`] | properties, and the search for a run that breaks one |
//! | [`harness`] | checks as ordinary tests, with replay and files |
//! | `drive` | the async driver, on real sockets and on turmoil (features `net`, `turmoil`) |
//!
//! Each uses only what the table in `tests/architecture.rs` allows it; nothing but `drive` and the command line knows of
//! sockets, files, threads or clocks. `ARCHITECTURE.md` says why.

#[cfg(any(feature = "sim", feature = "net"))]
#[cfg_attr(not(feature = "sim"), allow(dead_code, reason = "scenarios use the rest"))]
mod actor;
#[cfg(feature = "capture")]
pub mod capture;
#[cfg(feature = "sim")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "net")]
pub mod drive;
#[cfg(feature = "sim")]
pub mod engine;
#[cfg(feature = "sim")]
pub mod fault;
#[cfg(feature = "sim")]
pub mod harness;
#[cfg(any(feature = "sim", feature = "net"))]
#[cfg_attr(not(feature = "sim"), allow(dead_code, reason = "scenarios use the rest"))]
pub mod host;
#[cfg(feature = "sim")]
mod lawful;
pub mod machine;
#[cfg(feature = "sim")]
mod network;
#[cfg(feature = "sim")]
mod number;
#[cfg(feature = "sim")]
pub mod parallel;
#[cfg(feature = "parts")]
pub mod parts;
#[cfg(feature = "sim")]
pub mod scenario;
#[cfg(feature = "sim")]
mod seed;
#[cfg(feature = "specimens")]
pub mod specimens;
#[cfg(feature = "sim")]
mod steps;
#[cfg(feature = "systems")]
pub mod systems;
mod time;
#[cfg(feature = "sim")]
pub mod transcript;
#[cfg(feature = "parts")]
pub mod wire;

#[cfg(feature = "sim")]
pub use fault::{Chance, FaultPlan, Profile};
#[cfg(feature = "sim")]
pub use harness::Check;
#[cfg(any(feature = "sim", feature = "net"))]
pub use host::{Boot, HostId};
#[cfg(feature = "sim")]
pub use lawful::{Cuts, Decode, Lawful, Moments, Promises, TWIN_SHIFT};
pub use machine::{Input, Machine, Outbox, Peer, Status};
#[cfg(feature = "sim")]
pub use scenario::{Host, Net, Run, Scenario};
pub use time::Instant;
