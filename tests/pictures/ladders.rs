//! Ladders as a reviewer reads them.

use lossproof::fault::Profile;
use lossproof::systems::{Options, tcp_sixteen, udp_chat, udp_remote};
use lossproof::transcript::{Look, TooNarrow};

use super::{System, transcript};

/// How many lines a reviewer reads with attention.
const MAX_LINES: usize = 40;

/// Compares the ladder of a run, or its first lines, with the one in `snapshots/`.
fn assert_ladder(system: System, name: &str, options: &Options, plan: &str, look: Look) {
    let faults = plan.parse().unwrap();
    let ladder = transcript(system, options, &faults, Profile::default(), |run| run.ladder(look)).unwrap();
    let head: Vec<&str> = ladder.lines().take(MAX_LINES).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(plan);
    settings.bind(|| insta::assert_snapshot!(name, head.join("\n")));
}

#[test]
fn requests_and_replies_are_lost() {
    let plan = "client>server #0 drop; server>client #0 drop; client>server #2 delay 40ms";
    assert_ladder(udp_remote::net, "ladder-udp-remote", &Options::default(), plan, Look::default());
}

/// One request comes twice, the reply to the first is late: the two replies cross, and the second is the first to come.
#[test]
fn flights_cross() {
    let options = Options { ids: true, ..Options::default() };
    let plan = "client>server #0 duplicate; server>client #0 delay 8ms; client>server #1 flip 3:0x80; \
                at 50ms crash server; at 150ms restart server";
    assert_ladder(udp_remote::net, "ladder-crossing", &options, plan, Look::default());
    let look = Look { width: 64, ascii: true };
    assert_ladder(udp_remote::net, "ladder-ascii", &options, "client>server #0 duplicate", look);
}

#[test]
fn a_stream_is_reset() {
    let plan = "client>server @3 reset";
    assert_ladder(tcp_sixteen::net, "ladder-tcp-sixteen-reset", &Options::default(), plan, Look::default());
    let plan = "client>server cut every 5 bytes; server>client @4 stall 30ms";
    assert_ladder(tcp_sixteen::net, "ladder-tcp-sixteen-cut", &Options::default(), plan, Look::default());
}

#[test]
fn three_members_chat() {
    let plan = "client-2>server #0 drop; client-1>server #1 duplicate; at 1s partition server>client-3";
    assert_ladder(udp_chat::net, "ladder-udp-chat", &Options::default(), plan, Look::default());
}

#[test]
fn too_many_hosts_for_the_width_are_an_error_that_says_so() {
    let ladder = |width| {
        let look = Look { width, ascii: false };
        let plan = "".parse().unwrap();
        transcript(udp_chat::net, &Options::default(), &plan, Profile::default(), |run| run.ladder(look))
    };
    let error = TooNarrow { hosts: 4, needed: 34, width: 33 };
    assert_eq!(ladder(33), Err(error));
    let line = "a ladder of 4 hosts takes 34 columns, and there are 33: widen it, or read the text";
    assert_eq!(error.to_string(), line);
    assert!(ladder(34).is_ok());
}
