//! Faults as data: a plan is an explicit, readable list of faults, not a probability.
//!
//! A [`FaultPlan`] says which packet is dropped, at which byte a stream stalls, and when a host crashes. Its text form
//! round-trips exactly: a report prints the same line that you store in a regression file and pass to a replay:
//!
//! ```
//! use lossproof::fault::{FaultKind, FaultPlan};
//!
//! let plan: FaultPlan = "seed 7; client>server #3 drop; at 2s partition client|server".parse()?;
//! assert_eq!(plan.seed, Some(7));
//! assert_eq!(plan.faults()[0].kind(), FaultKind::Drop);
//! assert_eq!(plan.to_string(), "v2; seed 7; client>server #3 drop; at 2s partition client|server");
//! # Ok::<(), lossproof::fault::ParseError>(())
//! ```
//!
//! # The text
//!
//! Items are separated by `;` or by newlines. Blanks between words are free, and an item may be empty. Lines may end as on
//! Windows, and a byte-order mark at the start is skipped, so that a file is read whichever editor wrote it. A `#` in place
//! of an item begins a comment, which lasts to the end of the line.
//!
//! | item | meaning |
//! |---|---|
//! | `v2` | the version of the text; comes first, may be left out |
//! | `seed 7` | the seed of the run, at most once |
//! | `link 5ms` | the latency of every link, at most once |
//! | `streams segments` | streams are made of TCP's segments, which are packets of their flow; `streams segments 1280` says how long at most, `streams model` that they are not |
//! | `calm 10s` | faults stop at this time: none has an effect, partitions end, hosts that are down restart |
//! | `commands 1,4` | of the commands that the scenario generates from the seed, only these are given; `none` gives no command |
//! | `bottleneck wan rate 1000000 queue 65536 codel over a>b,*>c` | what `a` sends to `b`, and any host to `c`, shares a [queue](Bottleneck) of 65,536 bytes, which empties at 1,000,000 bits a second |
//! | `bottleneck wan trace @FILE queue 65536 over *>*` | the same with a rate that a [trace](Trace) has, in a file |
//! | `a>b #3 drop` | the fourth datagram from `a` to `b` is lost |
//! | `a>b #3 duplicate` | it arrives twice |
//! | `a>b #3 delay 40ms` | it takes 40 ms longer |
//! | `a>b #3 flip 12:0x80` | the top bit of its byte 12 is inverted |
//! | `a>b #3 truncate 4` | its first 4 bytes arrive |
//! | `a>b #3 mark` | it arrives with a mark of congestion, if it is [capable](crate::machine::Ecn) of marks |
//! | `a>b #3 bleach` | its ECN field is cleared, as some middleboxes do |
//! | `a>b @9 cut` | a read that would pass byte 9 of the stream ends there |
//! | `a>b cut every 8 bytes` | every read ends at a multiple of 8 bytes |
//! | `a>b/1 @16 stall 2s` | byte 16 and all after it, on the second connection, arrive 2 s later |
//! | `a>b @9 reset` | the connection is reset once 9 bytes have passed |
//! | `a>b/* @0 reset` | the same on every connection between the two: `/*` stands for their numbers |
//! | `a>b/1 refuse` | the second connection, which `a` dials, is refused |
//! | `a>b/1 silence` | nothing comes back to that dial |
//! | `at 2s partition a\|b` | nothing passes between `a` and `b`; `a>b` stops that direction alone |
//! | `at 2s partition a,b\|c,d` | nothing passes between the two groups: short for one partition of each pair |
//! | `at 2s isolate a` | nothing passes between `a` and any other host |
//! | `at 5s heal` | every partition ends |
//! | `at 1s stop a` | the machine receives [`Input::Stop`](crate::Input::Stop), as with Ctrl-C on real sockets |
//! | `at 1s crash a` | the process dies; its peers see an end or a reset |
//! | `at 1s poweroff a` | the host goes silent; its peers see nothing |
//! | `at 3s restart a` | the host restarts |
//! | `at 3s rebind n` | the [NAT](crate::scenario::Nat) `n` forgets its mappings, and gives other ports from then on |
//! | `at 3s reboot n` | it forgets everything, and gives its ports from the first on |
//! | `at 2s move a 10.0.1.7` | `a` has this IPv4 address from then on in place of its first, and leaves its NAT |
//! | `at 1s skew a +3s` | the clock of `a` jumps 3 s ahead, all its skews together 100 years at most |
//! | `at 1s skew a -3s` | the clock of `a` stops for 3 s, as while a virtual computer is suspended |
//! | `at 1s drift a x1.001` | from then on the clock of `a` is faster by a thousandth; below 1 it is slower |
//! | `at 1s pause a` | the process is stopped, as by `SIGSTOP`; only `lossproof hunt` has processes |
//! | `at 3s resume a` | it goes on |
//! | `at 1s timer-first a` | of everything due on `a` at that moment, its timer fires first and not last |
//! | `crash a after recv #3` | the process dies after it has handled the fourth datagram or read that it received |
//! | `crash a before send #2` | it dies before its third datagram or write leaves; with `after`, it dies once that has left |
//! | `crash a after effect 1 of recv #3` | it dies after the first effect of the fourth datagram or read that it received |
//! | `crash a after recv #3 for 200ms` | it restarts 200 ms later; `poweroff` takes the same words |
//!
//! Datagrams `#n`, bytes `@n` and connections `/n` are all counted from 0; the first connection is written without a
//! number. The datagrams and reads at which a host dies are counted from 0, too, over all its peers and restarts. The
//! effects of one input are counted from 1. A text that begins with `v1` counts its connections from 1, and is printed
//! as `v2`.
//!
//! # At random
//!
//! A [`Profile`] sets the probability of each fault and the capacity of the links: losses one by one or in [`Bursts`],
//! jitter, reordering, [`Bandwidth`] with a queue, an MTU. Each fault that it draws is recorded in a plan. Some
//! profiles have names, such as [`Profile::WIFI`]. Others state what differs from one: `Profile { loss:
//! Chance::percent(30), ..Profile::WIFI }`. Single directions can have their own, as [`Links`], with a latency of their
//! own. With the feature `proptest`, `strategy` generates plans for property tests. [`shrink`] makes a failing plan
//! smaller.
//!
//! ```
//! # #[cfg(feature = "systems")] {
//! use lossproof::fault::Profile;
//! use lossproof::systems::{Options, udp_chat};
//! use lossproof::{Check, Scenario};
//!
//! let scenario = Scenario::from(udp_chat::net(&Options::default()));
//! for (name, profile) in Profile::NAMED {
//!     Check::new(scenario.clone()).named(name).profile(profile).runs(10).assert();
//! }
//! # }
//! ```
//!
//! # Spans
//!
//! A span of time is a decimal number and `ns`, `us`, `ms`, `s` or `min`, without a blank between them. It
//! is exact: a span finer than a nanosecond, or beyond `u64::MAX` of them, is an error.

