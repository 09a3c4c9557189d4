//! Random loss, as a pure function of seed, flow and number.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{
    Bandwidth, Bursts, Chance, ConnectFault, DatagramFault, FaultKind, HostChances, Spread, StreamFault,
};
use crate::host::HostId;
use crate::seed::{below, mix};

/// How a network misbehaves at random. The fault of each packet is a function of the seed, its direction and its number
/// there, so one direction does not change another. Each fault that is drawn is recorded in a plan. Only a wait for
/// bandwidth also depends on the time; the plan records how long it was.
///
/// Use a named profile, or state what differs from one:
///
/// ```
/// use std::time::Duration;
///
/// use lossproof::fault::{Bandwidth, Bursts, Chance, Profile};
///
/// let wifi: Profile = "wifi".parse()?;
/// assert_eq!(wifi, Profile::WIFI);
/// let crowded = Profile {
///     bursts: Bursts::new(Chance::percent(10), 4),
///     bandwidth: Some(Bandwidth::kilobits(2_000, 64 * 1024)),
///     ..Profile::WIFI
/// };
/// let plain = Profile { loss: Chance::percent(30), jitter: Duration::from_millis(20), ..Profile::CALM };
/// assert_eq!((crowded.latency, plain.latency), (wifi.latency, Duration::ZERO));
/// # Ok::<(), lossproof::fault::ProfileError>(())
/// ```
///
/// A datagram has one fault at most, the first of these that applies: it is longer than the MTU, the queue is full, it
/// is lost, duplicated, changed, marked or bleached, late. The wait for bandwidth, the jitter and the reordering add up to one delay. It is
/// rounded to the nearest millisecond, so that the simulator, turmoil and real sockets can all keep it.
///
/// On a stream all of this appears only as delay, because a reliable transport retransmits: the bytes of a write, and
/// all after them, arrive late. Streams have no duplicates and no inverted bits, and a write that is longer than the
/// MTU is split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How long a packet takes from host to host, unless the plan says otherwise. Zero leaves it to the scenario. Of a
    /// profile for [single links](super::Links) it is the latency of those.
    pub latency: Duration,
    /// The probability that a datagram is lost; on a stream, that a write is retransmitted.
    pub loss: Chance,
    /// Losses in bursts, in addition to those of `loss`.
    pub bursts: Bursts,
    /// The probability that a datagram is duplicated.
    pub duplicate: Chance,
    /// The probability that one bit of a datagram is inverted.
    pub corrupt: Chance,
    /// The maximum extra delay of a packet, in whole milliseconds, all equally likely. If it is longer than the time
    /// between two packets, it also reorders them.
    pub jitter: Duration,
    /// How much longer than that a packet takes, as it was measured: beside `jitter`, in whole milliseconds too.
    pub spread: Spread,
    /// The probability that a packet takes `reorder_by` longer, so that later packets arrive first. On a stream they
    /// wait for it.
    pub reorder: Chance,
    /// The extra delay of a reordered packet.
    pub reorder_by: Duration,
    /// The capacity of each direction between two hosts. Traffic above it waits in a queue; a datagram that finds the
    /// queue full is lost. Packets are counted with their headers, 28 bytes for a datagram and 40 for a segment.
    pub bandwidth: Option<Bandwidth>,
    /// The longest packet that passes, in bytes with its headers: 1500 lets through datagrams of 1472. A longer one is
    /// lost, as where packets must not be fragmented, which is what path MTU discovery asks for (RFC 1191).
    pub mtu: Option<u16>,
    /// How likely a write is cut: what it brings is read in two pieces at least.
    pub cut: Chance,
    /// How likely a write, a piece of one that is cut, or the end of a stream resets its connection.
    pub reset: Chance,
    /// How likely a dial is refused.
    pub refuse: Chance,
    /// How likely a dial is not answered.
    pub silence: Chance,
    /// The probability that a datagram which is capable of marks arrives with one ([`Ecn`](crate::machine::Ecn)).
    pub mark: Chance,
    /// The probability that the ECN field of such a datagram is cleared.
    pub bleach: Chance,
    /// What befalls hosts and their clocks. Of a profile for [single links](super::Links) it is not looked at.
    pub hosts: HostChances,
}

