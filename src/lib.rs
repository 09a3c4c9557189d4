//! A library for testing network protocols: it runs them on a simulated network with faults, finds the smallest plan of
//! faults that breaks a property, and runs the same code on real sockets.
//!
//! You write each side of a protocol as a [`Machine`]: a state machine without a clock, without I/O and without
//! randomness of its own (the style is called [sans-I/O](https://sans-io.readthedocs.io)). A [`Net`] puts machines on
//! hosts and states properties. A [`Check`] runs the net thousands of times, each time with other faults, and shrinks the
//! first failure. lossproof does not make a protocol reliable; it shows where it fails.
//!
//! New here? The [`guide`] takes ten minutes from an empty directory to a bug that is found, repeated and fixed.
//!
//! # An example
//!
//! A server counts requests. Its client repeats a request every 100 ms until it gets a reply. One lost reply is enough to
//! count a request twice:
//!
//! ```
//! use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
//! use std::time::Duration;
//!
//! /// Counts requests.
//! struct Server(u32);
//!
//! impl Machine for Server {
//!     type Command = ();
//!     type Event = u32;
//!     fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<u32>) {
//!         if let Input::Datagram { .. } = input {
//!             self.0 += 1;
//!             out.event(self.0);
//!             out.reply(b"counted");
//!         }
//!     }
//! }
//!
//! /// Repeats its request every 100 ms until it gets a reply.
//! struct Client(Peer, Option<Instant>);
//!
//! impl Machine for Client {
//!     type Command = ();
//!     type Event = ();
//!     fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
//!         if let Input::Start { .. } | Input::Timeout = input {
//!             out.send(self.0, b"count");
//!             self.1 = Some(now + Duration::from_millis(100));
//!         } else if let Input::Datagram { .. } = input {
//!             self.1 = None;
//!         }
//!     }
//!     fn deadline(&self) -> Option<Instant> {
//!         self.1
//!     }
//! }
//!
//! let net = Net::new("counter");
//! let server = net.host("server").udp(1060).machine(|_| Server(0));
//! net.host("client").udp(0).machine(move |boot| Client(boot.peer(server), None));
//! net.never("a request is counted twice", move |run| run.events(server).contains(&2));
//!
//! // A test calls `assert`, which panics with a report. `verdict` returns the result.
//! let verdict = Check::new(net).loss(0.3).verdict()?;
//! let failure = verdict.failure().expect("the client asks again after a lost reply");
//! assert_eq!(failure.broken, "a request is counted twice");
//! assert_eq!(failure.plan.to_string(), "v2; server>client #0 drop");
//! # Ok::<(), lossproof::harness::CheckError>(())
//! ```
//!
//! # The driving loop
//!
//! Every driver of a machine is the same loop of five steps. The [`engine`], turmoil's simulated network and real sockets
//! differ only in where inputs come from and where effects go.
//!
//! 1. Pass in [`Input::Start`], once.
//! 2. Wait for the first of these: an input from the network, a command, or the time of [`Machine::deadline`].
//! 3. Pass it to [`Machine::handle`] with the current time. At the deadline, that is [`Input::Timeout`].
//! 4. Carry out the [effects](machine::Effect) that the machine put into its [`Outbox`], in order.
//! 5. Stop after [`Effect::Done`](machine::Effect::Done). Otherwise read the deadline again and go to step 2.
//!
//! An [`Outlet`](machine::Outlet) is the driver's half of an outbox. With it, a test can drive a machine by hand:
//!
//! ```
//! use lossproof::machine::{Effect, Outlet};
//! use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
//! use std::time::Duration;
//!
//! /// Asks five times, 100 ms apart, and gives up.
//! struct Client { server: Peer, asked: u32, ask_at: Option<Instant> }
//!
//! impl Machine for Client {
//!     type Command = ();
//!     type Event = ();
//!     fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
//!         match input {
//!             Input::Start { .. } | Input::Timeout if self.asked < 5 => {
//!                 out.send(self.server, b"is anybody there?");
//!                 (self.asked, self.ask_at) = (self.asked + 1, Some(now + Duration::from_millis(100)));
//!             }
//!             Input::Timeout => {
//!                 self.ask_at = None;
//!                 out.done(Status::Failure);
//!             }
//!             _ => {}
//!         }
//!     }
//!     fn deadline(&self) -> Option<Instant> {
//!         self.ask_at
//!     }
//! }
//!
//! let mut client = Client { server: "127.0.0.1:1060".parse()?, asked: 0, ask_at: None };
//! let mut outlet = Outlet::new();
//! let (mut now, mut sent, mut ended) = (Instant::START, 0, None);
//!
//! // Nobody answers, so timeouts are the only inputs.
//! outlet.feed(&mut client, Input::Start { local: "127.0.0.1:50000".parse()? }, now);
//! while ended.is_none() {
//!     outlet.drain(|effect| match effect {
//!         Effect::Send { .. } => sent += 1,
//!         Effect::Done(status) => ended = Some(status),
//!         _ => {}
//!     });
//!     if let Some(due_at) = client.deadline() {
//!         now = due_at;
//!         outlet.feed(&mut client, Input::Timeout, now);
//!     }
//! }
//! assert_eq!((sent, ended, now), (5, Some(Status::Failure), Instant::from_millis(500)));
//! # Ok::<(), lossproof::machine::PeerError>(())
//! ```
//!
//! # The laws
//!
//! Every machine must follow the laws that [`machine::Law`] lists, whatever its protocol. For example: a stream that is
//! split elsewhere gives the same output, the same inputs give the same output, no input makes the machine panic. Every
//! simulated run checks them. For this, a second copy of each machine, the twin, gets the same inputs with its clock
//! one hour ahead and its streams split elsewhere. A law that is broken is reported before any property.
//! [`Promises`] declares what a machine cannot keep.
//!
//! # The modules
//!
//! | module | contents | feature |
//! |---|---|---|
//! | [`machine`] | the contract: [`Machine`], [`Input`], [`Outbox`], [`Peer`], the laws | none |
//! | `parts` | building blocks: backoff, heartbeat, one machine for each connection | `parts` |
//! | `wire` | bytes to values and back: frames, lines, HTTP heads | `parts` |
//! | [`guide`] | the guide: a tutorial, and a chapter for each topic | `sim` (default) |
//! | [`host`], [`scenario`] | hosts, links, commands, properties | `sim` |
//! | [`fault`] | fault plans, their text format, random profiles | `sim`; `strategy` with `proptest` |
//! | [`engine`] | the simulator | `sim` |
//! | [`check`], [`parallel`] | random search, exhaustive search, shrinking, on one thread or several | `sim` |
//! | [`harness`] | checks as ordinary tests, with replay and files | `sim` |
//! | `tasks` | async code for tokio on simulated hosts | `tasks` |
//! | `tls` | any machine of streams inside TLS, with randomness from a seed in simulation | `tls` |
//! | [`transcript`] | a run as text, JSON and pictures | `sim` |
//! | `capture` | packet captures of runs, and captures explained as runs | `capture` |
//! | `drive` | the async driver on real sockets (Unix), and on turmoil | `net`, `turmoil` |
//! | `proxy` | faults between real programs, and the hunt for the smallest plan that breaks them (Unix) | `proxy` |
//! | `systems` | classic small network programs | `systems` |
//! | `specimens` | known bugs, planted into these programs | `specimens` |
//! | `cli` | the command line, for these programs and for your own nets | `cli` |
//!
//! `drive`, `proxy` and `cli` are for Unix: they are tested on Linux, and compiled for macOS. The other features are for
//! every system, Windows included.
//!
//! A table in `tests/architecture.rs` says which module may use which. Only `drive`, `proxy` and `cli` touch sockets and clocks;
//! [`harness`] also reads and writes files. `ARCHITECTURE.md` gives the reasons.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(not(unix), feature = "net"))]
compile_error!(
    "lossproof's features `net`, `turmoil`, `proxy` and `cli` use the sockets of Unix, which this target lacks: turn them off; \
     `parts`, `sim`, `tasks`, `proptest`, `capture`, `systems` and `specimens` are for every target"
);

