//! udp-remote in simulation.

use lossproof::systems::Options;
use lossproof::systems::udp_remote::UdpRemote;

use crate::support::{assert_held, assert_run, stormy};

/// S11, S12.
#[test]
fn it_recovers_at_the_fourth_try() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 drop";
    assert_run::<UdpRemote>("udp-remote", &Options::default(), plan);
}

/// S12, S14.
#[test]
fn it_gives_up_behind_a_partition() {
    let plan = "at 0ms partition client|server";
    assert_run::<UdpRemote>("udp-remote-partition", &Options::default(), plan);
}

/// S17.
#[test]
fn with_ids_it_outlives_a_duplicate_a_flip_and_a_crash() {
    let plan = "client>server #0 duplicate; client>server #1 flip 3:0x80; at 50ms crash server; at 150ms restart server";
    assert_run::<UdpRemote>("udp-remote-ids", &Options { ids: true, ..Options::default() }, plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held::<UdpRemote>(&Options::default(), "", stormy(), 5_000);
    assert_held::<UdpRemote>(&Options { ids: true, ..Options::default() }, "", stormy(), 5_000);
}
