//! Faults with hosts by number instead of by name, as a run holds them.

use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::time::Duration;

use super::{
    ConnectFault, DatagramFault, Down, Fault, FaultKind, FaultPlan, Flow, HostFault, Rate, StreamFault, When,
};
use crate::host::HostId;
use crate::time::Instant;

/// A [`Fault`] whose hosts are those of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// What happens to one datagram.
    Datagram {
        /// Who sends it.
        from: HostId,
        /// To whom.
        to: HostId,
        /// Its number in the flow, from 0.
        n: u64,
        /// What happens to it.
        fault: DatagramFault,
    },
    /// What happens at one point of a stream.
    Stream {
        /// Who sends the bytes.
        from: HostId,
        /// To whom.
        to: HostId,
        /// Which connection between the two, from 0.
        conn: u32,
        /// The byte offset.
        at: u64,
        /// What happens there.
        fault: StreamFault,
    },
    /// Every read of a stream ends at a multiple of `len`.
    CutEvery {
        /// Who sends the bytes.
        from: HostId,
        /// To whom.
        to: HostId,
        /// Which connection between the two, from 0.
        conn: u32,
        /// The distance between two cuts, in bytes.
        len: NonZeroU64,
    },
    /// What becomes of a dial.
    Connect {
        /// Who dials.
        from: HostId,
        /// Whom.
        to: HostId,
        /// Which connection between the two, from 0, or [`EVERY_CONN`](super::EVERY_CONN).
        conn: u32,
        /// What becomes of it.
        fault: ConnectFault,
    },
    /// What happens to hosts at a moment.
    Host {
        /// When.
        at: Instant,
        /// What.
        fault: ResolvedHost,
    },
    /// A host goes down at an event of its own.
    Down {
        /// Which.
        host: HostId,
        /// Whether it goes silent.
        silent: bool,
        /// At which event.
        when: When,
        /// The span after which it starts anew; `None` leaves it down.
        back_after: Option<Duration>,
    },
}

/// A [`HostFault`] whose hosts are those of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedHost {
    /// Nothing passes between two hosts.
    Partition(HostId, HostId),
    /// Nothing passes from the first to the second.
    PartitionOneWay(HostId, HostId),
    /// Nothing passes between this host and any other.
    Isolate(HostId),
    /// Every partition ends.
    Heal,
    /// The machine is told to stop.
    Stop(HostId),
    /// The process dies.
    Crash(HostId),
    /// The host goes silent.
    Poweroff(HostId),
    /// The host starts anew.
    Restart(HostId),
    /// The host's clock jumps ahead by this much.
    Skew(HostId, Duration),
    /// The host's clock stands still for so long.
    Lag(HostId, Duration),
    /// The host's clock goes at this rate.
    Drift(HostId, Rate),
    /// The host's timer comes before what else is due there.
    TimerFirst(HostId),
    /// The host's process is stopped.
    Pause(HostId),
    /// The host's process goes on.
    Resume(HostId),
    /// The NAT forgets its mappings.
    Rebind(HostId),
    /// The NAT forgets everything.
    Reboot(HostId),
    /// The host has this address from now on.
    Move(HostId, Ipv4Addr),
}

/// A plan that names a host which the scenario does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan names the host '{name}'; the hosts are {}", hosts.join(", "))]
pub struct UnknownHost {
    /// The name.
    pub name: String,
    /// The names there are.
    pub hosts: Vec<String>,
}

impl Resolved {
    /// The fault with its hosts looked up among `names`.
    ///
    /// # Errors
    /// [`UnknownHost`] if one is not there.
    pub fn new(fault: &Fault, names: &[&str]) -> Result<Self, UnknownHost> {
        let host = |name: &str| host_of(name, names);
        Ok(match fault {
            Fault::Datagram { flow, n, fault } => {
                Self::Datagram { from: host(&flow.from)?, to: host(&flow.to)?, n: *n, fault: *fault }
            }
            Fault::Stream { flow, conn, at, fault } => {
                let (from, to) = (host(&flow.from)?, host(&flow.to)?);
                Self::Stream { from, to, conn: *conn, at: *at, fault: *fault }
            }
            Fault::CutEvery { flow, conn, len } => {
                Self::CutEvery { from: host(&flow.from)?, to: host(&flow.to)?, conn: *conn, len: *len }
            }
            Fault::Connect { flow, conn, fault } => {
                Self::Connect { from: host(&flow.from)?, to: host(&flow.to)?, conn: *conn, fault: *fault }
            }
            Fault::Host { at, fault } => Self::Host { at: *at, fault: ResolvedHost::new(fault, names)? },
            Fault::Down(Down { host: name, silent, when, back_after }) => {
                Self::Down { host: host(name)?, silent: *silent, when: *when, back_after: *back_after }
            }
        })
    }

