//! Turmoil: a whole scenario, each host driven by the same loop as on real sockets, over turmoil's.
//!
//! What arrives when is decided by the same network model that the event engine uses; the bytes themselves travel through
//! turmoil's sockets, and are compared with what the model says when they are handed in. So turmoil proves the loop, the
//! timers of tokio, and the sockets' reading and writing.

mod gate;
mod net;
mod shared;

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::engine::{Ended, Outcome, Settings};
use crate::fault::{FaultKind, Resolved};
use crate::host::HostId;
use crate::machine::Status;
use crate::scenario::Scenario;
use crate::transcript::{Happened, Log, Transcript};
use gate::drive_host;
use shared::Shared;

/// How far turmoil's clock goes at a time. Every latency, delay and timer is a multiple of it.
const TICK: Duration = Duration::from_millis(1);
/// The most hosts: turmoil's cost for each tick grows with their number's third power.
pub const MAX_TURMOIL_HOSTS: usize = 30;

/// A run on turmoil.
#[derive(Debug)]
pub struct Simulated<E> {
    /// How it went.
    pub outcome: Outcome,
    /// What happened.
    pub log: Log,
    /// The events.
    pub events: Vec<Happened<E>>,
    /// For each host how its machine ended, if it did.
    pub statuses: Vec<Option<Status>>,
    /// The plan's faults that never changed anything.
    pub unfired: Vec<Resolved>,
}

impl<E> Simulated<E> {
    /// The transcript.
    pub fn transcript<'a, C>(
        &'a self,
        scenario: &'a Scenario<C, E>,
        names: &'a [&'a str],
    ) -> Transcript<'a, E> {
        scenario.transcript(names, &self.log, &self.events)
    }
}

/// Why a scenario cannot be run on turmoil.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// Turmoil cannot do this fault as the event engine does.
    #[error("turmoil cannot have the fault '{}'; use the event engine", .0.name())]
    Fault(FaultKind),
    /// Turmoil's clock goes by whole milliseconds.
    #[error("on turmoil the link's latency is a whole number of milliseconds, at least 1ms")]
    Latency,
    /// Too many hosts.
    #[error("on turmoil a scenario has at most {MAX_TURMOIL_HOSTS} hosts, not {0}")]
    Hosts(usize),
    /// A host's driver failed.
    #[error("{0}")]
    Drive(String),
}

/// Runs a scenario on turmoil, with the same settings as in the event engine. What turmoil cannot do is refused by
/// name: crashes, poweroffs and restarts; that a refusal is reported does not happen there.
///
/// # Errors
/// [`SimulateError`] if the plan, the latency or the number of hosts is beyond turmoil, or if a driver fails: a panic of
/// a machine is not caught.
pub fn simulate<C, E>(
    scenario: &Rc<Scenario<C, E>>,
    settings: &Settings,
) -> Result<Simulated<E>, SimulateError>
where
    C: Clone + 'static,
    E: PartialEq + Debug + 'static,
{
    let (latency, latencies) = settings.latencies(scenario);
    let single = latencies.iter().copied().chain(settings.links.latencies());
    let latencies: Vec<Duration> = single.map(|(.., latency)| latency).chain([latency]).collect();
    check(scenario, settings, &latencies)?;
    // What takes longer waits at its receiver.
    let latency = latencies.into_iter().min().unwrap_or(latency);
    let commands: Rc<[_]> = scenario.commands_of(settings.effective_seed()).into_owned().into();
    let shared = Rc::new(RefCell::new(Shared::new(scenario, settings, &commands)));
    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .min_message_latency(latency)
        .max_message_latency(latency)
        .simulation_duration(Duration::MAX)
        .epoch(SystemTime::UNIX_EPOCH)
        .rng_seed(settings.effective_seed())
        .build();
    for index in 0..scenario.hosts().len() as u16 {
        let host = HostId(index);
        let (scenario, settings, shared) = (Rc::clone(scenario), settings.clone(), Rc::clone(&shared));
        let commands = Rc::clone(&commands);
        let ip = host.address(0).inet().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip());
        sim.host(ip, move || {
            let (scenario, settings, shared) = (Rc::clone(&scenario), settings.clone(), Rc::clone(&shared));
            let commands = Rc::clone(&commands);
            async move {
                let driven = drive_host(host, &scenario, &commands, &settings, Rc::clone(&shared)).await;
                if let Err(error) = driven {
                    shared.borrow_mut().failure.get_or_insert(error.to_string());
                }
                Ok(())
            }
        });
    }
    let max_elapsed = scenario.max_time.since_start() + TICK;
    while !shared.borrow().is_over(scenario.max_inputs) && sim.elapsed() < max_elapsed {
        sim.step().map_err(|error| SimulateError::Drive(error.to_string()))?;
    }
    drop(sim);
    conclude(&mut shared.borrow_mut(), scenario)
}

fn check<C, E>(
    scenario: &Scenario<C, E>,
    settings: &Settings,
    latencies: &[Duration],
) -> Result<(), SimulateError> {
    let hosts = scenario.hosts().len();
    if hosts > MAX_TURMOIL_HOSTS {
        return Err(SimulateError::Hosts(hosts));
    }
    let is_between_ticks =
        |latency: &Duration| latency.is_zero() || !latency.as_nanos().is_multiple_of(TICK.as_nanos());
    if latencies.iter().any(is_between_ticks) {
        return Err(SimulateError::Latency);
    }
    let beyond = settings.plan.schedule.faults.iter().map(Resolved::kind);
    match beyond
        .into_iter()
        .find(|kind| matches!(kind, FaultKind::Crash | FaultKind::Poweroff | FaultKind::Restart))
    {
        Some(kind) => Err(SimulateError::Fault(kind)),
        None => Ok(()),
    }
}

fn conclude<C, E>(shared: &mut Shared<E>, scenario: &Scenario<C, E>) -> Result<Simulated<E>, SimulateError> {
    if let Some(failure) = shared.failure.take() {
        return Err(SimulateError::Drive(failure));
    }
    let ended = match &shared.world.violation {
        Some((_, violation)) => Ended::Broken(violation.law),
        None if shared.inputs >= scenario.max_inputs => Ended::InputLimit,
        None if shared.is_quiet() => Ended::Quiet,
        None => Ended::TimeLimit,
    };
    let world = &mut shared.world;
    Ok(Simulated {
        outcome: Outcome {
            ended,
            at: shared.last_at,
            inputs: shared.inputs,
            packets: world.network.packets,
            fired: *world.network.tally(),
        },
        log: std::mem::take(&mut world.log),
        events: std::mem::take(&mut world.events),
        statuses: std::mem::take(&mut world.statuses),
        unfired: world.network.unfired().collect(),
    })
}
