//! Turmoil: a whole scenario, each host driven by the same loop as on real sockets, over turmoil's.
//!
//! What arrives when is decided by the same network model that the event engine uses; the bytes themselves travel through
//! turmoil's sockets, and are compared with what the model says when they are handed in. So turmoil proves the loop, the
//! timers of tokio, and the sockets' reading and writing.

mod gate;
mod host;
mod net;
mod shared;

use std::cell::RefCell;
use std::net::IpAddr;
use std::ptr;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::engine::{Ended, Outcome, Settings};
use crate::fault::{FaultKind, Resolved, ResolvedHost};
use crate::host::HostId;
use crate::lawful::Decode;
use crate::machine::{Peer, Status};
use crate::scenario::{HostSpec, Scenario, Spec};
use crate::transcript::{Log, Transcript};
use gate::drive_host;
use shared::Shared;

/// How far turmoil's clock goes at a time. Every latency, delay and timer is a multiple of it.
const TICK: Duration = Duration::from_millis(1);
/// The most hosts: turmoil's cost for each tick grows with their number's third power.
pub const MAX_TURMOIL_HOSTS: usize = 30;

/// A run on turmoil.
#[derive(Debug)]
pub struct Simulated {
    /// How it went.
    pub outcome: Outcome,
    /// What happened.
    pub log: Log,
    /// For each host how its machine ended, if it did.
    pub statuses: Vec<Option<Status>>,
    /// The plan's faults that never changed anything.
    pub unfired: Vec<Resolved>,
    names: Vec<String>,
    /// The events of each host.
    events: Vec<Vec<String>>,
    decode: Option<Decode>,
}

impl Simulated {
    /// What a host has told, as transcripts show it.
    pub fn events(&self, host: impl Into<HostId>) -> &[String] {
        &self.events[host.into().index()]
    }

    /// The transcript.
    pub fn transcript(&self) -> Transcript<'_> {
        let names = self.names.iter().map(String::as_str).collect();
        Transcript::new(names, &self.log, &self.events, self.decode)
    }
}

/// Why a scenario cannot be run on turmoil.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// Turmoil cannot do this fault as the event engine does.
    #[error("turmoil cannot have the fault '{}'; use the event engine", .0.name())]
    Fault(FaultKind),
    /// Turmoil's clock goes by whole milliseconds.
    #[error("on turmoil the link's latency is a whole number of milliseconds, at least 1ms")]
    Latency,
    /// Streams are made of segments.
    #[error("turmoil's streams are not made of segments; use the event engine")]
    Segments,
    /// Too many hosts.
    #[error("on turmoil a scenario has at most {MAX_TURMOIL_HOSTS} hosts, not {0}")]
    Hosts(usize),
    /// A host has a Unix socket.
    #[error("turmoil has no unix sockets, and {host} has one; use the event engine")]
    Unix {
        /// The host.
        host: String,
    },
    /// A host has an address of its own choice.
    #[error("turmoil gives {host} one address, and {local} is another; use the event engine")]
    Address {
        /// The host.
        host: String,
        /// The address.
        local: Peer,
    },
    /// A host is a NAT.
    #[error("turmoil has no NAT, and {host} is one; use the event engine")]
    Nat {
        /// The host.
        host: String,
    },
    /// Turmoil has no queues that several flows share.
    #[error("turmoil has no queue that flows share, and '{0}' is one; use the event engine")]
    Bottleneck(String),
    /// Some sockets are for IPv4, others for IPv6.
    #[error("on turmoil all sockets are of one family, IPv4 or IPv6; use the event engine")]
    Families,
    /// A host's driver failed, or its machine has panicked.
    #[error("{0}")]
    Drive(String),
}

/// Runs a scenario on turmoil, with the same settings as in the event engine. Laws are checked, properties are not judged.
///
/// What turmoil cannot do is refused by name: crashes, poweroffs and restarts; NATs and hosts that move; bottlenecks; Unix
/// sockets, further addresses, two families in one scenario.
///
/// Turmoil wants hosts that borrow nothing, so a scenario that was run on it once stays in memory as long as the process.
///
/// # Errors
/// [`SimulateError`] if the plan, the latency, the number of hosts or their sockets are beyond turmoil, if a driver fails,
/// or if a machine panics.
pub fn simulate(scenario: &Scenario, settings: &Settings) -> Result<Simulated, SimulateError> {
    let spec = kept(scenario).spec();
    let (latency, latencies) = settings.latencies(spec);
    let single = latencies.iter().copied().chain(settings.links.latencies());
    let latencies: Vec<Duration> = single.map(|(.., latency)| latency).chain([latency]).collect();
    check(spec, settings, &latencies)?;
    let is_v6 = is_v6(spec)?;
    // What takes longer waits at its receiver.
    let latency = latencies.into_iter().min().unwrap_or(latency);
    let shared = Rc::new(RefCell::new(Shared::new(spec, settings)));
    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .min_message_latency(latency)
        .max_message_latency(latency)
        .simulation_duration(Duration::MAX)
        .epoch(SystemTime::UNIX_EPOCH)
        .rng_seed(settings.effective_seed())
        .build();
    for index in 0..spec.hosts.len() as u16 {
        let host = HostId(index);
        let own = if is_v6 { host.v6(0) } else { host.v4(0) };
        let Some(ip) = own.ip() else { continue };
        let any: IpAddr = net::any(is_v6);
        let (settings, shared) = (settings.clone(), Rc::clone(&shared));
        sim.host(ip, move || {
            let (settings, shared) = (settings.clone(), Rc::clone(&shared));
            async move {
                let driven = drive_host(host, any, spec, &settings, Rc::clone(&shared)).await;
                if let Err(error) = driven {
                    shared.borrow_mut().failure.get_or_insert(error.to_string());
                }
                Ok(())
            }
        });
    }
    let max_elapsed = spec.max_time.since_start() + TICK;
    while !shared.borrow().is_over(spec.max_inputs) && sim.elapsed() < max_elapsed {
        sim.step().map_err(|error| SimulateError::Drive(error.to_string()))?;
    }
    drop(sim);
    conclude(&mut shared.borrow_mut(), spec)
}

