//! Machines with one bug each, and which search finds which: the harness, tested.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test --test specimens` writes the matrix anew.

#[path = "../models/udp_chat/world.rs"]
mod chat_world;
mod fuzzed;
mod matrix;
mod models;
mod polite;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzzer's crate exports them, and not all are used here")]
mod properties;
mod replay;
mod searches;

use lossproof::fault::FaultPlan;
use lossproof::specimens::{self, Specimen};
use lossproof::systems::Options;
use lossproof::{Net, Scenario};

/// A scenario with a bug in one of its machines.
struct World {
    system: &'static str,
    bug: &'static str,
    /// The smallest plan known that shows the bug, in its text form.
    plan: &'static str,
    scenario: Scenario,
    /// The same scenario with right machines.
    right: Scenario,
    /// It is one that users can have.
    specimen: Option<&'static Specimen>,
}

impl World {
    fn new(names: [&'static str; 2], plan: &'static str, wrong: Net, right: Net) -> Self {
        let [system, bug] = names;
        Self { system, bug, plan, scenario: wrong.into(), right: right.into(), specimen: None }
    }

    fn of(specimen: &'static Specimen) -> Self {
        let options = Options::default();
        let names = [specimen.system, specimen.name];
        let world = Self::new(names, specimen.plan, specimen.net(&options), specimen.right(&options));
        Self { specimen: Some(specimen), ..world }
    }

    fn name(&self) -> String {
        format!("{} {}", self.system, self.bug)
    }

    /// The smallest plan known that shows the bug.
    fn smallest(&self) -> FaultPlan {
        self.plan.parse().expect("the plan of a bug can be parsed")
    }
}

/// All specimens, and one that is of no system.
fn worlds() -> Vec<World> {
    specimens::all().map(World::of).chain([polite::world()]).collect()
}
