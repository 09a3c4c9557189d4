//! Links that are not all alike.

use std::time::Duration;

use super::Profile;
use crate::host::HostId;

/// Profiles of single directions between hosts, which go before the one that a run has for all.
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
    /// The same, with this profile from one host to another. The last that is said of a direction holds.
    ///
    /// # Panics
    /// If the profile has a latency, which is no matter of chance: [`Profile::latency`] of the run is for all links, and
    /// [`Scenario::set_latency`](crate::Scenario::set_latency) for single ones.
    #[must_use]
    pub fn direction(mut self, from: HostId, to: HostId, profile: Profile) -> Self {
        assert!(
            profile.latency == Duration::ZERO,
            "the profile of a single link has no latency: write Profile {{ latency: Duration::ZERO, .. }}, \
             and use Scenario::set_latency"
        );
        self.0.push((from, to, profile));
        self
    }

    /// The same, with this profile between two hosts, both ways.
    ///
    /// # Panics
    /// As [`Links::direction`].
    #[must_use]
    pub fn between(self, a: HostId, b: HostId, profile: Profile) -> Self {
        self.direction(a, b, profile).direction(b, a, profile)
    }

    /// The directions and their profiles, as they were said.
    pub(crate) fn all(&self) -> &[(HostId, HostId, Profile)] {
        &self.0
    }
}