mod bandwidth;
mod bottleneck;
mod bursts;
mod chance;
mod chances;
mod cursor;
mod error;
mod host;
mod kind;
mod link_text;
mod links;
mod named;
mod plan;
mod print;
mod profile;
mod resolved;
pub mod shrink;
mod span;
mod spread;
#[cfg(any(test, feature = "proptest"))]
pub mod strategy;
mod streams;
mod swarm;
mod text;
mod trace;
mod valid;

pub use bandwidth::Bandwidth;
pub(crate) use bandwidth::{Backlog, Pace};
pub use bottleneck::{Bottleneck, Discipline};
pub use bursts::Bursts;
pub(crate) use bursts::Chain;
pub use chance::{Chance, ChanceError};
pub use chances::{HostChances, MAX_DRIFT};
pub use error::{ParseError, ParseProblem, PlanError};
pub use host::{Down, HostFault, Rate, RateError, When};
pub use kind::FaultKind;
pub use link_text::ProfileError;
pub use links::Links;
pub use plan::{FaultPlan, MAX_SKEW};
pub use profile::{FIRST_STALL, MAX_STALLS, Profile};
pub(crate) use profile::{Passage, flow_seed};
pub use resolved::{Resolved, ResolvedHost, UnknownHost};
pub(crate) use span::span_text;
pub use span::{SpanError, parse_span};
pub use spread::Spread;
pub use streams::{Mtu, StreamKind};
pub use trace::{MAX_TRACE_LEN, MAX_TRACE_LINES, MAX_TRACES, OPPORTUNITY_LEN, Trace, TraceError};

use trace::{ReadTrace, no_file};

use std::num::NonZeroU64;
use std::time::Duration;

use crate::Instant;

/// A direction between two hosts, written `from>to`.
///
/// Hosts, not ports, name a flow, and the numbering of one flow does not depend on any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The host that sends.
    pub from: String,
    /// The host that receives.
    pub to: String,
}

