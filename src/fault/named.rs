//! Profiles by name.

use std::str::FromStr;
use std::time::Duration;

use super::{Bandwidth, Bursts, Chance, Profile};

/// What the queue of an ordinary router holds, more or less.
const QUEUE_LEN: u32 = 128 * 1024;

/// The named profiles. Their figures are chosen to be of the order that such links have, and to make a short run
/// eventful; nothing was measured. Where a figure has a source it is named.
///
/// | name | latency | jitter | loss, in bursts of | carries | queue | else |
/// |---|---|---|---|---|---|---|
/// | `lan` | 1 ms | | | 1 Gbit/s | 128 KiB | |
/// | `wifi` | 3 ms | 8 ms | 1%, 3 | 50 Mbit/s | 128 KiB | |
/// | `lte` | 30 ms | 15 ms | 0.5%, 4 | 10 Mbit/s | 512 KiB | MTU 1400 |
/// | `satellite` | 260 ms | 5 ms | 1%, 8 | 5 Mbit/s | 256 KiB | |
/// | `lossy` | 25 ms | 10 ms | 10%, 4, and 5% singly | | | 1% doubled, 1% reordered by 30 ms |
/// | `hostile` | 40 ms | 100 ms | 15%, 6, and 10% singly | 1 Mbit/s | 16 KiB | MTU 576; 10% doubled, 10% reordered by 200 ms |
///
/// The MTU is 1500 where none is given, that of Ethernet (RFC 894); `lossy` has none.
impl Profile {
    /// A wired local network: quick, and without faults. It never loses what fits.
    pub const LAN: Self = Self {
        latency: Duration::from_millis(1),
        bandwidth: Some(Bandwidth::kilobits(1_000_000, QUEUE_LEN)),
        mtu: Some(1_500),
        ..Self::CALM
    };
    /// A wireless local network: quick, with jitter, and now and then a short burst of losses.
    pub const WIFI: Self = Self {
        latency: Duration::from_millis(3),
        jitter: Duration::from_millis(8),
        bursts: Bursts::new(Chance::percent(1), 3),
        bandwidth: Some(Bandwidth::kilobits(50_000, QUEUE_LEN)),
        mtu: Some(1_500),
        ..Self::CALM
    };
    /// A mobile network: few losses behind a queue that is too long. Its MTU leaves room for the tunnels of a core network.
    pub const LTE: Self = Self {
        latency: Duration::from_millis(30),
        jitter: Duration::from_millis(15),
        bursts: Bursts::new(Chance::permille(5), 4),
        bandwidth: Some(Bandwidth::kilobits(10_000, 4 * QUEUE_LEN)),
        mtu: Some(1_400),
        ..Self::CALM
    };
    /// A link over a geostationary satellite: from the ground up and down again takes from 239.6 to 279.0 ms (RFC 2488,
    /// section 2).
    pub const SATELLITE: Self = Self {
        latency: Duration::from_millis(260),
        jitter: Duration::from_millis(5),
        bursts: Bursts::new(Chance::percent(1), 8),
        bandwidth: Some(Bandwidth::kilobits(5_000, 2 * QUEUE_LEN)),
        mtu: Some(1_500),
        ..Self::CALM
    };
    /// A bad link: one packet in seven is lost, many in a row; some come twice or out of order.
    pub const LOSSY: Self = Self {
        latency: Duration::from_millis(25),
        loss: Chance::percent(5),
        bursts: Bursts::new(Chance::percent(10), 4),
        duplicate: Chance::percent(1),
        jitter: Duration::from_millis(10),
        reorder: Chance::percent(1),
        reorder_by: Duration::from_millis(30),
        ..Self::CALM
    };
    /// Everything goes wrong, and often. The MTU is the least that every host takes (RFC 791). Bits are not inverted: what
    /// a checksum finds is lost, and against what it does not find a protocol needs one of its own, or fails.
    pub const HOSTILE: Self = Self {
        latency: Duration::from_millis(40),
        loss: Chance::percent(10),
        bursts: Bursts::new(Chance::percent(15), 6),
        duplicate: Chance::percent(10),
        jitter: Duration::from_millis(100),
        reorder: Chance::percent(10),
        reorder_by: Duration::from_millis(200),
        bandwidth: Some(Bandwidth::kilobits(1_000, QUEUE_LEN / 8)),
        mtu: Some(576),
        ..Self::CALM
    };

    /// The named profiles, from the kindest to the worst.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("lan", Self::LAN),
        ("wifi", Self::WIFI),
        ("lte", Self::LTE),
        ("satellite", Self::SATELLITE),
        ("lossy", Self::LOSSY),
        ("hostile", Self::HOSTILE),
    ];
}

/// A name that no profile has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile '{0}'; the profiles are {names}", names = names())]
pub struct ProfileError(String);

fn names() -> String {
    Profile::NAMED.map(|(name, _)| name).join(", ")
}

impl FromStr for Profile {
    type Err = ProfileError;

    /// The profile of this name.
    fn from_str(name: &str) -> Result<Self, ProfileError> {
        let named = Self::NAMED.into_iter().find(|(known, _)| *known == name);
        named.map(|(_, profile)| profile).ok_or_else(|| ProfileError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_profile() {
        for (name, profile) in Profile::NAMED {
            assert_eq!(name.parse(), Ok(profile));
            // So that every world can have it.
            let spans = [profile.latency, profile.jitter, profile.reorder_by];
            assert!(spans.iter().all(|span| span.as_nanos() % 1_000_000 == 0), "{name}");
            assert!(!profile.latency.is_zero(), "{name}");
        }
        let error = "Wifi".parse::<Profile>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown profile 'Wifi'; the profiles are lan, wifi, lte, satellite, lossy, hostile"
        );
    }
}
