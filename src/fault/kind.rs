//! The sorts of fault there are.

/// The sorts of fault there are, by which the faults that fired are tallied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A datagram is lost.
    Drop,
    /// A datagram arrives twice.
    Duplicate,
    /// A datagram is late.
    Delay,
    /// A datagram arrives with bits inverted.
    Flip,
    /// A datagram arrives short.
    Truncate,
    /// Reads of a stream end early, once or all along it.
    Cut,
    /// A stream pauses.
    Stall,
    /// A connection is reset.
    Reset,
    /// A dial is refused.
    Refuse,
    /// A dial is not answered.
    Silence,
    /// Hosts are kept apart, one way or both.
    Partition,
    /// Partitions end.
    Heal,
    /// A machine receives `Stop`.
    Stop,
    /// A process dies.
    Crash,
    /// A host goes silent.
    Poweroff,
    /// A host restarts.
    Restart,
    /// A clock jumps ahead, or stops.
    Skew,
    /// A clock goes too fast, or too slowly.
    Drift,
    /// A timer comes before what else is due at its moment.
    TimerFirst,
    /// A process is stopped, and does nothing.
    Pause,
    /// A process that was paused goes on.
    Resume,
    /// A NAT forgets its mappings, and gives other ports from then on.
    Rebind,
    /// A NAT forgets everything.
    Reboot,
    /// The address of a host changes.
    Move,
    /// A datagram that may be marked arrives with a mark.
    Mark,
    /// The ECN field of a datagram is cleared.
    Bleach,
}

impl FaultKind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 26] = [
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Flip,
        Self::Truncate,
        Self::Cut,
        Self::Stall,
        Self::Reset,
        Self::Refuse,
        Self::Silence,
        Self::Partition,
        Self::Heal,
        Self::Stop,
        Self::Crash,
        Self::Poweroff,
        Self::Restart,
        Self::Skew,
        Self::Drift,
        Self::TimerFirst,
        Self::Pause,
        Self::Resume,
        Self::Rebind,
        Self::Reboot,
        Self::Move,
        Self::Mark,
        Self::Bleach,
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of fault that takes a host down: silently, or so that its peers see its process die.
    pub(crate) const fn of_down(silent: bool) -> Self {
        if silent { Self::Poweroff } else { Self::Crash }
    }

    /// Whether only real processes have it: in simulation such a fault never fires.
    pub const fn is_of_processes(self) -> bool {
        matches!(self, Self::Pause | Self::Resume)
    }

    /// Whether it hits the addresses of hosts: those that a NAT gives, or their own.
    pub const fn is_of_addresses(self) -> bool {
        matches!(self, Self::Rebind | Self::Reboot | Self::Move)
    }

    /// Whether it hits the ECN field of datagrams: it does nothing to those that are not capable of marks.
    pub const fn is_of_ecn(self) -> bool {
        matches!(self, Self::Mark | Self::Bleach)
    }

    /// The word the text form uses for it, such as `drop` or `partition`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Flip => "flip",
            Self::Truncate => "truncate",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::Refuse => "refuse",
            Self::Silence => "silence",
            Self::Partition => "partition",
            Self::Heal => "heal",
            Self::Stop => "stop",
            Self::Crash => "crash",
            Self::Poweroff => "poweroff",
            Self::Restart => "restart",
            Self::Skew => "skew",
            Self::Drift => "drift",
            Self::TimerFirst => "timer-first",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Rebind => "rebind",
            Self::Reboot => "reboot",
            Self::Move => "move",
            Self::Mark => "mark",
            Self::Bleach => "bleach",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_listed_once_and_in_order() {
        assert!(FaultKind::ALL.is_sorted_by(|a, b| a < b));
        assert_eq!(FaultKind::ALL[FaultKind::ALL.len() - 1], FaultKind::Bleach);
    }
}