    /// All faults of a plan, in its order.
    ///
    /// # Errors
    /// [`UnknownHost`] for the first host that is not among `names`.
    pub fn all(plan: &FaultPlan, names: &[&str]) -> Result<Vec<Self>, UnknownHost> {
        plan.faults().iter().map(|fault| Self::new(fault, names)).collect()
    }

    /// The fault with its hosts by name again.
    pub fn named(&self, names: &[&str]) -> Fault {
        let name = |host: HostId| names[host.index()].to_owned();
        let flow = |from, to| Flow { from: name(from), to: name(to) };
        match *self {
            Self::Datagram { from, to, n, fault } => Fault::Datagram { flow: flow(from, to), n, fault },
            Self::Stream { from, to, conn, at, fault } => {
                Fault::Stream { flow: flow(from, to), conn, at, fault }
            }
            Self::CutEvery { from, to, conn, len } => Fault::CutEvery { flow: flow(from, to), conn, len },
            Self::Connect { from, to, conn, fault } => Fault::Connect { flow: flow(from, to), conn, fault },
            Self::Down { host, silent, when, back_after } => {
                Fault::Down(Down { host: name(host), silent, when, back_after })
            }
            Self::Host { at, fault } => {
                let fault = match fault {
                    ResolvedHost::Isolate(host) => HostFault::Isolate(name(host)),
                    ResolvedHost::Lag(host, behind) => HostFault::Lag { host: name(host), behind },
                    ResolvedHost::Drift(host, rate) => HostFault::Drift { host: name(host), rate },
                    ResolvedHost::TimerFirst(host) => HostFault::TimerFirst(name(host)),
                    ResolvedHost::Pause(host) => HostFault::Pause(name(host)),
                    ResolvedHost::Resume(host) => HostFault::Resume(name(host)),
                    ResolvedHost::Rebind(nat) => HostFault::Rebind(name(nat)),
                    ResolvedHost::Reboot(nat) => HostFault::Reboot(name(nat)),
                    ResolvedHost::Move(host, to) => HostFault::Move { host: name(host), to },
                    ResolvedHost::Partition(a, b) => HostFault::Partition { a: name(a), b: name(b) },
                    ResolvedHost::PartitionOneWay(from, to) => HostFault::PartitionOneWay(flow(from, to)),
                    ResolvedHost::Heal => HostFault::Heal,
                    ResolvedHost::Stop(host) => HostFault::Stop(name(host)),
                    ResolvedHost::Crash(host) => HostFault::Crash(name(host)),
                    ResolvedHost::Poweroff(host) => HostFault::Poweroff(name(host)),
                    ResolvedHost::Restart(host) => HostFault::Restart(name(host)),
                    ResolvedHost::Skew(host, ahead) => HostFault::Skew { host: name(host), ahead },
                };
                Fault::Host { at, fault }
            }
        }
    }

    /// What sort of fault this is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Datagram { fault, .. } => fault.kind(),
            Self::Stream { fault, .. } => fault.kind(),
            Self::CutEvery { .. } => FaultKind::Cut,
            Self::Connect { fault, .. } => fault.kind(),
            Self::Host { fault, .. } => fault.kind(),
            Self::Down { silent, .. } => FaultKind::of_down(*silent),
        }
    }
}

impl ResolvedHost {
    fn new(fault: &HostFault, names: &[&str]) -> Result<Self, UnknownHost> {
        let host = |name: &str| host_of(name, names);
        Ok(match fault {
            HostFault::Partition { a, b } => Self::Partition(host(a)?, host(b)?),
            HostFault::PartitionOneWay(flow) => Self::PartitionOneWay(host(&flow.from)?, host(&flow.to)?),
            HostFault::Heal => Self::Heal,
            HostFault::Stop(name) => Self::Stop(host(name)?),
            HostFault::Crash(name) => Self::Crash(host(name)?),
            HostFault::Poweroff(name) => Self::Poweroff(host(name)?),
            HostFault::Restart(name) => Self::Restart(host(name)?),
            HostFault::Skew { host: name, ahead } => Self::Skew(host(name)?, *ahead),
            HostFault::Isolate(name) => Self::Isolate(host(name)?),
            HostFault::Lag { host: name, behind } => Self::Lag(host(name)?, *behind),
            HostFault::Drift { host: name, rate } => Self::Drift(host(name)?, *rate),
            HostFault::TimerFirst(name) => Self::TimerFirst(host(name)?),
            HostFault::Pause(name) => Self::Pause(host(name)?),
            HostFault::Resume(name) => Self::Resume(host(name)?),
            HostFault::Rebind(name) => Self::Rebind(host(name)?),
            HostFault::Reboot(name) => Self::Reboot(host(name)?),
            HostFault::Move { host: name, to } => Self::Move(host(name)?, *to),
        })
    }

