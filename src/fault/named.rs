//! Profiles by name.

use std::time::Duration;

use super::{Bandwidth, Bursts, Chance, Profile};

/// What the queue of an ordinary router holds, more or less.
const QUEUE_LEN: u32 = 128 * 1024;

/// The named profiles. Their figures are chosen to be of the order that such links have, and to make a short run
/// eventful; nothing was measured. Where a figure has a source it is named.
///
/// | name | latency | jitter | loss | carries | queue | MTU |
/// |---|---|---|---|---|---|---|
/// | `lan` | 1 ms | | | 1000 Mbit/s | 128 KiB | 1500 |
/// | `wifi` | 3 ms | 8 ms | 1%, 3 in a row | 50 Mbit/s | 128 KiB | 1500 |
/// | `lte` | 30 ms | 15 ms | 0.5%, 4 in a row | 10 Mbit/s | 512 KiB | 1400 |
/// | `satellite` | 260 ms | 5 ms | 1%, 8 in a row | 5 Mbit/s | 256 KiB | 1500 |
/// | `lossy` | 25 ms | 10 ms | 10%, 4 in a row; 5% singly; 1% doubled; 1% put 30 ms behind | | | |
/// | `hostile` | 40 ms | 100 ms | 15%, 6 in a row; 10% singly; 10% doubled; 10% put 200 ms behind | 1 Mbit/s | 16 KiB | 576 |
///
/// The MTU 1500 is that of Ethernet (RFC 894).
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
    /// A bad link: one packet in seven is lost, many in a row; some are duplicated or reordered.
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
    /// Everything fails, and often. The MTU is the least that every host accepts (RFC 791). Bits are not inverted: a
    /// packet with a wrong checksum is lost, and a protocol without a checksum of its own cannot survive a change that
    /// no checksum finds.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The profile that a row of the table describes.
    fn described(row: &str) -> Profile {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let number = |text: &str| -> u64 {
            text.split_whitespace().next().map_or(0, |number| number.parse().expect(text))
        };
        let millis = |text| Duration::from_millis(number(text));
        let mut profile = Profile { latency: millis(cells[2]), jitter: millis(cells[3]), ..Profile::CALM };
        for part in cells[4].split("; ").filter(|part| !part.is_empty()) {
            let (share, rest) = part.split_once(' ').unwrap();
            let share: Chance = share.trim_end_matches(',').parse().unwrap();
            match rest {
                "singly" => profile.loss = share,
                "doubled" => profile.duplicate = share,
                _ if rest.ends_with(" in a row") => profile.bursts = Bursts::new(share, number(rest) as u32),
                _ => {
                    profile.reorder = share;
                    profile.reorder_by = millis(rest.strip_prefix("put ").unwrap());
                }
            }
        }
        if !cells[5].is_empty() {
            let queue_len = number(cells[6]) as u32 * 1024;
            profile.bandwidth = Some(Bandwidth::kilobits(number(cells[5]) * 1_000, queue_len));
        }
        profile.mtu = (!cells[7].is_empty()).then(|| number(cells[7]) as u16);
        profile
    }

    #[test]
    fn the_tables_tell_the_figures() {
        for text in [include_str!("named.rs"), include_str!("../guide/networks.md")] {
            for (name, profile) in Profile::NAMED {
                let row = text.lines().find_map(|line| {
                    let row = line.trim_start_matches("/// ");
                    row.starts_with(&format!("| `{name}` | ")).then_some(row)
                });
                assert_eq!(described(row.expect(name)), profile, "{name}");
            }
        }
    }

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