impl Flow {
    /// The flow from the host `from` to the host `to`.
    ///
    /// Names are not looked at here: [`FaultPlan::push`] refuses those that the text form could not hold.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}

/// One fact about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What happens to one datagram: `client>server #3 drop`.
    Datagram {
        /// The direction the datagram travels.
        flow: Flow,
        /// Its number in the flow, from 0. A broadcast counts once for each receiver.
        n: u64,
        /// What happens to it.
        fault: DatagramFault,
    },
    /// What happens at one point of a stream: `a>b/1 @16 stall 2s`.
    Stream {
        /// The direction the bytes travel.
        flow: Flow,
        /// Which connection between the two hosts, from 0, or [`EVERY_CONN`]. A 0 is left out when printed.
        conn: u32,
        /// The byte offset in that direction of the connection, from 0.
        at: u64,
        /// What happens there.
        fault: StreamFault,
    },
    /// Every read of a stream ends at a multiple of `len`: `a>b cut every 1 byte`.
    CutEvery {
        /// The direction the bytes travel.
        flow: Flow,
        /// Which connection between the two hosts, from 0, or [`EVERY_CONN`]. A 0 is left out when printed.
        conn: u32,
        /// The distance between two cuts, in bytes.
        len: NonZeroU64,
    },
    /// A fault of a dial: `a>b/1 refuse`.
    Connect {
        /// From the host that dials to the one that is dialed.
        flow: Flow,
        /// Which connection between the two hosts, from 0, or [`EVERY_CONN`]. A 0 is left out when printed.
        conn: u32,
        /// What happens to it.
        fault: ConnectFault,
    },
    /// What happens to hosts at a moment: `at 2s partition a|b`.
    Host {
        /// When it happens.
        at: Instant,
        /// What happens.
        fault: HostFault,
    },
    /// A host goes down at an event of its own: `crash a after recv #3 for 200ms`.
    Down(Down),
}

impl Fault {
    /// What sort of fault this is, whatever it hits.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Datagram { fault, .. } => fault.kind(),
            Self::Stream { fault, .. } => fault.kind(),
            Self::CutEvery { .. } => FaultKind::Cut,
            Self::Connect { fault, .. } => fault.kind(),
            Self::Host { fault, .. } => fault.kind(),
            Self::Down(down) => down.kind(),
        }
    }
}

/// What happens to one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatagramFault {
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It takes this much longer than the latency of its link; not zero.
    Delay(Duration),
    /// Bits of one of its bytes are inverted.
    Flip {
        /// The byte, from 0.
        at: u32,
        /// The bits to invert; not zero.
        mask: u8,
    },
    /// Only this many of its first bytes arrive.
    Truncate(u32),
    /// It arrives as [`Ecn::Ce`](crate::machine::Ecn::Ce), if it is capable of marks and has none.
    Mark,
    /// It arrives as [`Ecn::NotEct`](crate::machine::Ecn::NotEct).
    Bleach,
}

impl DatagramFault {
    /// What sort of fault this is.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Drop => FaultKind::Drop,
            Self::Duplicate => FaultKind::Duplicate,
            Self::Delay(_) => FaultKind::Delay,
            Self::Flip { .. } => FaultKind::Flip,
            Self::Truncate(_) => FaultKind::Truncate,
            Self::Mark => FaultKind::Mark,
            Self::Bleach => FaultKind::Bleach,
        }
    }
}

/// What happens at one point of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// A read that would pass this point ends here.
    Cut,
    /// The bytes from this point on come this much later; not zero.
    Stall(Duration),
    /// The connection is reset.
    Reset,
}

impl StreamFault {
    /// What sort of fault this is.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Cut => FaultKind::Cut,
            Self::Stall(_) => FaultKind::Stall,
            Self::Reset => FaultKind::Reset,
        }
    }
}

/// The number that stands for every connection between two hosts, written `a>b/*`. A fault of a connection's own goes
/// before one of all.
pub const EVERY_CONN: u32 = u32::MAX;

/// What happens to a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// It is refused, as where nobody listens.
    Refuse,
    /// Nothing comes back: the dial fails once its time is over.
    Silence,
}

impl ConnectFault {
    /// What sort of fault this is.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Refuse => FaultKind::Refuse,
            Self::Silence => FaultKind::Silence,
        }
    }
}

/// Whether a text can be the name of a host.
pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_host_char)
}

/// Whether a character may stand in the name of a host.
const fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_partitions_are_one_kind_each() {
        let flow = Flow::new("a", "b");
        let every = Fault::CutEvery { flow: flow.clone(), conn: 0, len: NonZeroU64::MIN };
        assert_eq!(every.kind(), StreamFault::Cut.kind());
        let both_ways = HostFault::Partition { a: "a".into(), b: "b".into() };
        assert_eq!(both_ways.kind(), HostFault::PartitionOneWay(flow).kind());
    }
}
