//! What the commands have in common: a system made ready to be simulated, or to be run.

use super::app::App;
use super::args::Streams;
use super::error::CliError;
use crate::engine::Prepared;
use crate::fault::{FaultPlan, StreamKind};
use crate::harness::bounded::{self, MAX_PLAN_LEN};
use crate::harness::read_trace;
use crate::host::HostId;
use crate::scenario::{Net, Scenario, Transport};
use crate::specimens::Specimen;
use crate::systems::Options;

/// A system's scenario, with a bug in it if there is one.
pub(super) struct Built {
    pub(super) scenario: Scenario,
}

impl Built {
    pub(super) fn new(app: &App, options: &Options, bug: Option<&Specimen>) -> Self {
        Self::with(app, options, bug, |_| {})
    }

    /// The same with a change of its net.
    pub(super) fn with(
        app: &App,
        options: &Options,
        bug: Option<&Specimen>,
        change: impl FnOnce(&Net),
    ) -> Self {
        let net = app.net(options, bug);
        change(&net);
        Self { scenario: net.into() }
    }

    /// The host that `serve` runs.
    pub(super) fn server(&self, app: &App) -> Result<HostId, CliError> {
        self.host(app, app.server)
    }

    /// The host that `call` runs.
    pub(super) fn client(&self, app: &App) -> Result<HostId, CliError> {
        self.host(app, app.client)
    }

    /// The port of the server's first socket; 0 if it has none.
    pub(super) fn port(&self, app: &App) -> u16 {
        let server = self.scenario.find(app.server);
        server.and_then(|server| self.scenario.peer(server).port()).unwrap_or_default()
    }

    fn host(&self, app: &App, host: &'static str) -> Result<HostId, CliError> {
        self.scenario.find(host).ok_or_else(|| CliError::NoRole {
            system: app.name,
            host,
            known: self.scenario.names().join(", "),
        })
    }

    /// What carries messages between its hosts.
    pub(super) fn transports(&self) -> Vec<Transport> {
        let hosts = (0..self.scenario.names().len() as u16).map(HostId);
        let mut all: Vec<Transport> = hosts.flat_map(|host| self.scenario.transports(host)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A system with its options and the plan that was given.
pub(super) struct World {
    pub(super) built: Built,
    /// The faults that were given.
    pub(super) plan: FaultPlan,
    /// The same, made ready.
    pub(super) prepared: Prepared,
}

impl World {
    /// What carries messages between its hosts; segments are lost as datagrams are.
    pub(super) fn transports(&self) -> Vec<Transport> {
        let transports = self.built.transports();
        if self.has_segments() && transports.contains(&Transport::Tcp) {
            return vec![Transport::Udp];
        }
        transports
    }

    /// Whether streams are made of segments.
    pub(super) fn has_segments(&self) -> bool {
        self.plan.streams.unwrap_or(self.built.scenario.spec().streams).is_segments()
    }

    /// A world with these options, the faults of this argument, and streams of this kind.
    pub(super) fn new(
        app: &App,
        options: &Options,
        bug: Option<&Specimen>,
        (faults, streams): (Option<&str>, Option<Streams>),
    ) -> Result<Self, CliError> {
        let mut plan = read_plan(faults)?;
        plan.streams = streams.map(StreamKind::from).or(plan.streams);
        if let Some(fault) = plan.faults().iter().find(|fault| fault.kind().is_of_processes()) {
            return Err(CliError::NotSimulated(fault.kind()));
        }
        let built = Built::new(app, options, bug);
        let prepared = Prepared::new(&plan, &built.scenario)?;
        built.scenario.check_commands(&plan)?;
        Ok(Self { built, plan, prepared })
    }
}

/// The plan of `--faults`: its text, or the file that it names after an `@`.
pub(super) fn read_plan(faults: Option<&str>) -> Result<FaultPlan, CliError> {
    match faults.map(|text| (text, text.strip_prefix('@'))) {
        None => Ok(FaultPlan::default()),
        Some((_, Some(path))) => {
            let text = bounded::read_text(path.as_ref(), MAX_PLAN_LEN);
            let text = text.map_err(|source| CliError::PlanFile { path: path.to_owned(), source })?;
            Ok(FaultPlan::read(&text, &mut read_trace)?)
        }
        Some((text, None)) => Ok(FaultPlan::read(text, &mut read_trace)?),
    }
}
