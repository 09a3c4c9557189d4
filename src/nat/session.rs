//! What a NAT knows of one TCP connection (RFC 5382 section 5; RFC 6146 section 3.5.2 has a state machine in full).

use std::time::Duration;

use super::Nat;

/// The flags of a segment by which a NAT goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
}

impl Flags {
    /// Those of a segment that asks for a connection.
    pub(crate) const SYN: Self = Self { syn: true, fin: false, rst: false };
}

/// One connection that passes a NAT. In pairs, what comes from inside stands first.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Session {
    /// Whether something has passed in each direction.
    passed: [bool; 2],
    /// Whether each direction has ended.
    ended: [bool; 2],
    /// Whether the last segment was a reset.
    is_reset: bool,
}

impl Session {
    /// A segment passes. After an end in both directions or a reset, a SYN begins another connection.
    pub(super) fn pass(&mut self, flags: Flags, is_outward: bool) {
        if flags.syn && (self.ended == [true; 2] || self.is_reset) {
            *self = Self::default();
        }
        let direction = usize::from(!is_outward);
        self.is_reset = flags.rst;
        self.passed[direction] |= !flags.rst;
        self.ended[direction] |= flags.fin;
    }

    /// For how long it may be idle: for long where both sides have been heard, and neither a reset nor both ends.
    pub(super) fn timeout(self, nat: &Nat) -> Duration {
        let is_established = self.passed == [true; 2] && self.ended != [true; 2] && !self.is_reset;
        if is_established { nat.tcp_timeout } else { nat.tcp_transitory_timeout }
    }
}