/// How long a stream stalls when a write is lost: a retransmission timeout (the lower bound that Linux keeps;
/// RFC 6298 advises one second). It doubles while the loss repeats.
pub const FIRST_STALL: Duration = Duration::from_millis(200);
/// The maximum number of consecutive losses of one write.
pub const MAX_STALLS: u32 = 8;
/// How late a packet is at most: so many whole milliseconds are what a plan can say.
const MAX_LATE: Duration = Duration::from_millis(u64::MAX / 1_000_000);

/// The headers of IPv4 and UDP.
const DATAGRAM_HEADERS: usize = 20 + 8;
/// The headers of IPv4 and TCP, without options.
const SEGMENT_HEADERS: u32 = 20 + 20;
/// The MTU of Ethernet (RFC 894), by which streams are cut into segments where there is no other.
const ETHERNET_MTU: u16 = 1500;

/// What a link with a memory does to a packet: the losses of its bursts, and the wait for those before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    pub(crate) lost: bool,
    pub(crate) wait: Duration,
}

impl Profile {
    /// Leaves every packet alone.
    pub const CALM: Self = Self {
        latency: Duration::ZERO,
        loss: Chance::NEVER,
        bursts: Bursts::NONE,
        duplicate: Chance::NEVER,
        corrupt: Chance::NEVER,
        jitter: Duration::ZERO,
        spread: Spread::NONE,
        reorder: Chance::NEVER,
        reorder_by: Duration::ZERO,
        bandwidth: None,
        mtu: None,
        cut: Chance::NEVER,
        reset: Chance::NEVER,
        refuse: Chance::NEVER,
        silence: Chance::NEVER,
        mark: Chance::NEVER,
        bleach: Chance::NEVER,
        hosts: HostChances::NONE,
    };

    /// Whether it leaves every packet alone. A latency changes none.
    pub fn is_calm(&self) -> bool {
        Self { latency: Duration::ZERO, ..*self } == Self::CALM
            || !FaultKind::ALL.into_iter().any(|kind| self.draws(kind))
    }

    /// Whether the fate of a packet depends on those before it.
    pub(crate) fn has_memory(&self) -> bool {
        self.bursts != Bursts::NONE || self.bandwidth.is_some()
    }

    /// Whether a datagram of `len` bytes is longer than what passes.
    pub(crate) fn is_too_long(&self, len: usize) -> bool {
        self.mtu.is_some_and(|mtu| len + DATAGRAM_HEADERS > usize::from(mtu))
    }

    /// How many bytes a datagram of `len` bytes has on its way.
    pub(crate) const fn datagram_len(len: usize) -> u64 {
        (len + DATAGRAM_HEADERS) as u64
    }

    /// How many bytes a write of `len` bytes has on its way: in segments, each with its headers. An end has one, too.
    pub(crate) fn write_len(&self, len: u32) -> u64 {
        let segment_len = u32::from(self.mtu.unwrap_or(ETHERNET_MTU)).saturating_sub(SEGMENT_HEADERS).max(1);
        u64::from(len) + u64::from(len.div_ceil(segment_len).max(1)) * u64::from(SEGMENT_HEADERS)
    }

    /// What happens to datagram `n` of the flow with this seed, which has `len` bytes, and can be marked and bleached or not.
    pub(crate) fn datagram(
        &self,
        flow_seed: u64,
        n: u64,
        (len, [can_be_marked, can_be_bleached]): (usize, [bool; 2]),
        passage: Passage,
    ) -> Option<DatagramFault> {
        let bits = mix(flow_seed, n);
        if passage.lost || self.loss.happens(bits) || self.is_too_long(len) {
            return Some(DatagramFault::Drop);
        }
        if self.duplicate.happens(mix(bits, 1)) {
            return Some(DatagramFault::Duplicate);
        }
        if len > 0 && self.corrupt.happens(mix(bits, 2)) {
            let at = below(mix(bits, 3), len as u64) as u32;
            return Some(DatagramFault::Flip { at, mask: 1 << below(mix(bits, 4), 8) });
        }
        if can_be_bleached && self.bleach.happens(mix(bits, 6)) {
            return Some(DatagramFault::Bleach);
        }
        if can_be_marked && self.mark.happens(mix(bits, 7)) {
            return Some(DatagramFault::Mark);
        }
        let late = self.late(mix(bits, 5), passage.wait);
        (!late.is_zero()).then_some(DatagramFault::Delay(late))
    }

