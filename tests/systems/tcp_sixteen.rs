//! tcp-sixteen in simulation.

use lossproof::systems::Options;
use lossproof::systems::tcp_sixteen::TcpSixteen;

use crate::support::{assert_held, assert_run, assert_snapshot, run, stormy};

/// S21.
#[test]
fn cuts_and_a_stall_change_nothing() {
    let plan = "client>server @3 cut; client>server @9 stall 2s; server>client cut every 5 bytes";
    assert_run::<TcpSixteen>("tcp-sixteen", &Options::default(), plan);
}

/// S24.
#[test]
fn a_reset_in_the_middle_is_told() {
    let plan = "client>server @3 reset";
    let (text, json) = run::<TcpSixteen>(&Options::default(), plan);
    assert_snapshot("tcp-sixteen-reset", plan, &text);
    assert_snapshot("tcp-sixteen-reset-json", plan, &json);
}

#[test]
fn a_server_that_crashes_is_no_hang() {
    let plan = "at 12ms crash server; at 3s restart server";
    assert_run::<TcpSixteen>("tcp-sixteen-crash", &Options::default(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    assert_held::<TcpSixteen>(&Options::default(), "", stormy(), 5_000);
}
