//! Properties of runs.

use std::fmt;
use std::time::Duration;

use super::Run;

/// When a property must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// After every input.
    Always,
    /// After no input.
    Never,
    /// After some input, at most this long after the start of the run.
    Within(Duration),
    /// When the plan's [calm](crate::fault::FaultPlan::calm) begins, or after some input within these bounds from then
    /// on; from the start of a run without a calm.
    Converges {
        /// At most so long after.
        within: Duration,
        /// And after at most this many further inputs of all machines.
        inputs: u64,
    },
    /// After some input of some run. No run fails because of it; a [`Tally`](crate::check::Tally) counts those that met
    /// it.
    Sometimes,
}

impl Demand {
    /// Whether a run fails in which it was not met until its end.
    pub(crate) const fn is_to_be_met(self) -> bool {
        matches!(self, Self::Within(_) | Self::Converges { .. })
    }
}

/// The answer of a property: whether it is true, or what was observed instead.
///
/// `bool` says the first alone. A `Result` whose error can be shown says both: `Err("3 leaders")`.
pub trait Answer {
    /// What was observed, if it is false; empty if there is no text.
    fn broken(self) -> Option<String>;
}

impl Answer for bool {
    #[inline]
    fn broken(self) -> Option<String> {
        (!self).then(String::new)
    }
}

impl<E: fmt::Display> Answer for Result<(), E> {
    #[inline]
    fn broken(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// What was seen, if it does not hold.
type Test = Box<dyn Fn(&Run<'_>) -> Option<String> + Send + Sync>;

/// A statement about a run, judged after every input. It is a pure function of what it reads of the run so far, so a run
/// can be judged again, from any thread, and a statement is judged again only when what it has read has changed.
pub struct Property {
    /// The statement, as a sentence.
    pub(crate) name: String,
    pub(crate) demand: Demand,
    test: Test,
}

impl Property {
    pub(super) fn new<A: Answer>(
        name: String,
        demand: Demand,
        test: impl Fn(&Run<'_>) -> A + Send + Sync + 'static,
    ) -> Self {
        Self { name, demand, test: Box::new(move |run| test(run).broken()) }
    }

    /// The statement, as a sentence.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it must be true.
    pub const fn demand(&self) -> Demand {
        self.demand
    }

    /// What was seen, if the statement is not true of what has happened so far.
    pub(crate) fn broken(&self, run: &Run<'_>) -> Option<String> {
        (self.test)(run)
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Property({:?}, {:?})", self.name, self.demand)
    }
}
