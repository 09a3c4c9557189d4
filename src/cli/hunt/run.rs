//! One run of a hunt: setup, server, proxy, command, and what the plan does to processes meanwhile.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::runtime::Builder;
use tokio::time::{sleep, sleep_until};

use super::error::HuntError;
use super::faults::{of_process, restarts, split, whole_plan};
use super::places::Places;
use super::process::{Process, Said, failure};
use super::words::shown;
use super::{HuntArgs, port};
use crate::cli::interrupt;
use crate::drive::relayed::{after, clock};
use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::proxy::{Attempt, Ended, ProxyError, Route, SERVER};
use crate::time::Instant;

/// How long a server has to open its port.
const MAX_START: Duration = Duration::from_secs(10);
/// How often it is looked for a port, and for Ctrl-C.
const LOOK: Duration = Duration::from_millis(5);

/// What ends a hunt.
#[derive(Clone, Debug)]
pub(super) enum Stopped {
    /// Ctrl-C, or SIGTERM.
    Interrupted,
    /// It cannot go on.
    Wrong(HuntError),
}

impl From<HuntError> for Stopped {
    fn from(error: HuntError) -> Self {
        Self::Wrong(error)
    }
}

/// How often each kind of fault hit, and how many clients there were, over all runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) kinds: BTreeMap<FaultKind, u64>,
    pub(super) clients: u64,
    /// What the processes of the last failing run have said.
    pub(super) said: String,
}

/// Makes runs.
pub(super) struct Runner<'a> {
    args: &'a HuntArgs,
    routes: Vec<Route>,
    tally: Mutex<Tally>,
}

/// A process of a run, by what plans call it.
struct Actor {
    name: String,
    words: Vec<String>,
    process: Option<Process>,
    /// It was killed by the plan.
    is_crashed: bool,
}

impl<'a> Runner<'a> {
    pub(super) fn new(args: &'a HuntArgs, routes: Vec<Route>) -> Result<Self, HuntError> {
        let runner = Self { args, routes, tally: Mutex::default() };
        if runner.routes.is_empty() {
            return Err(proxy_error(&ProxyError::NoRoute));
        }
        Ok(runner)
    }

    /// What plans call the first server.
    pub(super) fn server_name(&self) -> String {
        self.routes[0].server.clone().unwrap_or_else(|| SERVER.to_owned())
    }

    /// What plans call the command.
    fn client_name(&self) -> String {
        self.routes[0].client.clone()
    }

