//! A proxy that runs, in a thread of its own.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, sleep_until};

use super::datagrams::Datagrams;
use super::error::ProxyError;
use super::ledger::{Ledger, Passed, Shared};
use super::path::Weather;
use super::planned::Planned;
use super::record::Record;
use super::route::{Carrier, Route};
use super::streams::Streams;
use crate::drive::DriveError;
use crate::drive::relayed::{Binding, Listening, Manner, Net as _, System};
use crate::drive::relayed::{Listen as _, raise_open_files};
use crate::machine::Peer;
use crate::time::Instant;

/// How many tasks have their turn between two looks at the sockets.
const TURNS_PER_LOOK: u32 = 8;

/// All that a proxy was told.
pub(super) struct Orders {
    pub(super) routes: Vec<Route>,
    /// What each route's server is called.
    pub(super) servers: Vec<String>,
    pub(super) planned: Planned,
    pub(super) weather: Weather,
    pub(super) is_recorded: bool,
    pub(super) ends_after: Option<Duration>,
    pub(super) ends_idle: Option<Duration>,
}

/// A proxy that runs. It ends when it is [stopped](Relay::stop), or dropped.
#[derive(Debug)]
pub struct Relay {
    locals: Vec<Peer>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Passed>>,
    ended: mpsc::Receiver<()>,
}

impl Relay {
    /// Starts the thread, and waits until all sockets are open.
    pub(super) fn start(orders: Orders) -> Result<Self, ProxyError> {
        let (opened, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let (ends, ended) = mpsc::channel();
        let run = move || {
            let _ends: mpsc::Sender<()> = ends;
            run(&orders, &opened, stopped)
        };
        let thread = thread::Builder::new().name("lossproof-proxy".to_owned()).spawn(run);
        let thread = thread.map_err(ProxyError::Thread)?;
        match told.recv() {
            Ok(Ok(locals)) => Ok(Self { locals, stop: Some(stop), thread: Some(thread), ended }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ProxyError::Thread(io::Error::other("its thread has ended"))),
        }
    }

    /// Where it listens, in the order of its routes.
    pub fn locals(&self) -> &[Peer] {
        &self.locals
    }

    /// Where the first of its routes listens.
    pub fn local(&self) -> Peer {
        self.locals[0]
    }

    /// Waits for this long, or until it has ended by itself; whether it has.
    pub fn has_ended_within(&self, span: Duration) -> bool {
        self.ended.recv_timeout(span) == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// Ends it, if it has not ended by itself, and tells what happened.
    pub fn stop(mut self) -> Passed {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<Passed> {
        drop(self.stop.take());
        self.thread.take()?.join().ok()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

type Opened = mpsc::Sender<Result<Vec<Peer>, ProxyError>>;

/// The thread's whole life.
fn run(orders: &Orders, opened: &Opened, stopped: oneshot::Receiver<()>) -> Passed {
    raise_open_files();
    let runtime = Builder::new_current_thread().enable_all().event_interval(TURNS_PER_LOOK).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = opened.send(Err(ProxyError::Thread(error)));
            return Passed::default();
        }
    };
    let tasks = LocalSet::new();
    let planned = orders.planned.clone();
    let record = orders.is_recorded.then(Record::new);
    let ledger = {
        let _in_runtime = runtime.enter();
        Rc::new(RefCell::new(Ledger::new(planned, orders.weather.clone(), record)))
    };
    let main = async {
        match open(orders, &ledger).await {
            Ok(locals) => _ = opened.send(Ok(locals)),
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        }
        spawn_local(note_host_faults(Rc::clone(&ledger)));
        tokio::select! {
            biased;
            _ = stopped => {}
            () = ends_after(orders.ends_after) => {}
            () = ends_idle(&ledger, orders.ends_idle) => {}
        }
    };
    tasks.block_on(&runtime, main);
    // The sockets are closed before what happened is told.
    drop(tasks);
    ledger.borrow_mut().finish()
}

async fn ends_after(span: Option<Duration>) {
    match span {
        Some(span) => sleep(span).await,
        None => std::future::pending().await,
    }
}

/// Ends once something has passed, and then nothing for this long.
async fn ends_idle(ledger: &Shared, span: Option<Duration>) {
    const LOOK: Duration = Duration::from_millis(20);
    let Some(span) = span else { return std::future::pending().await };
    loop {
        let (now, last_at) = (ledger.borrow().now(), ledger.borrow().last_at);
        match last_at {
            Some(last_at) if now.since(last_at) >= span => return,
            _ => sleep(LOOK).await,
        }
    }
}

/// Opens all sockets and starts to relay.
async fn open(orders: &Orders, ledger: &Shared) -> Result<Vec<Peer>, ProxyError> {
    let mut locals = Vec::new();
    for (route, server) in orders.routes.iter().zip(&orders.servers) {
        let names = [route.client.clone(), server.clone()];
        if let Some(record) = &mut ledger.borrow_mut().record {
            record.host(server, route.to);
        }
        let failed = |action, source| DriveError::Open { action, peer: Box::new(route.listen), source };
        match route.carrier {
            Carrier::Datagrams => {
                let inet = |peer: Peer| peer.inet().ok_or(ProxyError::NotInet(peer));
                let (listen, to) = (inet(route.listen)?, inet(route.to)?);
                let relay =
                    Datagrams::open(listen, to, names, ledger).map_err(|error| failed("bind", error))?;
                locals.push(relay.local());
                spawn_local(relay.run());
            }
            Carrier::Streams => {
                let manner = Manner::default();
                let binding = Binding { local: route.listen, broadcast: false, manner, only_v6: false };
                let listening: Listening =
                    System::listen(binding).await.map_err(|error| failed("listen on", error))?;
                locals.push(listening.local_addr().map_err(|error| failed("listen on", error))?);
                spawn_local(Rc::new(Streams::new(route.to, names, ledger)).run(listening));
            }
        }
    }
    Ok(locals)
}

/// Records faults between hosts, each when it is due.
async fn note_host_faults(ledger: Shared) {
    let mut faults = ledger.borrow().host_faults();
    faults.sort_by_key(|(at, _)| *at);
    for (at, fault) in faults {
        let until = ledger.borrow().runtime_at(at);
        sleep_until(until).await;
        ledger.borrow_mut().happened(at.max(Instant::START), &fault);
    }
}
