//! Transcripts as pictures: ladders that are read, and what holds for the pictures of any run.
//!
//! Ladders are in `snapshots/`. After a change that is meant, `INSTA_UPDATE=always cargo test --test pictures` writes
//! them anew.

mod commands;
mod hostile;
mod ladders;
mod measured;
mod own;
mod shapes;
mod turns;

use lossproof::Scenario;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::scenario::Net;
use lossproof::systems::Options;
use lossproof::transcript::Transcript;

/// What builds a system.
type System = fn(&Options) -> Net;

/// Gives the transcript of one run of a system to a function.
fn transcript<T>(
    system: System,
    options: &Options,
    plan: &FaultPlan,
    profile: Profile,
    look: impl FnOnce(&Transcript<'_>) -> T,
) -> T {
    let scenario = Scenario::from(system(options));
    let plan = Prepared::new(plan, &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { seed: 7, plan, profile, properties: false, ..Settings::default() });
    look(&engine.transcript())
}
