//! Links that are not all alike.

use std::time::Duration;

use super::{FaultKind, Profile};
use crate::host::HostId;

/// Profiles of single directions between hosts. They override the profile of the run. Named ones are possible, too,
/// such as `Links::default().between(ship, shore, Profile::SATELLITE)`.
///
/// ```
/// use lossproof::fault::{Bandwidth, Chance, Links, Profile};
/// use lossproof::{HostId, Scenario};
///
/// # fn links(client: HostId, server: HostId, mirror: HostId) -> Links {
/// // Much comes down, little goes up, and what the servers tell each other passes.
/// let up = Profile { bandwidth: Some(Bandwidth::kilobits(500, 16 * 1024)), ..Profile::CALM };
/// Links::default().direction(client, server, up).between(server, mirror, Profile::CALM)
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links(Vec<(HostId, HostId, Profile)>);

impl Links {
    /// The same, with this profile from one host to another. A later call for the same direction overrides an earlier
    /// one.
    ///
    /// The latency of the profile, unless it is zero, is the latency of this direction. It overrides the latencies of
    /// the plan, of the run's profile and of the scenario. It is not random, so it stays when nothing is drawn, as in a
    /// replay.
    #[must_use]
    pub fn direction(mut self, from: impl Into<HostId>, to: impl Into<HostId>, profile: Profile) -> Self {
        let (from, to) = (from.into(), to.into());
        self.0.retain(|&(a, b, _)| (a, b) != (from, to));
        self.0.push((from, to, profile));
        self
    }

    /// The same, with this profile between two hosts, both ways.
    #[must_use]
    pub fn between(self, a: impl Into<HostId>, b: impl Into<HostId>, profile: Profile) -> Self {
        let (a, b) = (a.into(), b.into());
        self.direction(a, b, profile).direction(b, a, profile)
    }

    /// The directions and their profiles, each once.
    pub(crate) fn all(&self) -> &[(HostId, HostId, Profile)] {
        &self.0
    }

    /// Whether faults of a kind are drawn in a direction.
    pub(crate) fn draws(&self, kind: FaultKind) -> bool {
        self.0.iter().any(|(.., profile)| profile.draws(kind))
    }

    /// The directions that have a latency of their own.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = (HostId, HostId, Duration)> {
        let latencies = self.0.iter().map(|&(from, to, profile)| (from, to, profile.latency));
        latencies.filter(|(.., latency)| !latency.is_zero())
    }

    /// The same links on which nothing goes wrong: their latencies alone.
    pub(crate) fn calm(&self) -> Self {
        let calm = |latency| Profile { latency, ..Profile::CALM };
        Self(self.latencies().map(|(from, to, latency)| (from, to, calm(latency))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_profile_of_a_direction_holds_whole() {
        let [a, b] = [HostId(0), HostId(1)];
        let links = Links::default().between(a, b, Profile::SATELLITE).direction(b, a, Profile::CALM);
        assert_eq!(links.all(), [(a, b, Profile::SATELLITE), (b, a, Profile::CALM)]);
        let latency = Profile::SATELLITE.latency;
        assert_eq!(links.latencies().collect::<Vec<_>>(), [(a, b, latency)]);
        assert_eq!(links.calm().all(), [(a, b, Profile { latency, ..Profile::CALM })]);
    }
}
