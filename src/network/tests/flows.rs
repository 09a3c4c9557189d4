//! Flows take memory and time by how many of them there are.

use std::sync::Arc;
use std::time::Duration;

use super::{network, reset};
use crate::host::HostId;
use crate::machine::Marked;
use crate::steps::taken;
use crate::time::Instant;

const HOSTS: u16 = 1000;
const TALKERS: u16 = 10;

#[test]
fn hosts_that_are_silent_cost_nothing() {
    let mut network = network(usize::from(HOSTS), "h0>h1 #2 drop; h5>h0 #1 drop");
    let hosts = (0..TALKERS).map(|host| HostId(host * 100));
    for (from, to) in hosts.clone().flat_map(|from| hosts.clone().map(move |to| (from, to))) {
        for n in 0..3 {
            assert_eq!(network.datagram(Instant::START, from, to, Marked::plain(b"")).n, n);
        }
    }
    let most = 2 * usize::from(TALKERS * TALKERS);
    assert!(network.flows.allocated() <= most, "memory for {} flows", network.flows.allocated());
    let schedule = Arc::clone(&network.schedule);
    let steps = taken(|| reset(&mut network, usize::from(HOSTS), &[], &schedule));
    assert!(steps <= u64::from(TALKERS), "{steps} steps to forget the flows of {TALKERS} hosts");
    assert_eq!(network.datagram(Instant::START, HostId(0), HostId(100), Marked::plain(b"")).n, 0);
}

#[test]
fn a_flow_has_its_own_latency_and_all_others_the_common_one() {
    let mut network = network(3, "");
    let [a, b, c] = [0, 1, 2].map(HostId);
    let own = |millis| Duration::from_millis(millis);
    // The last that is said of a flow holds.
    let latencies = [(b, a, own(1)), (a, c, own(2)), (a, b, own(3)), (a, b, own(4))];
    let schedule = Arc::clone(&network.schedule);
    for _ in 0..2 {
        reset(&mut network, 3, &latencies, &schedule);
        for (from, to, millis) in [(a, b, 4), (a, c, 2), (b, a, 1), (b, c, 5), (c, a, 5), (a, a, 5)] {
            let departure = network.datagram(Instant::START, from, to, Marked::plain(b""));
            assert_eq!(departure.arrivals[0].unwrap().at(), Instant::from_millis(millis));
        }
    }
    reset(&mut network, 3, &[], &schedule);
    assert_eq!(network.latency(a, b), own(5));
}
