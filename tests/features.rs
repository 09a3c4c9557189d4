//! Asks cargo what each feature brings in: who takes a layer gets no more than that.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that this one has with these features and no others, itself left out.
fn crates(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--no-default-features", "--prefix", "none"])
        .args(["--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !["", env!("CARGO_PKG_NAME")].contains(name)).map(str::to_owned).collect()
}

#[test]
fn the_contract_has_no_dependency() {
    assert_eq!(crates(""), BTreeSet::new());
}

/// What is not in a layer, and what is.
#[test]
fn each_feature_brings_what_it_is_for_and_no_more() {
    let heavy =
        ["tokio", "clap", "proptest", "turmoil", "etherparse", "plotters", "smoltcp", "tracing-subscriber"];
    for (features, has) in [
        ("parts", &["httparse", "memchr"][..]),
        ("sim", &["serde_json", "siphasher"]),
        ("systems", &["httparse", "serde_json"]),
        ("specimens", &["httparse", "serde_json"]),
        ("proptest", &["proptest"]),
        ("capture", &["etherparse", "pcap-parser"]),
        ("segments", &["smoltcp", "siphasher"]),
        ("net", &["tokio", "tracing"]),
        ("turmoil", &["tokio", "turmoil"]),
        ("proxy", &["tokio", "serde_json"]),
        ("cli", &["tokio", "clap", "turmoil", "etherparse", "plotters", "smoltcp", "tracing-subscriber"]),
    ] {
        let found = crates(features);
        for name in has {
            assert!(found.contains(*name), "{features} lacks {name}: {found:?}");
        }
        // turmoil has tracing-subscriber of its own.
        let others = heavy.iter().filter(|name| !has.contains(name) && features != "turmoil");
        for name in others {
            assert!(!found.contains(*name), "{features} brings in {name}");
        }
    }
}

/// The crates of a dev-dependency on this one, with its default features.
#[test]
fn a_test_brings_in_few_crates() {
    let found = crates("default");
    assert_eq!(found, crates("sim"));
    assert!(found.len() < 25, "{} crates: {found:?}", found.len());
}

/// The dev-dependency on this crate itself is there for tests alone, and is not published.
#[test]
fn all_features_are_on_in_tests_and_none_beside_the_default_elsewhere() {
    assert!(crates("default").len() < crates("cli").len());
    // This would not compile without the command line.
    let _: fn([lossproof::cli::App; 1]) -> std::process::ExitCode = lossproof::cli::main;
    let manifest = include_str!("../Cargo.toml");
    let (_, itself) = manifest.split_once("\nlossproof = { path = \".\"").expect("it is there");
    let line = itself.lines().next().expect("a line");
    assert!(line.contains("\"cli\"") && !line.contains("version"), "a version would be published: {line}");
}
