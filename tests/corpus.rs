//! Replays the corpus of every fuzz target: what fuzzing has found once stays found, without a fuzzer.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzzer's crate exports them, and not all are used here")]
mod properties;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use properties::targets::TARGETS;

/// The longest file of a corpus: it is to be read.
const MAX_FILE_LEN: usize = 1024;

#[test]
fn every_property_holds_of_its_corpus() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let files = files(&fuzz().join("corpus").join(name));
        assert!(!files.is_empty(), "there is no corpus of {name}");
        for file in files {
            let input = fs::read(&file).expect("a file of the corpus can be read");
            assert!(input.len() <= MAX_FILE_LEN, "{} is long: make it smaller", file.display());
            if catch_unwind(|| target(&input)).is_err() {
                eprintln!("that was {name} with {}", file.display());
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "the property does not hold of {failed:?}");
}

#[test]
fn every_target_has_a_fuzzer_and_a_corpus_and_no_other_is_there() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stems = |directory: &str| -> BTreeSet<String> {
        let files = files(&fuzz().join(directory));
        files.iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(stems("fuzz_targets"), known);
    assert_eq!(stems("corpus"), known);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("there is a manifest");
    for name in known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not built");
    }
}

#[test]
fn every_property_that_a_trial_leaves_out_is_one() {
    assert_eq!(properties::targets::outdated_exemptions(), [""; 0]);
}

#[test]
fn the_properties_hold_of_no_bytes_and_of_single_ones() {
    for (_, target) in TARGETS {
        target(&[]);
        (0..=u8::MAX).step_by(17).for_each(|byte| target(&[byte]));
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}
