//! tcp-sixteen in simulation.

use lossproof::Net;
use lossproof::systems::{Options, tcp_sixteen};

use crate::support::{assert_held, assert_run, assert_snapshot, run, stormy};

fn net() -> Net {
    tcp_sixteen::net(&Options::default())
}

/// S21.
#[test]
fn cuts_and_a_stall_change_nothing() {
    let plan = "client>server @3 cut; client>server @9 stall 2s; server>client cut every 5 bytes";
    assert_run("tcp-sixteen", net(), plan);
}

/// S24.
#[test]
fn a_reset_in_the_middle_is_told() {
    let plan = "client>server @3 reset";
    let (text, json) = run(net(), plan);
    assert_snapshot("tcp-sixteen-reset", plan, &text);
    assert_snapshot("tcp-sixteen-reset-json", plan, &json);
}

#[test]
fn a_server_that_crashes_is_no_hang() {
    let plan = "at 12ms crash server; at 3s restart server";
    assert_run("tcp-sixteen-crash", net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 5_000);
}

/// A client that starts anew is another one, and one that is stopped ends well.
#[test]
fn its_properties_hold_when_a_client_starts_anew_or_is_stopped() {
    for plan in [
        "at 12ms crash client; at 20ms restart client",
        "at 1s restart client",
        "at 12ms stop client; at 1s poweroff client",
    ] {
        assert_held(net(), plan, stormy(), 300);
    }
}
