//! What a proxy notes of all that passes: the faults, how much it was, and the record if one is kept.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::limits::MAX_FAULTS;
use super::path::{CLIENT, Path, SERVER, Way, Weather, of_hosts};
use super::planned::Planned;
use super::record::Record;
use crate::drive::relayed::{after, clock, elapsed};
use crate::fault::{Fault, FaultPlan, Resolved};
use crate::machine::Peer;
use crate::network::{Departure, Order};
use crate::time::Instant;
use crate::transcript::{Carried, Recording, What};

/// How much passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// How many clients there were.
    pub clients: u64,
    /// How many datagrams came, from both sides.
    pub datagrams: u64,
    /// How many streams were accepted.
    pub streams: u64,
    /// How many bytes of streams came, from both sides.
    pub stream_bytes: u64,
    /// How many datagrams this system did not take, or had no room for: they are lost without a fault.
    pub not_sent: u64,
    /// How many clients found no socket or no place.
    pub turned_away: u64,
    /// How many faults did not fit into the plan.
    pub more_faults: u64,
}

/// What happened while a proxy ran.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Passed {
    /// The faults that were asked for, then those that were drawn: with this plan the same happens again, to whoever sends
    /// the same. [`MAX_FAULTS`](super::MAX_FAULTS) of them at most.
    pub plan: FaultPlan,
    /// The planned faults that had no effect.
    pub unfired: Vec<Fault>,
    /// How much passed.
    pub counts: Counts,
    /// What passed, if it was [recorded](super::Proxy::record): times since the start.
    pub recording: Option<Recording>,
    /// Whether something did not fit into the recording.
    pub is_cut: bool,
}

impl Passed {
    /// Whether a fault of the plan changed something.
    pub(crate) fn has_fired(&self, fault: &Fault) -> bool {
        !self.unfired.contains(fault)
    }
}

pub(super) type Shared = Rc<RefCell<Ledger>>;

/// What is noted while a proxy runs.
pub(super) struct Ledger {
    begin: tokio::time::Instant,
    planned: Planned,
    weather: Weather,
    /// Nothing can happen to what passes, and nobody wants to know of it.
    is_clear: bool,
    pub(super) record: Option<Record>,
    /// How many clients of each name there were.
    numbers: BTreeMap<String, u64>,
    /// The paths of clients that are still there, by the number of each.
    paths: BTreeMap<u64, Rc<RefCell<Path>>>,
    fired: Vec<bool>,
    drawn: Vec<Fault>,
    pub(super) counts: Counts,
    /// When something came last.
    pub(super) last_at: Option<Instant>,
}

