//! Random loss, as a pure function of seed, flow and number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DatagramFault, StreamFault};
use crate::host::HostId;
use crate::seed::{below, mix};

/// A probability, exact to one in a billion.
///
/// ```
/// use lossproof::fault::Chance;
///
/// let loss: Chance = "30%".parse()?;
/// assert_eq!(loss, "0.3".parse()?);
/// assert_eq!(loss.to_string(), "30%");
/// # Ok::<(), lossproof::fault::ChanceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(Self::PARTS);
    const PARTS: u32 = 1_000_000_000;

    /// So many percent, 100 at most.
    pub const fn percent(percent: u32) -> Self {
        Self(if percent >= 100 { Self::PARTS } else { percent * (Self::PARTS / 100) })
    }

    /// Whether it happens, decided by 64 random bits.
    pub const fn happens(self, bits: u64) -> bool {
        below(bits, Self::PARTS as u64) < self.0 as u64
    }

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::PARTS)
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        if rest == 0 {
            write!(f, "{whole}%")
        } else {
            write!(f, "{whole}.{}%", format!("{rest:07}").trim_end_matches('0'))
        }
    }
}

/// A text that is no probability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a probability: write 0% to 100%, or 0 to 1")]
pub struct ChanceError(String);

impl FromStr for Chance {
    type Err = ChanceError;

    fn from_str(text: &str) -> Result<Self, ChanceError> {
        let refused = || ChanceError(text.to_owned());
        let (number, places) = match text.strip_suffix('%') {
            Some(number) => (number, 7),
            None => (text, 9),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 9
            || fraction.len() > places
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(refused());
        }
        let shifted: u64 = format!("{whole}{fraction:0<places$}").parse().map_err(|_| refused())?;
        match u32::try_from(shifted) {
            Ok(parts) if parts <= Self::PARTS => Ok(Self(parts)),
            _ => Err(refused()),
        }
    }
}

/// How a network misbehaves at random. Each packet's fate is a function of the seed, its flow and its number there,
/// so one flow does not disturb another; what is drawn is recorded as a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How likely a datagram is lost; on a stream, how likely a write has to be sent again.
    pub loss: Chance,
    /// How likely a datagram comes twice.
    pub duplicate: Chance,
    /// How likely a bit of a datagram is inverted.
    pub corrupt: Chance,
    /// How much longer than the latency a packet takes at most: whole milliseconds, all equally likely.
    pub jitter: Duration,
}

/// How long a stream stalls when a write is lost: a retransmission timeout (the lower bound that Linux keeps;
/// RFC 6298 advises one second). It doubles while the loss repeats.
pub const FIRST_STALL: Duration = Duration::from_millis(200);
/// How often one write is lost at most.
pub const MAX_STALLS: u32 = 8;

impl Profile {
    /// Whether it leaves every packet alone.
    pub fn is_calm(&self) -> bool {
        *self == Self::default()
    }

    /// What happens to datagram `n` of a flow, which has `len` bytes.
    pub(crate) fn datagram(
        &self,
        seed: u64,
        from: HostId,
        to: HostId,
        n: u64,
        len: usize,
    ) -> Option<DatagramFault> {
        let bits = mix(mix(seed, flow_key(from, to)), n);
        if self.loss.happens(bits) {
            return Some(DatagramFault::Drop);
        }
        if self.duplicate.happens(mix(bits, 1)) {
            return Some(DatagramFault::Duplicate);
        }
        if len > 0 && self.corrupt.happens(mix(bits, 2)) {
            let at = below(mix(bits, 3), len as u64) as u32;
            return Some(DatagramFault::Flip { at, mask: 1 << below(mix(bits, 4), 8) });
        }
        self.late(mix(bits, 5)).map(DatagramFault::Delay)
    }

    /// What happens to a write at offset `at` of the `conn`-th connection between two hosts.
    pub(crate) fn write(
        &self,
        seed: u64,
        from: HostId,
        to: HostId,
        conn: u32,
        at: u64,
    ) -> Option<StreamFault> {
        let bits = mix(mix(mix(seed, flow_key(from, to)), u64::from(conn)), at);
        let losses =
            (0..MAX_STALLS).take_while(|&n| self.loss.happens(mix(bits, u64::from(n)))).count() as u32;
        let stall = FIRST_STALL * ((1 << losses) - 1) + self.late(mix(bits, 99)).unwrap_or_default();
        (!stall.is_zero()).then_some(StreamFault::Stall(stall))
    }

    fn late(&self, bits: u64) -> Option<Duration> {
        let millis = below(bits, self.jitter.as_millis() as u64 + 1);
        (millis > 0).then(|| Duration::from_millis(millis))
    }
}

fn flow_key(from: HostId, to: HostId) -> u64 {
    u64::from(from.0) << 16 | u64::from(to.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: (HostId, HostId) = (HostId(0), HostId(1));

    #[test]
    fn chances_are_read_exactly() {
        let parts =
            |text: &str| text.parse::<Chance>().map(|chance| chance.0).map_err(|error| error.to_string());
        assert_eq!(parts("30%"), Ok(300_000_000));
        assert_eq!(parts("0.5"), Ok(500_000_000));
        assert_eq!(parts("0.0000001%"), Ok(1));
        assert_eq!((parts("1"), parts("100%"), parts("0")), (Ok(Chance::PARTS), Ok(Chance::PARTS), Ok(0)));
        for text in ["", "%", "-1", "1.1", "100.1%", "0.00000001%", "half", "1e-3", ".5", "99999999999"] {
            assert_eq!(
                parts(text),
                Err(format!("'{text}' is not a probability: write 0% to 100%, or 0 to 1"))
            );
        }
        assert_eq!("12.5%".parse::<Chance>().unwrap().to_string(), "12.5%");
    }

    #[test]
    fn never_and_always_mean_it() {
        for bits in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Chance::NEVER.happens(bits) && Chance::ALWAYS.happens(bits));
        }
    }

    #[test]
    fn the_share_of_losses_is_the_one_asked_for() {
        let profile = Profile { loss: Chance::percent(30), ..Profile::default() };
        let lost = (0..100_000).filter(|&n| profile.datagram(7, FLOW.0, FLOW.1, n, 10).is_some()).count();
        // Three standard errors of a binomial share at 100,000 draws are 0.43 percent.
        assert!((29_570..=30_430).contains(&lost), "{lost}");
    }

    #[test]
    fn a_stall_doubles_while_the_loss_repeats() {
        let profile = Profile { loss: Chance::ALWAYS, ..Profile::default() };
        let most = FIRST_STALL * 255;
        assert_eq!(profile.write(7, FLOW.0, FLOW.1, 1, 0), Some(StreamFault::Stall(most)));
    }

    #[test]
    fn jitter_stays_within_its_bound_and_reaches_it() {
        let profile = Profile { jitter: Duration::from_millis(3), ..Profile::default() };
        let mut seen = [0; 4];
        for n in 0..1_000 {
            match profile.datagram(7, FLOW.0, FLOW.1, n, 10) {
                None => seen[0] += 1,
                Some(DatagramFault::Delay(late)) => seen[late.as_millis() as usize] += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(seen.iter().all(|&times| times > 200), "{seen:?}");
    }
}