#[cfg(any(feature = "sim", feature = "net"))]
#[cfg_attr(not(feature = "sim"), allow(dead_code, reason = "scenarios use the rest"))]
mod actor;
#[cfg(feature = "capture")]
pub mod capture;
#[cfg(feature = "sim")]
pub mod check;
#[cfg(all(unix, feature = "cli"))]
pub mod cli;
#[cfg(feature = "sim")]
mod digest;
#[cfg(all(unix, feature = "net"))]
pub mod drive;
#[cfg(feature = "sim")]
pub mod engine;
#[cfg(feature = "sim")]
#[cfg_attr(not(feature = "systems"), allow(dead_code, reason = "systems and the command line use the rest"))]
mod escaped;
#[cfg(feature = "sim")]
pub mod fault;
#[cfg(feature = "sim")]
#[cfg_attr(
    not(feature = "cli"),
    allow(rustdoc::broken_intra_doc_links, reason = "some chapters are of features")
)]
#[expect(clippy::test_attr_in_doctest, reason = "the tests that it shows are run by tests/guide")]
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("guide.md")]
pub mod guide {
    #[cfg(feature = "tasks")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/async_code.md")]
    pub mod async_code {}
    #[cfg(feature = "capture")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/captures.md")]
    pub mod captures {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/bottlenecks.md")]
    pub mod bottlenecks {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/multicast.md")]
    pub mod multicast {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/check.md")]
    pub mod check {}
    #[cfg(feature = "specimens")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/classics.md")]
    pub mod classics {}
    #[cfg(feature = "cli")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/command_line.md")]
    pub mod command_line {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/compared.md")]
    pub mod compared {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/ci.md")]
    pub mod ci {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/deadlocks.md")]
    pub mod deadlocks {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/ecn.md")]
    pub mod ecn {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/debugging.md")]
    pub mod debugging {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/machine.md")]
    pub mod machine {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/nat.md")]
    pub mod nat {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/nets.md")]
    pub mod nets {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/networks.md")]
    pub mod networks {}
    #[cfg(feature = "cli")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/own_command_line.md")]
    pub mod own_command_line {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/platforms.md")]
    pub mod platforms {}
    #[cfg(feature = "proxy")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/programs.md")]
    pub mod programs {}
    #[cfg(feature = "net")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/real_sockets.md")]
    pub mod real_sockets {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/replay.md")]
    pub mod replay {}
    #[cfg(feature = "segments")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/segments.md")]
    pub mod segments {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/shards.md")]
    pub mod shards {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/streams.md")]
    pub mod streams {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/sweeps.md")]
    pub mod sweeps {}
    #[cfg(feature = "tls")]
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/tls.md")]
    pub mod tls {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/transcripts.md")]
    pub mod transcripts {}
    #[doc = include_str!("guide/links.md")]
    #[doc = include_str!("guide/words.md")]
    pub mod words {}
}
#[cfg(feature = "sim")]
pub mod harness;
#[cfg(any(feature = "sim", feature = "net"))]
#[cfg_attr(not(feature = "sim"), allow(dead_code, reason = "scenarios use the rest"))]
pub mod host;
#[cfg(feature = "sim")]
mod lawful;
pub mod machine;
#[cfg(feature = "sim")]
mod nat;
#[cfg(feature = "sim")]
mod network;
#[cfg(feature = "sim")]
mod number;
#[cfg(feature = "sim")]
mod panics;
#[cfg(feature = "sim")]
pub mod parallel;
#[cfg(feature = "parts")]
pub mod parts;
#[cfg(all(unix, feature = "proxy"))]
pub mod proxy;
#[cfg(feature = "sim")]
pub mod scenario;
#[cfg(feature = "sim")]
mod seed;
#[cfg(feature = "segments")]
mod segments;
#[cfg(feature = "specimens")]
pub mod specimens;
#[cfg(feature = "sim")]
mod steps;
#[cfg(feature = "systems")]
pub mod systems;
#[cfg(feature = "tasks")]
pub mod tasks;
mod time;
#[cfg(feature = "tls")]
pub mod tls;
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
#[cfg(feature = "tasks")]
pub use tasks::{Ctx, net, tokio};
pub use time::Instant;

/// The examples of the README, so that they are compiled and run.
#[cfg(all(doctest, feature = "sim"))]
#[doc = include_str!("../README.md")]
struct Readme;
