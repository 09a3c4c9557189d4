//! Tests against models, where there are any.

use std::cell::Cell as Count;

use lossproof::machine::{Boot, BoxedMachine};
use lossproof::systems::udp_chat::{Command, Event, UdpChat};
use lossproof::systems::{Bug, Options, System};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::chat_world::{World, any_op};
use crate::searches::{Cell, RUNS};

/// What the model of a system finds: the case, and the number of operations that it was shrunk to.
pub(crate) fn cell(system: &str, bug: &Bug) -> Cell {
    if system == UdpChat::ABOUT.name { udp_chat(bug) } else { Cell::Untried }
}

fn server(bug: &Bug) -> BoxedMachine<Command, Event> {
    let options = Options { bug: Some(bug.name), ..Options::default() };
    UdpChat::server(&options, Boot { incarnation: 0, seed: 0, disk: &[] })
}

fn udp_chat(bug: &Bug) -> Cell {
    let (config, seed) = (Config::with_cases(RUNS as u32), RngSeed::Fixed(0));
    let mut runner = TestRunner::new(Config { rng_seed: seed, failure_persistence: None, ..config });
    let (cases, failed_at) = (Count::new(0), Count::new(None));
    let result = runner.run(&prop::collection::vec(any_op(), 1..40), |ops| {
        cases.set(cases.get() + 1);
        let held = std::panic::catch_unwind(|| {
            let mut world = World::new(|| server(bug), true);
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