impl Ledger {
    pub(super) fn new(planned: Planned, weather: Weather, record: Option<Record>) -> Self {
        let is_clear = planned.plan.is_empty()
            && weather.profile.is_calm()
            && weather.latency.is_zero()
            && record.is_none();
        Self {
            begin: clock(),
            fired: vec![false; planned.plan.len()],
            planned,
            weather,
            is_clear,
            record,
            numbers: BTreeMap::new(),
            paths: BTreeMap::new(),
            drawn: Vec::new(),
            counts: Counts::default(),
            last_at: None,
        }
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Instant {
        elapsed(self.begin)
    }

    /// A moment as the runtime has it.
    pub(super) fn runtime_at(&self, at: Instant) -> tokio::time::Instant {
        after(self.begin, at.since_start())
    }

    /// When faults between hosts happen, for the record.
    pub(super) fn host_faults(&self) -> Vec<(Instant, Fault)> {
        let of_hosts = |fault: &Fault| match fault {
            Fault::Host { at, .. } => Some((*at, fault.clone())),
            _ => None,
        };
        self.planned.plan.faults().iter().filter_map(of_hosts).collect()
    }

    /// Records a fault between hosts that is due. One of hosts that have not appeared is none.
    pub(super) fn happened(&mut self, at: Instant, fault: &Fault) {
        let Some(record) = &mut self.record else { return };
        let names: Vec<&str> = record.names().iter().map(String::as_str).collect();
        if let Ok(fault) = Resolved::new(fault, &names) {
            record.fault(at, fault);
        }
    }

    /// A client has come: its number, and what lies between it and its server unless nothing can happen there.
    pub(super) fn enter(
        &mut self,
        client: &str,
        server: &str,
        source: Peer,
    ) -> (u64, Option<Rc<RefCell<Path>>>) {
        self.counts.clients += 1;
        let key = self.counts.clients;
        if self.is_clear {
            return (key, None);
        }
        let number = self.numbers.entry(client.to_owned()).or_default();
        *number += 1;
        let names = [format!("{client}-{number}"), server.to_owned()];
        let mut path = Path::new(names, &self.planned, &self.weather);
        if let Some(record) = &mut self.record {
            let [name, server] = &path.names;
            path.hosts =
                record.host(name, source).zip(record.find(server)).map(|(client, server)| [client, server]);
        }
        let path = Rc::new(RefCell::new(path));
        self.paths.insert(key, Rc::clone(&path));
        (key, Some(path))
    }

    /// A client is gone: what happened to it stays.
    pub(super) fn leave(&mut self, key: u64) {
        if let Some(path) = self.paths.remove(&key) {
            self.settle(&mut path.borrow_mut());
        }
    }

    /// Takes over what happened on a path.
    pub(super) fn settle(&mut self, path: &mut Path) {
        self.take_drawn(path);
        for place in path.fired() {
            self.fired[place as usize] = true;
        }
    }

    /// Takes over what was drawn on a path.
    pub(super) fn take_drawn(&mut self, path: &mut Path) {
        if !path.network.has_drawn() {
            return;
        }
        let Path { network, names: [client, server], .. } = path;
        for fault in network.take_drawn() {
            if self.drawn.len() < MAX_FAULTS {
                self.drawn.push(fault.named(&[client, server]));
            } else {
                self.counts.more_faults += 1;
            }
        }
    }

    /// Records a datagram that has come, and what becomes of it.
    pub(super) fn sent(&mut self, path: &Path, way: Way, now: Instant, bytes: &[u8], departure: &Departure) {
        let (Some(record), Some(hosts)) = (&mut self.record, path.hosts) else { return };
        let [from, to] = way.order(hosts);
        let n = departure.n;
        let Some(span) = record.bytes(now, from, bytes, |bytes| What::Send { to, n, bytes }) else { return };
        if let Some(fault) = departure.fault {
            let (from, to) = way.ends();
            record.fault(now, of_hosts(Resolved::Datagram { from, to, n, fault }, hosts));
        }
        let arrives_at = departure.arrivals.map(|order| order.map(Order::at));
        record.packet(now, [from, to], Carried::Datagram { n, bytes: span, broadcast: false, arrives_at });
    }

    /// Records a datagram that leaves: a little later than it came, so that it stands after that in the record.
    pub(super) fn received(&mut self, path: &Path, way: Way, n: u64, bytes: &[u8]) {
        if self.record.is_none() {
            return;
        }
        let now = self.now();
        let (Some(record), Some(hosts)) = (&mut self.record, path.hosts) else { return };
        let [from, to] = way.order(hosts);
        record.bytes(now, to, bytes, |bytes| What::Recv { from, n, bytes });
    }

    /// The end: all that happened.
    pub(super) fn finish(&mut self) -> Passed {
        let paths = std::mem::take(&mut self.paths);
        for path in paths.values() {
            self.settle(&mut path.borrow_mut());
        }
        let mut plan = self.planned.plan.clone();
        plan.seed = None;
        // It may be that of the profile, and belongs to what happened.
        let _ = plan.set_link((!self.weather.latency.is_zero()).then_some(self.weather.latency));
        for fault in self.drawn.drain(..) {
            // A place has one fault, whoever chose it.
            let _ = plan.push(fault);
        }
        let faults = self.planned.plan.faults().iter().zip(&self.fired);
        let unfired = faults.filter(|(_, fired)| !**fired).map(|(fault, _)| fault.clone()).collect();
        let record = self.record.take();
        let is_cut = record.as_ref().is_some_and(|record| record.is_full);
        Passed { plan, unfired, counts: self.counts, recording: record.map(Record::finish), is_cut }
    }
}

const _: () = assert!(CLIENT.index() == 0 && SERVER.index() == 1, "names stand in this order");
