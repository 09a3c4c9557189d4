//! Machines with one bug each, and which search finds which: the harness, tested.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test --test specimens` writes the matrix anew.

#[path = "../models/udp_chat/world.rs"]
mod chat_world;
#[path = "../reports/counted.rs"]
mod counted;
mod fuzzed;
mod matrix;
mod models;
mod polite;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzzer's crate exports them, and not all are used here")]
mod properties;
mod replay;
mod reports;
mod searches;
mod turns;

use lossproof::fault::FaultPlan;
use lossproof::specimens::{self, Specimen, protocols};
use lossproof::systems::{self, Options};
use lossproof::{Net, Scenario};

/// By how much fewer runs are made of a scenario whose runs are long.
const FEWER: u64 = 20;

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

    /// One how-manieth of the runs are made: those of several seconds with several members are long, and those of protocols
    /// that never give up.
    fn fewer(&self) -> u64 {
        match self.is_of_protocol() {
            true => 3,
            false if self.system == systems::election::ABOUT.name => FEWER,
            false => 1,
        }
    }

    /// Whether it is of a protocol that is there for its bugs.
    fn is_of_protocol(&self) -> bool {
        protocols::ALL.iter().any(|(about, _)| about.name == self.system)
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
