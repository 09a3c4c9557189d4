//! Files that were damaged: none may make the reader panic.

use std::sync::LazyLock;

use lossproof::Scenario;
use lossproof::capture::{self, CaptureError};
use lossproof::fault::Profile;
use lossproof::systems::{Options, tcp_sixteen, udp_remote};
use proptest::prelude::*;
use proptest::sample::Index;

use super::command::{lossproof, stderr};
use super::files::{captures, files};
use super::{exported, path};

/// Exports, and the captures of `files`.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let exports = exported("", Profile::LOSSY, 1).into_iter().map(|run| run.file);
    let others = captures(&files()).into_values();
    exports.chain(others).filter(|file| (1..20_000).contains(&file.len())).collect()
});

/// A file with some of its bytes changed, some runs of them taken out, and its end cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<Index>(), any::<u8>()), 0..8);
    let gaps = proptest::collection::vec((any::<Index>(), 0_usize..40), 0..2);
    // Lengths and kinds stand near the beginning of blocks, which are few: changes near the file's begin count most.
    let near = proptest::collection::vec((0_usize..200, any::<u8>()), 0..4);
    (any::<Index>(), changes, near, gaps, proptest::option::of(any::<Index>())).prop_map(
        |(which, changes, near, gaps, end)| {
            let mut file = which.get(&FILES).clone();
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }
            for (at, byte) in near {
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            for (at, len) in gaps {
                let at = at.index(file.len());
                file.drain(at..(at + len).min(file.len()));
            }
            if let Some(end) = end {
                file.truncate(end.index(file.len()));
            }
            file
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reader_never_panics(file in damaged()) {
        match capture::read(&file) {
            Ok(read) => {
                prop_assert!(read.frames.len() + read.others <= file.len());
                let lens = read.flows().iter().map(|(flow, packets)| (flow.packets, packets.len())).collect::<Vec<_>>();
                prop_assert!(lens.iter().all(|(counted, there)| counted == there));
                for number in 1..=lens.len() {
                    let _ = capture::fit_link(&read, Some(number));
                }
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }

    #[test]
    fn what_is_no_capture_is_no_capture(file in proptest::collection::vec(any::<u8>(), 0..200)) {
        if !file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && !matches!(file.get(1..3), Some([0xb2 | 0xc3, _])) {
            let refused = capture::read(&file);
            prop_assert!(matches!(refused, Err(CaptureError::Unknown | CaptureError::Text | CaptureError::Truncated)), "{refused:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_never_panics(file in damaged()) {
        if let Ok(read) = capture::read(&file) {
            for net in [udp_remote::net, tcp_sixteen::net] {
                let scenario = Scenario::from(net(&Options::default()));
                let server = scenario.find("server").expect("there is one");
                for number in 1..=2 {
                    if let Ok(found) = capture::explain(&scenario, server, &read, Some(number)) {
                        prop_assert!(found.agreeing <= found.total);
                    }
                }
            }
        }
    }
}

/// Every byte of a small capture, changed in two ways: the whole command, for some of them.
#[test]
fn the_command_never_panics() {
    let file = FILES.iter().min_by_key(|file| file.len()).expect("there are some");
    let path = path("damaged");
    for at in 0..file.len() {
        for change in [0xff, 0x01] {
            let mut damaged = file.clone();
            damaged[at] ^= change;
            let _ = capture::read(&damaged);
            if at % 40 == 0 {
                std::fs::write(&path, &damaged).expect("cargo made the directory");
                let output = lossproof(&["import", &path, "--as", "udp-local"]);
                assert!(matches!(output.status.code(), Some(0..=2)), "byte {at}: {}", stderr(&output));
                assert!(!stderr(&output).contains("panicked"), "byte {at}: {}", stderr(&output));
            }
        }
    }
}
