//! Asks cargo what the crate brings in without its features: the core must stay light.

use std::process::Command;

/// What only the features may bring in.
const HEAVY: &[&str] = &[
    "clap",
    "clap_complete",
    "clap_mangen",
    "dns-lookup",
    "etherparse",
    "indicatif",
    "ipnet",
    "jiff",
    "mio",
    "pcap-parser",
    "plotters",
    "proptest",
    "socket2",
    "tokio",
    "tracing",
    "tracing-subscriber",
    "turmoil",
];

fn dependencies(features: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--no-default-features", "--prefix", "none"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_core_is_light() {
    let found = dependencies(&[]);
    assert!(found.iter().any(|name| name == "siphasher"), "cargo tree is not read rightly: {found:?}");
    let heavy: Vec<&String> = found.iter().filter(|name| HEAVY.contains(&name.as_str())).collect();
    assert!(heavy.is_empty(), "the core brings in {heavy:?}");
}

#[test]
fn each_feature_brings_what_it_is_for_and_no_more() {
    let has = |found: &[String], name: &str| found.iter().any(|found| found == name);
    assert!(has(&dependencies(&["--features", "proptest"]), "proptest"));
    let net = dependencies(&["--features", "net"]);
    assert!(
        has(&net, "tokio")
            && has(&net, "tracing")
            && !has(&net, "tracing-subscriber")
            && !has(&net, "turmoil")
            && !has(&net, "clap")
    );
    let turmoil = dependencies(&["--features", "turmoil"]);
    assert!(has(&turmoil, "turmoil") && !has(&turmoil, "clap"));
    assert!(has(&dependencies(&["--features", "cli"]), "clap"));
    let capture = dependencies(&["--features", "capture"]);
    assert!(has(&capture, "etherparse") && has(&capture, "pcap-parser") && !has(&capture, "tokio"));
    let sansio = dependencies(&["--features", "sansio"]);
    assert!(has(&sansio, "sansio") && sansio.len() == dependencies(&[]).len() + 1);
}
