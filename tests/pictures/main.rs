//! Transcripts as pictures: ladders that are read, and what holds for the pictures of any run.
//!
//! Ladders are in `snapshots/`. After a change that is meant, `INSTA_UPDATE=always cargo test --test pictures` writes
//! them anew.

#[cfg(feature = "cli")]
mod commands;
mod ladders;
mod shapes;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{FaultPlan, Profile};
use lossproof::systems::{Options, System};
use lossproof::transcript::Transcript;

/// Gives the transcript of one run of a system to a function.
fn transcript<S: System, T>(
    options: &Options,
    plan: &FaultPlan,
    profile: Profile,
    look: impl FnOnce(&Transcript<'_, S::Event>) -> T,
) -> T {
    let scenario = S::scenario(options);
    let names = scenario.names();
    let plan = Prepared::new(plan, &names).unwrap();
    let mut engine = Engine::default();
    engine.run(&scenario, &Settings { seed: 7, plan, profile, ..Settings::default() });
    look(&engine.transcript(&scenario, &names))
}
