//! What happens to hosts: at moments, and at events of their own.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use super::{FaultKind, Flow};

/// What happens to hosts, or to what lies between them, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFault {
    /// Nothing passes between two hosts, in either direction: `partition a|b`.
    Partition {
        /// One host.
        a: String,
        /// The other.
        b: String,
    },
    /// Nothing passes in this direction: `partition a>b`.
    PartitionOneWay(Flow),
    /// Nothing passes between this host and any other: `isolate a`.
    Isolate(String),
    /// Every partition ends.
    Heal,
    /// The machine on this host receives [`Input::Stop`](crate::Input::Stop), as with Ctrl-C on real sockets, once
    /// between two starts. What it ends in order stays ended when all is [calm](super::FaultPlan::calm); a restart
    /// starts it again.
    Stop(String),
    /// The process on this host dies; its peers see an end or a reset.
    Crash(String),
    /// This host goes silent; its peers see nothing.
    Poweroff(String),
    /// This host restarts.
    Restart(String),
    /// The clock of a host jumps ahead, and not out of its range: by [`MAX_SKEW`](super::MAX_SKEW) in all.
    Skew {
        /// Whose clock.
        host: String,
        /// How far ahead; not zero.
        ahead: Duration,
    },
    /// The clock of a host falls behind: it stops for this time, because a monotonic clock never goes back.
    Lag {
        /// Whose clock.
        host: String,
        /// How far behind; not zero.
        behind: Duration,
    },
    /// The clock of a host goes at another rate.
    Drift {
        /// Whose clock.
        host: String,
        /// How fast.
        rate: Rate,
    },
    /// The timer of a host comes before whatever else is due there at that moment. Without it the timer comes last.
    TimerFirst(String),
    /// The process on this host is stopped, as by `SIGSTOP`, and does nothing until it is resumed; its system still answers
    /// for it. A hunt does that to processes that it starts. In simulation it never fires: there
    /// [`HostFault::Lag`] is the nearest.
    Pause(String),
    /// The process on this host goes on.
    Resume(String),
    /// This [NAT](crate::scenario::Nat) forgets its mappings and gives other ports from then on: `rebind home`.
    Rebind(String),
    /// This [NAT](crate::scenario::Nat) forgets everything, and gives its ports from the first on: `reboot home`.
    Reboot(String),
    /// The first IPv4 address of a host changes: `move client 10.0.1.7`. If it is behind a NAT, it leaves that.
    Move {
        /// Which host.
        host: String,
        /// Its new address.
        to: Ipv4Addr,
    },
}

impl HostFault {
    /// What sort of fault this is; a partition is one whether it stops one direction, both, or all of a host.
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Partition { .. } | Self::PartitionOneWay(_) | Self::Isolate(_) => FaultKind::Partition,
            Self::Heal => FaultKind::Heal,
            Self::Stop(_) => FaultKind::Stop,
            Self::Crash(_) => FaultKind::Crash,
            Self::Poweroff(_) => FaultKind::Poweroff,
            Self::Restart(_) => FaultKind::Restart,
            Self::Skew { .. } | Self::Lag { .. } => FaultKind::Skew,
            Self::Drift { .. } => FaultKind::Drift,
            Self::TimerFirst(_) => FaultKind::TimerFirst,
            Self::Pause(_) => FaultKind::Pause,
            Self::Resume(_) => FaultKind::Resume,
            Self::Rebind(_) => FaultKind::Rebind,
            Self::Reboot(_) => FaultKind::Reboot,
            Self::Move { .. } => FaultKind::Move,
        }
    }
}

/// A host that goes down at an event of its own: `crash a after recv #3 for 200ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Which host.
    pub host: String,
    /// Whether it goes silent, as without power. Otherwise its process dies, and its peers see an end or a reset.
    pub silent: bool,
    /// At which event.
    pub when: When,
    /// The time after which it restarts, not zero; `None` leaves it down.
    pub back_after: Option<Duration>,
}

impl Down {
    /// What sort of fault this is.
    pub const fn kind(&self) -> FaultKind {
        FaultKind::of_down(self.silent)
    }
}

/// An event in the life of a host. Receipts are datagrams and reads that its machine received. Sends are datagrams and
/// writes that it emitted, also those that did not leave because the host went down. Both are counted from 0, over all
/// peers and through restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Before this send leaves: `before send #2`. What the machine wanted done before it is done, the rest is not.
    BeforeSend(u64),
    /// As soon as this send has left: `after send #2`.
    AfterSend(u64),
    /// Once all is done that this receipt has caused: `after recv #3`.
    AfterRecv(u64),
    /// After this many effects of this receipt: `after effect 1 of recv #3`. Where there are fewer, nothing happens.
    AfterEffect {
        /// How many effects are done, from 1: sends, writes, saves, events, all that a machine puts into its outbox.
        effect: u32,
        /// The receipt, from 0.
        recv: u64,
    },
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeSend(n) => write!(f, "before send #{n}"),
            Self::AfterSend(n) => write!(f, "after send #{n}"),
            Self::AfterRecv(n) => write!(f, "after recv #{n}"),
            Self::AfterEffect { effect, recv } => write!(f, "after effect {effect} of recv #{recv}"),
        }
    }
}

/// How fast a clock goes: 1 is right. Exact to a millionth.
///
/// ```
/// use lossproof::fault::Rate;
///
/// let fast: Rate = "1.001".parse()?;
/// assert_eq!(fast.to_string(), "1.001");
/// assert!("2.1".parse::<Rate>().is_err());
/// # Ok::<(), lossproof::fault::RateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// A clock that goes right.
    pub const RIGHT: Self = Self(Self::PARTS);
    /// The slowest, half as fast.
    pub const MIN: Self = Self(Self::PARTS / 2);
    /// The fastest, twice as fast.
    pub const MAX: Self = Self(Self::PARTS * 2);
    pub(crate) const PARTS: u32 = 1_000_000;

    /// So many millionths; `None` beyond [`Rate::MIN`] and [`Rate::MAX`].
    pub const fn millionths(parts: u32) -> Option<Self> {
        if parts < Self::MIN.0 || parts > Self::MAX.0 { None } else { Some(Self(parts)) }
    }

    /// How many millionths.
    pub(crate) const fn parts(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Self::PARTS, self.0 % Self::PARTS);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:06}").trim_end_matches('0'))
    }
}

/// A text that is no rate of a clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the rate of a clock: write 0.5 to 2, with at most six digits after the point")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let refused = || RateError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_written = !whole.is_empty() && whole.len() <= 2 && fraction.len() <= 6;
        if !is_written || !digits(whole) || !digits(fraction) {
            return Err(refused());
        }
        let parts = format!("{whole}{fraction:0<6}").parse().map_err(|_| refused())?;
        Self::millionths(parts).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_exactly_and_within_their_bounds() {
        let parts = |text: &str| text.parse::<Rate>().map(Rate::parts).ok();
        assert_eq!(parts("1.001"), Some(1_001_000));
        assert_eq!(
            (parts("0.5"), parts("2"), parts("0.999999")),
            (Some(500_000), Some(2_000_000), Some(999_999))
        );
        for text in ["", "x", "0.499999", "2.000001", "1.0000001", "-1", ".9", "1e0", "100"] {
            assert_eq!(parts(text), None, "{text}");
        }
        for parts in [500_000, 1_000_000, 1_000_001, 1_500_000, 2_000_000] {
            let rate = Rate::millionths(parts).unwrap();
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
