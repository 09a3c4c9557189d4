//! What `sim` and `check` have in common: a system made ready to be simulated.

use std::fs;
use std::panic;
use std::sync::{Arc, OnceLock};

use super::error::CliError;
use crate::check::Property;
use crate::engine::Prepared;
use crate::fault::FaultPlan;
use crate::scenario::Scenario;
use crate::systems::{Options, System};

/// A system with its options and the plan that was given.
pub(super) struct World<S: System> {
    /// The hosts.
    pub(super) scenario: Scenario<S::Command, S::Event>,
    /// What is to hold.
    pub(super) properties: Vec<Property<S::Event>>,
    /// The faults that were given.
    pub(super) plan: FaultPlan,
    /// The same, made ready.
    pub(super) prepared: Prepared,
}

impl<S: System> World<S> {
    /// A world with these options and the faults of this argument.
    pub(super) fn new(options: &Options, faults: Option<&str>) -> Result<Self, CliError> {
        let plan = read_plan(faults)?;
        let (scenario, properties) = (S::scenario(options), S::properties(options));
        let prepared = Prepared::new(&plan, &scenario.names())?;
        Ok(Self { scenario, properties, plan, prepared })
    }
}

/// The plan of `--faults`: its text, or the file that it names after an `@`.
pub(super) fn read_plan(faults: Option<&str>) -> Result<FaultPlan, CliError> {
    match faults.map(|text| (text, text.strip_prefix('@'))) {
        None => Ok(FaultPlan::default()),
        Some((_, Some(path))) => {
            let text = fs::read_to_string(path);
            let text = text.map_err(|source| CliError::PlanFile { path: path.to_owned(), source })?;
            Ok(text.parse()?)
        }
        Some((text, None)) => Ok(text.parse()?),
    }
}

/// Does something in which machines may panic. A panic is caught there and reported as a broken law, so that the
/// standard message would come twice; what only that message has, the place of the first panic, is given back.
pub(super) fn with_place_of_panic<T>(work: impl FnOnce() -> T) -> (T, Option<String>) {
    let place = Arc::new(OnceLock::new());
    let seen = Arc::clone(&place);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if let Some(location) = panicked.location() {
            seen.get_or_init(|| format!("{}:{}", location.file(), location.line()));
        }
    }));
    let result = work();
    panic::set_hook(before);
    (result, place.get().cloned())
}
