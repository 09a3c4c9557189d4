//! Asks cargo what each feature brings in, and what is packed: who takes a layer gets no more than that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What cargo prints.
fn cargo(words: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output =
        cargo.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// The crates that this one has with these features and no others, itself left out.
fn crates(features: &str) -> BTreeSet<String> {
    let words =
        ["tree", "--offline", "--locked", "-e", "normal", "--no-default-features", "--prefix", "none"];
    let text = cargo(&[&words[..], &["--features", features]].concat());
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
        ("tls", &["rustls", "ring", "x25519-dalek"]),
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

/// What is packed beside the sources. Of it, cargo makes the `Cargo.toml` and the notes on the revision.
const PACKED: [&str; 9] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "build.rs",
];
const REVISION: &str = ".cargo_vcs_info.json";
/// How the files end that a build reads: code, and the texts that code includes.
const SOURCES: [&str; 5] = ["css", "html", "js", "md", "rs"];

/// The files below a directory of the package, as paths from its root.
fn files(directory: &str, found: &mut BTreeSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join(directory)).expect("it is there") {
        let path = format!("{directory}/{}", entry.expect("an entry").file_name().to_string_lossy());
        if root.join(&path).is_dir() {
            files(&path, found);
        } else {
            found.insert(path);
        }
    }
}

/// A file that a build reads is packed, and nothing that only the tests, benches and pictures of the repository need.
#[test]
fn the_package_has_what_a_user_builds_and_no_more() {
    let text = cargo(&["package", "--list", "--offline", "--locked", "--allow-dirty"]);
    let packed: BTreeSet<String> = text.lines().filter(|path| *path != REVISION).map(str::to_owned).collect();
    let mut expected: BTreeSet<String> = PACKED.map(str::to_owned).into();
    files("src", &mut expected);
    let other: Vec<_> = packed.symmetric_difference(&expected).collect();
    assert!(other.is_empty(), "these are packed and should not be, or should be packed: {other:?}");
    let is_source = |path: &str| SOURCES.iter().any(|end| path.ends_with(&format!(".{end}")));
    let others: Vec<_> = packed.iter().filter(|path| path.starts_with("src/") && !is_source(path)).collect();
    assert!(others.is_empty(), "no build reads these: {others:?}");
}