    /// Whether it is about what lies between hosts: a partition, or a heal.
    pub(crate) const fn is_between_hosts(self) -> bool {
        matches!(self, Self::Partition(..) | Self::PartitionOneWay(..) | Self::Isolate(_) | Self::Heal)
    }

    /// Whose fault it is: of a partition the first host's, of a heal the first of all.
    pub(crate) const fn host(self) -> HostId {
        match self {
            Self::Heal => HostId(0),
            Self::Partition(host, _)
            | Self::PartitionOneWay(host, _)
            | Self::Isolate(host)
            | Self::Stop(host)
            | Self::Pause(host)
            | Self::Resume(host)
            | Self::Rebind(host)
            | Self::Reboot(host)
            | Self::Move(host, _)
            | Self::Crash(host)
            | Self::Poweroff(host)
            | Self::Restart(host)
            | Self::Skew(host, _)
            | Self::Lag(host, _)
            | Self::Drift(host, _)
            | Self::TimerFirst(host) => host,
        }
    }

    const fn kind(self) -> FaultKind {
        match self {
            Self::Partition(..) | Self::PartitionOneWay(..) | Self::Isolate(_) => FaultKind::Partition,
            Self::Heal => FaultKind::Heal,
            Self::Stop(_) => FaultKind::Stop,
            Self::Crash(_) => FaultKind::Crash,
            Self::Poweroff(_) => FaultKind::Poweroff,
            Self::Restart(_) => FaultKind::Restart,
            Self::Skew(..) | Self::Lag(..) => FaultKind::Skew,
            Self::Drift(..) => FaultKind::Drift,
            Self::TimerFirst(_) => FaultKind::TimerFirst,
            Self::Pause(_) => FaultKind::Pause,
            Self::Resume(_) => FaultKind::Resume,
            Self::Rebind(_) => FaultKind::Rebind,
            Self::Reboot(_) => FaultKind::Reboot,
            Self::Move(..) => FaultKind::Move,
        }
    }
}

pub(super) fn host_of(name: &str, names: &[&str]) -> Result<HostId, UnknownHost> {
    match names.iter().position(|known| *known == name) {
        Some(index) => Ok(HostId(index as u16)),
        None => Err(UnknownHost {
            name: name.to_owned(),
            hosts: names.iter().map(|&known| known.to_owned()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "v2; a>b #3 drop; b>a/1 @16 stall 2s; a>b cut every 1 byte; at 1s partition a|b; \
                        at 2s partition b>a; at 3s heal; at 4s crash a; at 5s restart a; at 6s poweroff b; \
                        at 7s skew a +3s; at 8s stop a; at 9s isolate b; at 9s skew b -1s; at 9s drift a x1.01; \
                        at 9s timer-first b; at 9s pause a; at 10s resume a; at 10s rebind a; at 10s reboot b; at 11s move a 10.0.1.7; a>b/1 refuse; a>b/* @4 reset; crash a after recv #3 for 1s; \
                        poweroff b after effect 1 of recv #0";

    #[test]
    fn names_and_kinds_come_back() {
        let plan: FaultPlan = PLAN.parse().unwrap();
        for fault in plan.faults() {
            let resolved = Resolved::new(fault, &["a", "b"]).unwrap();
            assert_eq!((resolved.named(&["a", "b"]), resolved.kind()), (fault.clone(), fault.kind()));
        }
    }

    #[test]
    fn an_unknown_host_is_said_with_those_there_are() {
        let plan: FaultPlan = "client>sever #0 drop".parse().unwrap();
        let error = Resolved::all(&plan, &["server", "client"]).unwrap_err();
        assert_eq!(error.to_string(), "the plan names the host 'sever'; the hosts are server, client");
    }
}