/// The same scenario, for as long as the process lives.
fn kept(scenario: &Scenario) -> &'static Scenario {
    static KEPT: Mutex<Vec<&'static Scenario>> = Mutex::new(Vec::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept.iter().find(|known| ptr::eq(known.spec(), scenario.spec()));
    if let Some(known) = known {
        return known;
    }
    let scenario: &'static Scenario = Box::leak(Box::new(scenario.clone()));
    kept.push(scenario);
    scenario
}

fn check(spec: &Spec, settings: &Settings, latencies: &[Duration]) -> Result<(), SimulateError> {
    let hosts = spec.hosts.len();
    if hosts > MAX_TURMOIL_HOSTS {
        return Err(SimulateError::Hosts(hosts));
    }
    if let Some(host) = spec.hosts.iter().find(|host| host.nat.is_some()) {
        return Err(SimulateError::Nat { host: host.name.clone() });
    }
    if let Some(bottleneck) = spec.bottlenecks.iter().chain(&settings.plan.bottlenecks).next() {
        return Err(SimulateError::Bottleneck(bottleneck.name().to_owned()));
    }
    if settings.streams(spec).is_segments() {
        return Err(SimulateError::Segments);
    }
    let is_between_ticks =
        |latency: &Duration| latency.is_zero() || !latency.as_nanos().is_multiple_of(TICK.as_nanos());
    if latencies.iter().any(is_between_ticks) {
        return Err(SimulateError::Latency);
    }
    let is_lag = |fault: &&Resolved| matches!(fault, Resolved::Host { fault: ResolvedHost::Lag(..), .. });
    let planned =
        settings.plan.schedule.faults.iter().find(|fault| BEYOND.contains(&fault.kind()) || is_lag(fault));
    // What befalls hosts at random is drawn by the event engine alone.
    let drawn = || {
        let of_hosts = [FaultKind::Partition, FaultKind::Skew, FaultKind::Stop];
        BEYOND.into_iter().chain(of_hosts).find(|kind| settings.profile.draws(*kind))
    };
    match planned.map(Resolved::kind).or_else(drawn) {
        Some(kind) => Err(SimulateError::Fault(kind)),
        None => Ok(()),
    }
}

/// What turmoil cannot do as the event engine does.
const BEYOND: [FaultKind; 12] = [
    FaultKind::Crash,
    FaultKind::Poweroff,
    FaultKind::Restart,
    FaultKind::Refuse,
    FaultKind::Silence,
    FaultKind::Drift,
    FaultKind::TimerFirst,
    FaultKind::Pause,
    FaultKind::Resume,
    FaultKind::Rebind,
    FaultKind::Reboot,
    FaultKind::Move,
];

/// Whether the hosts have IPv6 addresses, if turmoil can do their sockets at all.
fn is_v6(spec: &Spec) -> Result<bool, SimulateError> {
    let mut families = Vec::new();
    for (index, host) in (0..).zip(&spec.hosts) {
        for local in locals(host) {
            let name = || host.name.clone();
            match local {
                Peer::Unix(_) => return Err(SimulateError::Unix { host: name() }),
                _ if HostId::at(&local) != Some(HostId(index)) => {
                    return Err(SimulateError::Address { host: name(), local });
                }
                _ => families.push(matches!(local, Peer::V6 { .. })),
            }
        }
    }
    match (families.contains(&false), families.contains(&true)) {
        (true, true) => Err(SimulateError::Families),
        (_, is_v6) => Ok(is_v6),
    }
}

/// The addresses of a host's sockets.
fn locals(host: &HostSpec) -> impl Iterator<Item = Peer> {
    host.datagrams.iter().map(|socket| socket.local).chain(host.listeners.iter().copied())
}

fn conclude(shared: &mut Shared, spec: &Spec) -> Result<Simulated, SimulateError> {
    if let Some(failure) = shared.failure.take() {
        return Err(SimulateError::Drive(failure));
    }
    let ended = match &shared.world.violation {
        Some((_, violation)) => Ended::Broken(violation.law),
        None if shared.inputs >= spec.max_inputs => Ended::InputLimit,
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
        statuses: std::mem::take(&mut world.statuses),
        unfired: world.network.unfired().collect(),
        names: spec.hosts.iter().map(|host| host.name.clone()).collect(),
        events: std::mem::take(&mut shared.events),
        decode: spec.decode,
    })
}
