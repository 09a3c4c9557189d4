//! Fuzzing a specimen, without coverage: the corpora of its targets, changed at random.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::properties::planted;
use crate::properties::targets::{TARGETS, Target, first_byte};
use crate::searches::Cell;

/// How many inputs are tried.
pub(crate) const INPUTS: u64 = 400;
/// How often an input is changed at most, once it was taken from a corpus.
const MAX_CHANGES: u32 = 6;
/// The longest input.
const MAX_LEN: usize = 256;

/// The first of so many inputs, from 1, in which the bug shows, and none does without it. Half of them are scripts of a guest or an
/// impostor, half are schedules.
pub(crate) fn cell(system: &str, bug: &'static str, inputs: u64) -> Cell {
    let name = system.replace('-', "_");
    let Some((script, schedule)) = target(&name).zip(target("schedule")) else { return Cell::Untried };
    let (scripts, schedules) = (corpus(&name), corpus("schedule"));
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for number in 0..inputs {
        let (target, input) = if number % 2 == 0 {
            (script, changed(&scripts, &mut rng))
        } else {
            let mut input = changed(&schedules, &mut rng);
            if let Some(first) = input.first_mut() {
                *first = first_byte(system).expect("a system with a target has a byte");
            }
            (schedule, input)
        };
        if fails(target, &input, Some(bug)) && !fails(target, &input, None) {
            return Cell::Seen(number + 1);
        }
    }
    Cell::Tried(Vec::new())
}

fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

fn fails(target: Target, input: &[u8], bug: Option<&'static str>) -> bool {
    planted::choose(bug);
    let result = catch_unwind(|| target(input));
    planted::choose(None);
    result.is_err()
}

/// The files of a corpus, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = fs::read_dir(directory).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

/// A file of the corpus with some of its bytes changed, doubled, taken out, or taken from another file.
fn changed(corpus: &[Vec<u8>], rng: &mut TestRng) -> Vec<u8> {
    let mut below = |bound: usize| (rng.next_u32() as usize) % bound.max(1);
    let mut input = corpus[below(corpus.len())].clone();
    for _ in 0..=below(MAX_CHANGES as usize) {
        let at = below(input.len() + 1);
        match below(4) {
            0 if at < input.len() => input[at] = below(256) as u8,
            1 if at < input.len() => _ = input.remove(at),
            2 => input.insert(at, below(256) as u8),
            _ => {
                let other = &corpus[below(corpus.len())];
                let rest = &other[below(other.len() + 1)..];
                input.truncate(at);
                input.extend_from_slice(rest);
            }
        }
    }
    input.truncate(MAX_LEN);
    input
}