    /// The hosts whose processes are paused and killed at random: the server, if it is started here.
    pub(super) fn processes(&self) -> Vec<String> {
        self.args.server.iter().map(|_| self.server_name()).collect()
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether a plan can be carried out.
    pub(super) fn check(&self, plan: &FaultPlan) -> Result<(), HuntError> {
        let mut hosts = vec![self.client_name()];
        hosts.extend(self.processes());
        for fault in plan.faults() {
            if let Some((_, host, _)) = of_process(fault)
                && !hosts.iter().any(|known| known == host)
            {
                return Err(HuntError::NoProcess { kind: fault.kind(), hosts: hosts.join(", ") });
            }
        }
        Ok(())
    }

    /// Makes one run.
    pub(super) fn run(&self, attempt: &Attempt) -> Result<Ended, Stopped> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| proxy_error(&ProxyError::Thread(error)))?;
        let ended = runtime.block_on(self.whole(attempt))?;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = &ended.0.passed;
        tally.clients += passed.counts.clients;
        for fault in passed.plan.faults().iter().filter(|fault| passed.has_fired(fault)) {
            *tally.kinds.entry(fault.kind()).or_default() += 1;
        }
        if ended.0.why.is_some() {
            tally.said = ended.1;
        }
        Ok(ended.0)
    }

    async fn whole(&self, attempt: &Attempt) -> Result<(Ended, String), Stopped> {
        let (routes, server_port) = self.free_ports()?;
        let said = Said::default();
        let before = Places::new(&[], server_port);
        self.aside("--setup", self.args.setup.as_ref(), &before, &said).await?;
        let mut actors = Vec::new();
        if let Some(words) = &self.args.server {
            let words = before.fill(&words.0);
            let mut server = Process::start(&words, &before.env, &said)?;
            self.wait_for_port(&routes[0], &mut server, &words).await?;
            actors.push(Actor { name: self.server_name(), words, process: Some(server), is_crashed: false });
        }
        let (proxy, faults) = split(attempt, routes);
        let relay = proxy.start().map_err(|error| proxy_error(&error))?;
        let begin = clock();
        let places = Places::new(relay.locals(), server_port);
        let words = places.fill(&self.args.command);
        let process = Some(Process::start(&words, &places.env, &said)?);
        actors.push(Actor { name: self.client_name(), words, process, is_crashed: false });
        let (why, unfired) = self.watch(begin, &mut actors, &faults, &places, &said).await?;
        let at = Instant::START + clock().saturating_duration_since(begin);
        for actor in &mut actors {
            if let Some(process) = actor.process.take() {
                process.kill().await;
            }
        }
        let passed = whole_plan(relay, attempt, &unfired, why.as_deref().map(|why| (at, why)));
        self.aside("--teardown", self.args.teardown.as_ref(), &places, &said).await?;
        Ok((Ended { why, passed }, said.text()))
    }

    /// The pairs with a free port where the server may have any.
    fn free_ports(&self) -> Result<(Vec<Route>, Option<u16>), HuntError> {
        let mut routes = self.routes.clone();
        for index in 0..routes.len() {
            if routes[index].to.port() != Some(0) {
                continue;
            }
            let address = routes[index].to;
            let found = port::free(routes[index].carrier, address);
            let found = found.map_err(|error| HuntError::Start {
                command: format!("a server at {address}"),
                why: error.to_string(),
            })?;
            // One server has one port, whatever carries messages to it.
            for route in routes.iter_mut().filter(|route| route.to == address) {
                route.to = found;
            }
        }
        let server_port = routes[0].to.port();
        Ok((routes, server_port))
    }

    /// Waits until a server has opened its port.
    async fn wait_for_port(
        &self,
        route: &Route,
        server: &mut Process,
        words: &[String],
    ) -> Result<(), Stopped> {
        let until = after(clock(), MAX_START);
        while !port::is_open(route.carrier, route.to) {
            let not_up = |why: String| HuntError::NotUp { command: shown(words), address: route.to, why };
            if interrupt::is_asked() {
                return Err(Stopped::Interrupted);
            }
            if clock() >= until {
                return Err(not_up("it has taken too long".to_owned()).into());
            }
            tokio::select! {
                ended = server.ended() => {
                    let why = ended.map(|status| failure(status).unwrap_or_else(|| "it has ended".to_owned()));
                    return Err(not_up(why.unwrap_or_else(|error| error.to_string())).into());
                }
                () = sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// Runs a command beside the run, which is to succeed.
    async fn aside(
        &self,
        option: &'static str,
        words: Option<&super::words::Words>,
        places: &Places,
        said: &Said,
    ) -> Result<(), Stopped> {
        let Some(words) = words else { return Ok(()) };
        let words = places.fill(&words.0);
        let mut process = Process::start(&words, &places.env, said)?;
        let why = tokio::select! {
            ended = process.ended() => ended.map_or_else(|error| Some(error.to_string()), failure),
            () = sleep(self.args.limit) => Some("took too long".to_owned()),
            () = interrupted() => return Err(Stopped::Interrupted),
        };
        process.kill().await;
        why.map_or(Ok(()), |why| Err(HuntError::Failed { option, command: shown(&words), why }.into()))
    }

    /// Watches the command to its end, and does to processes what the plan says: why the run failed, and which faults came
    /// after its end.
    async fn watch(
        &self,
        begin: tokio::time::Instant,
        actors: &mut [Actor],
        faults: &[(Instant, Fault)],
        places: &Places,
        said: &Said,
    ) -> Result<(Option<String>, Vec<Fault>), Stopped> {
        let limit_at = after(begin, self.args.limit);
        let mut next = 0;
        let why = loop {
            let fault = faults.get(next);
            let fault_at = fault.map_or(limit_at, |(at, _)| after(begin, at.since_start()).min(limit_at));
            tokio::select! {
                biased;
                (index, status) = first_ended(actors) => {
                    let is_command = index == actors.len() - 1;
                    let actor = &mut actors[index];
                    if let Some(process) = actor.process.take() {
                        process.kill().await;
                    }
                    match (is_command, actor.is_crashed) {
                        // It may start anew.
                        (_, true) if faults[next..].iter().any(|(_, fault)| restarts(fault, &actor.name)) => {}
                        // Whom the plan kills has not failed.
                        (true, true) => break None,
                        (true, false) => break status.map_or_else(|error| Some(error.to_string()), failure),
                        (false, true) => {}
                        (false, false) => {
                            let how = status.ok().and_then(failure).unwrap_or_else(|| "exit status 0".to_owned());
                            break Some(format!("{} ended: {how}", actor.name));
                        }
                    }
                }
                () = interrupted() => return Err(Stopped::Interrupted),
                () = sleep_until(fault_at) => match fault {
                    Some((_, fault)) if fault_at < limit_at => {
                        suffer(actors, fault, places, said)?;
                        next += 1;
                    }
                    _ => {
                        let limit = crate::cli::value::span_text(self.args.limit);
                        break Some(format!("it took longer than {limit}"));
                    }
                },
            }
        };
        Ok((why, faults[next..].iter().map(|(_, fault)| fault.clone()).collect()))
    }
}

/// Ends when Ctrl-C has come.
async fn interrupted() {
    while !interrupt::is_asked() {
        sleep(LOOK).await;
    }
}

/// The first of the processes that ends.
async fn first_ended(actors: &mut [Actor]) -> (usize, std::io::Result<std::process::ExitStatus>) {
    let mut waits: Vec<_> = (0..)
        .zip(actors)
        .filter_map(|(index, actor)| Some((index, actor.process.as_mut()?)))
        .map(|(index, process)| Box::pin(async move { (index, process.ended().await) }))
        .collect();
    std::future::poll_fn(|cx| {
        let ended = waits.iter_mut().find_map(|wait| match wait.as_mut().poll(cx) {
            std::task::Poll::Ready(ended) => Some(ended),
            std::task::Poll::Pending => None,
        });
        ended.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Does to a process what the plan says.
fn suffer(actors: &mut [Actor], fault: &Fault, places: &Places, said: &Said) -> Result<(), HuntError> {
    let Some((_, name, kind)) = of_process(fault) else { return Ok(()) };
    let Some(actor) = actors.iter_mut().find(|actor| actor.name == name) else { return Ok(()) };
    match (kind, &actor.process) {
        (FaultKind::Restart, None) => {
            actor.process = Some(Process::start(&actor.words, &places.env, said)?);
            actor.is_crashed = false;
        }
        (FaultKind::Crash, Some(process)) => {
            process.signal(Signal::SIGKILL);
            actor.is_crashed = true;
        }
        // As by Ctrl-C: what it does then is its own affair.
        (FaultKind::Stop, Some(process)) => {
            process.signal(Signal::SIGINT);
            actor.is_crashed = true;
        }
        (FaultKind::Pause, Some(process)) => process.signal(Signal::SIGSTOP),
        (FaultKind::Resume, Some(process)) => process.signal(Signal::SIGCONT),
        _ => {}
    }
    Ok(())
}

fn proxy_error(error: &ProxyError) -> HuntError {
    let is_usage = !matches!(error, ProxyError::Open(_) | ProxyError::Thread(_));
    HuntError::Proxy { text: error.to_string(), is_usage }
}
