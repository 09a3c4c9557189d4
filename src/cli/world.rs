//! What `sim` and `check` have in common: a system made ready to be simulated.

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::CliError;
use crate::check::Property;
use crate::engine::Prepared;
use crate::fault::FaultPlan;
use crate::scenario::Scenario;
use crate::systems::{Options, System, Transport};

/// A system with its options and the plan that was given.
pub(super) struct World<S: System> {
    /// What carries the messages.
    pub(super) transport: Transport,
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
        scenario.check_commands(&plan)?;
        let transport = S::ABOUT.transport_with(options);
        Ok(Self { transport, scenario, properties, plan, prepared })
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

/// Where machines have panicked, by what they said.
pub(super) struct PanicPlaces(BTreeMap<String, String>);

impl PanicPlaces {
    /// A report of a failure, with the place if it ends with what a panic said.
    pub(super) fn complete(&self, report: String) -> String {
        match self.0.iter().find(|(said, _)| !said.is_empty() && report.ends_with(said.as_str())) {
            Some((_, place)) => format!("{report} (at {place})"),
            None => report,
        }
    }
}

/// Does something in which machines may panic. A panic is caught there and reported as a broken law, so that the
/// standard message would come twice; what only that message has, the place of each panic, is given back.
pub(super) fn with_panic_places<T>(work: impl FnOnce() -> T) -> (T, PanicPlaces) {
    let places = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&places);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if let (Some(said), Some(place)) = (panicked.payload_as_str(), panicked.location()) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(said.to_owned()).or_insert_with(|| format!("{}:{}", place.file(), place.line()));
        }
    }));
    let result = work();
    panic::set_hook(before);
    let places = std::mem::take(&mut *places.lock().unwrap_or_else(PoisonError::into_inner));
    (result, PanicPlaces(places))
}
