//! udp-local in simulation.

use lossproof::Net;
use lossproof::systems::{Options, udp_local};

use crate::support::{assert_held, assert_run, stormy};

fn net() -> Net {
    udp_local::net(&Options::default())
}

#[test]
fn a_doubled_reply_is_taken_once() {
    assert_run("udp-local", net(), "server>client #0 duplicate");
}

/// S08.
#[test]
fn it_gives_up_when_the_reply_is_lost() {
    let plan = "client>server #0 truncate 8; server>client #0 drop";
    assert_run("udp-local-lost", net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 5_000);
}
