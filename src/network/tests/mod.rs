//! The network without worlds: what costs how much.

mod flows;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use super::{Network, Schedule, Terrain};
use crate::fault::{FaultPlan, Links, Profile};
use crate::host::HostId;

/// A network of so many hosts, `h0`, `h1` and so on, of which none listens.
pub(super) fn network(host_count: usize, plan: &str) -> Network {
    let names: Vec<String> = (0..host_count).map(|host| format!("h{host}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan: FaultPlan = plan.parse().unwrap();
    let mut network = Network::default();
    reset(&mut network, host_count, &[], &Arc::new(Schedule::new(&plan, &names).unwrap()));
    network
}

/// Makes it anew, with these latencies.
fn reset(
    network: &mut Network,
    host_count: usize,
    latencies: &[(HostId, HostId, Duration)],
    schedule: &Arc<Schedule>,
) {
    let terrain = Terrain {
        latency: Duration::from_millis(5),
        latencies,
        seed: 0,
        draws_after: 0,
        profile: Profile::CALM,
        links: &Links::default(),
        bottlenecks: [&[], &[]],
        schedule,
    };
    network.reset((0..host_count).map(|_| []), &terrain);
}