    /// What happens to a write at offset `at` of the connection with this seed. `lost_again` says of each time that it
    /// is sent whether a burst takes it.
    pub(crate) fn write(
        &self,
        conn_seed: u64,
        at: u64,
        wait: Duration,
        mut lost_again: impl FnMut() -> bool,
    ) -> Option<StreamFault> {
        let bits = mix(conn_seed, at);
        if self.reset.happens(mix(bits, 98)) {
            return Some(StreamFault::Reset);
        }
        let lost = |&n: &u32| lost_again() | self.loss.happens(mix(bits, u64::from(n)));
        let losses = (0..MAX_STALLS).take_while(lost).count() as u32;
        let stall = FIRST_STALL * ((1 << losses) - 1) + self.late(mix(bits, 99), wait);
        let stall = stall.min(MAX_LATE);
        (!stall.is_zero()).then_some(StreamFault::Stall(stall))
    }

    /// How many of the `len` bytes from offset `at` on of the connection with this seed come before a cut, if there is one.
    pub(crate) fn cut_in(&self, conn_seed: u64, at: u64, len: u64) -> Option<u64> {
        let bits = mix(mix(conn_seed, at), 97);
        let is_cut = len > 1 && self.cut != Chance::NEVER && self.cut.happens(bits);
        is_cut.then(|| 1 + below(mix(bits, 0), len - 1))
    }

    /// Whether the connection with this seed is reset at an offset inside of a write, where that is cut.
    pub(crate) fn resets_at(&self, conn_seed: u64, at: u64) -> bool {
        self.reset.happens(mix(mix(conn_seed, at), 96))
    }

    /// What becomes of the dial that opens the connection with this seed.
    pub(crate) fn connect(&self, conn_seed: u64) -> Option<ConnectFault> {
        if self.refuse.happens(mix(conn_seed, u64::MAX - 1)) {
            return Some(ConnectFault::Refuse);
        }
        self.silence.happens(mix(conn_seed, u64::MAX - 2)).then_some(ConnectFault::Silence)
    }

    /// Whether it draws faults of this kind.
    pub fn draws(&self, kind: FaultKind) -> bool {
        let happens = |chance: Chance| chance != Chance::NEVER;
        match kind {
            FaultKind::Drop => {
                let has_queue = self.bandwidth.is_some() || self.mtu.is_some();
                happens(self.loss) || self.bursts != Bursts::NONE || has_queue
            }
            FaultKind::Duplicate => happens(self.duplicate),
            FaultKind::Delay => {
                let is_spread = !self.jitter.is_zero() || self.spread != Spread::NONE;
                is_spread || happens(self.reorder) || self.bandwidth.is_some()
            }
            FaultKind::Stall => {
                happens(self.loss) || self.bursts != Bursts::NONE || self.draws(FaultKind::Delay)
            }
            FaultKind::Flip => happens(self.corrupt),
            FaultKind::Mark => happens(self.mark),
            FaultKind::Bleach => happens(self.bleach),
            FaultKind::Cut => happens(self.cut),
            FaultKind::Reset => happens(self.reset),
            FaultKind::Refuse => happens(self.refuse),
            FaultKind::Silence => happens(self.silence),
            FaultKind::TimerFirst => happens(self.hosts.timer_first),
            other => self.hosts.max > 0 && self.hosts.of(other).is_some_and(happens),
        }
    }

    /// How late a packet is that has to wait so long before it leaves.
    fn late(&self, bits: u64, wait: Duration) -> Duration {
        let jitter = below(bits, self.jitter.min(MAX_LATE).as_millis() as u64 + 1);
        let late = wait.saturating_add(Duration::from_millis(jitter));
        let late = late.saturating_add(self.spread.draw(mix(bits, 1)));
        let behind = self.reorder.happens(mix(bits, 0));
        whole_millis(if behind { late.saturating_add(self.reorder_by) } else { late })
    }
}

/// To the nearest whole millisecond.
fn whole_millis(span: Duration) -> Duration {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_millis(nanos.saturating_add(500_000) / 1_000_000)
}

/// The seed of one direction between two hosts.
pub(crate) fn flow_seed(seed: u64, from: HostId, to: HostId) -> u64 {
    mix(seed, u64::from(from.0) << 16 | u64::from(to.0))
}
