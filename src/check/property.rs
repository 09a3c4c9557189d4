//! What is to hold in every run.

use std::fmt;
use std::time::Duration;

use crate::engine::View;
use crate::host::HostId;
use crate::machine::Status;

/// When a property is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// After every event.
    Always,
    /// After no event.
    Never,
    /// After some event, at most this long after the start of the run.
    Within(Duration),
    /// When the plan's [calm](crate::fault::FaultPlan::calm) begins, or after some event within these bounds from then
    /// on; from the start of a run without a calm.
    Converges {
        /// At most so long after.
        within: Duration,
        /// And after at most so many further inputs of all machines.
        inputs: u64,
    },
    /// After some event of some run. No run fails for it; a [`Tally`](super::Tally) counts those that met it.
    Sometimes,
}

impl Demand {
    /// Whether a run fails in which it was not met until its end.
    pub(super) const fn is_to_be_met(self) -> bool {
        matches!(self, Self::Within(_) | Self::Converges { .. })
    }
}

type Test<E> = Box<dyn Fn(&View<'_, E>) -> bool + Send + Sync>;

/// A statement about the events of a run, judged after every event and every end of a machine.
///
/// It is a function of all events so far and keeps no state of its own, so a run can be judged again, and from any
/// thread.
pub struct Property<E> {
    /// The statement, as a sentence.
    pub name: String,
    /// When it is to hold.
    pub demand: Demand,
    test: Test<E>,
}

impl<E> Property<E> {
    /// It holds after every event.
    pub fn always(
        name: impl Into<String>,
        test: impl Fn(&View<'_, E>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), demand: Demand::Always, test: Box::new(test) }
    }

    /// It holds after no event.
    pub fn never(
        name: impl Into<String>,
        test: impl Fn(&View<'_, E>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), demand: Demand::Never, test: Box::new(test) }
    }

    /// It comes to hold at most this long after the start of the run. It need not hold for ever.
    pub fn eventually_within(
        name: impl Into<String>,
        within: Duration,
        test: impl Fn(&View<'_, E>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), demand: Demand::Within(within), test: Box::new(test) }
    }

    /// Once nothing goes wrong any more it holds, or comes to hold within both bounds: so much time, and so many inputs
    /// of all machines. When faults stop the plan says ([`calm`](crate::fault::FaultPlan::calm)), and a check by
    /// [`Check::calm_at`](crate::harness::Check::calm_at); in a run without a calm it counts from the start.
    ///
    /// ```
    /// use lossproof::check::{Property, Search};
    /// use lossproof::engine::Prepared;
    /// use lossproof::fault::Profile;
    /// use lossproof::systems::{CLIENT, Options, System, udp_remote::UdpRemote};
    /// use std::time::Duration;
    ///
    /// let scenario = UdpRemote::scenario(&Options::default());
    /// let ends = Property::converges_within("the client ends", Duration::from_secs(1), 10, |view| {
    ///     view.status(CLIENT).is_some()
    /// });
    /// let plan = "calm 500ms; at 0s partition client|server".parse()?;
    /// let plan = Prepared::new(&plan, &scenario.names())?;
    /// let properties = [ends];
    /// let mut search = Search::new(&scenario, &properties, plan, Profile::default(), 0);
    /// assert_eq!(search.runs(0..1).failure, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn converges_within(
        name: impl Into<String>,
        within: Duration,
        inputs: u64,
        test: impl Fn(&View<'_, E>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), demand: Demand::Converges { within, inputs }, test: Box::new(test) }
    }

    /// It comes to hold in some of the runs: what is to be seen now and then, or the runs are evidence of less than they
    /// seem. That a client gives up, that a queue is full, that a second retry is needed.
    pub fn sometimes(
        name: impl Into<String>,
        test: impl Fn(&View<'_, E>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), demand: Demand::Sometimes, test: Box::new(test) }
    }

    /// Whether the statement is true of what has happened so far.
    pub fn holds(&self, view: &View<'_, E>) -> bool {
        (self.test)(view)
    }
}

impl<E> fmt::Debug for Property<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Property({:?}, {:?})", self.name, self.demand)
    }
}

impl<E> View<'_, E> {
    /// The events of one host so far, in order.
    pub fn of(&self, host: HostId) -> impl Iterator<Item = &E> {
        self.events.iter().filter(move |happened| happened.host == host).map(|happened| &happened.event)
    }

    /// How a host's machine ended, if it did.
    pub fn status(&self, host: HostId) -> Option<Status> {
        self.statuses.get(host.index()).copied().flatten()
    }
}
