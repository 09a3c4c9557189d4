//! Tests against models, where there are any.

use std::cell::Cell as Count;
use std::panic::catch_unwind;

use lossproof::specimens::{Specimen, udp_chat};
use lossproof::systems::{self, Options};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::chat_world::{World, any_op};
use crate::searches::{CASES, Cell};

/// What the model of a system finds: the case, and the number of operations that it was shrunk to.
pub(crate) fn cell(specimen: Option<&'static Specimen>) -> Cell {
    match specimen {
        Some(specimen) if specimen.system == systems::udp_chat::ABOUT.name => chat(specimen.name),
        _ => Cell::Untried,
    }
}

fn chat(bug: &str) -> Cell {
    let server = || udp_chat::server(&Options::default(), bug);
    let (config, seed) = (Config::with_cases(CASES as u32), RngSeed::Fixed(0));
    let mut runner = TestRunner::new(Config { rng_seed: seed, failure_persistence: None, ..config });
    let (cases, failed_at) = (Count::new(0), Count::new(None));
    let result = runner.run(&prop::collection::vec(any_op(), 1..40), |ops| {
        cases.set(cases.get() + 1);
        let held = catch_unwind(|| {
            let mut world = World::new(server, true);
            for op in ops {
                world.act(op);
            }
            world.end();
        });
        if held.is_err() && failed_at.get().is_none() {
            failed_at.set(Some(cases.get()));
        }
        held.map_err(|_| TestCaseError::fail("the machine and the model differ"))
    });
    match (result, failed_at.get()) {
        (Err(TestError::Fail(_, ops)), Some(case)) => Cell::Tried(vec![(case, ops.len())]),
        (Ok(()), None) => Cell::Tried(Vec::new()),
        (result, _) => panic!("{result:?}"),
    }
}
