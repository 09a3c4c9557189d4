//! udp-local in simulation.

use lossproof::systems::Options;
use lossproof::systems::udp_local::UdpLocal;

use crate::support::{assert_held, assert_run, stormy};

#[test]
fn a_doubled_reply_is_taken_once() {
    assert_run::<UdpLocal>("udp-local", &Options::default(), "server>client #0 duplicate");
}

/// S08.
#[test]
fn it_gives_up_when_the_reply_is_lost() {
    let plan = "client>server #0 truncate 8; server>client #0 drop";
    assert_run::<UdpLocal>("udp-local-lost", &Options::default(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held::<UdpLocal>(&Options::default(), "", stormy(), 5_000);
}
