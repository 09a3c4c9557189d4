//! A queue that several flows share.

use std::fmt;

use super::resolved::host_of;
use super::valid::{check_host, check_pair};
use super::{Bandwidth, FaultPlan, PlanError, UnknownHost};
use crate::host::HostId;

/// What a queue does to packets so that it does not stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discipline {
    /// It takes what has room, and drops what has none.
    #[default]
    DropTail,
    /// CoDel (RFC 8289): it also drops packets at its head, more and more often, as long as all that leave have waited for
    /// more than 5 ms. That helps where senders slow down when packets are lost; those that do not fill it all the same.
    Codel,
}

/// A place on the way of several flows, with one queue for all their datagrams: what comes faster than it leaves waits there
/// or is lost.
///
/// Hosts are named by their handles for a [`Net`](crate::Net), and by their names for a [`FaultPlan`](crate::FaultPlan). The
/// text of a plan is also its `Display`: `bottleneck wan rate 1000000 queue 65536 codel over a>b,c>b`. A `*` stands for any
/// host, and the last that is said of a direction holds, for each passes one bottleneck at most.
///
/// It is a part of the terrain and no fault. Nothing about it is drawn: what it does follows from what is sent. So a plan
/// does not list it, and shrinking a plan changes what happens in the queue as it changes everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bottleneck<H = HostId> {
    pub(crate) name: String,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) discipline: Discipline,
    /// The directions that pass it; none stands for any host.
    pub(crate) ways: Vec<[Option<H>; 2]>,
}

impl<H> Bottleneck<H> {
    /// A bottleneck that nothing passes so far. It is named as a host may be.
    ///
    /// A datagram counts with its headers, 28 bytes. The packet that is on its way out counts until its last bit has left;
    /// one that finds no other is taken whatever its length.
    pub fn new(name: impl Into<String>, bandwidth: Bandwidth) -> Self {
        Self { name: name.into(), bandwidth, discipline: Discipline::DropTail, ways: Vec::new() }
    }

    /// The same, with another discipline than [`Discipline::DropTail`].
    #[must_use]
    pub fn with(self, discipline: Discipline) -> Self {
        Self { discipline, ..self }
    }

    /// The same, passed by what one host sends to another.
    #[must_use]
    pub fn direction(self, from: impl Into<H>, to: impl Into<H>) -> Self {
        self.way([Some(from.into()), Some(to.into())])
    }

    /// The same, passed by all that is sent to a host.
    #[must_use]
    pub fn towards(self, to: impl Into<H>) -> Self {
        self.way([None, Some(to.into())])
    }

    /// The same, passed by all that a host sends.
    #[must_use]
    pub fn away_from(self, from: impl Into<H>) -> Self {
        self.way([Some(from.into()), None])
    }

    /// The same, passed by everything.
    #[must_use]
    pub fn everywhere(self) -> Self {
        self.way([None, None])
    }

    pub(crate) fn way(mut self, way: [Option<H>; 2]) -> Self {
        self.ways.push(way);
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, with these hosts instead.
    pub(crate) fn map<T, E>(&self, host: impl Fn(&H) -> Result<T, E>) -> Result<Bottleneck<T>, E> {
        let one = |end: &Option<H>| end.as_ref().map(&host).transpose();
        let ways = self.ways.iter().map(|[from, to]| Ok([one(from)?, one(to)?])).collect::<Result<_, E>>()?;
        let Self { name, bandwidth, discipline, .. } = self;
        Ok(Bottleneck { name: name.clone(), bandwidth: *bandwidth, discipline: *discipline, ways })
    }
}

impl Bottleneck<String> {
    /// The same, with its hosts looked up among these.
    pub(crate) fn resolved(&self, names: &[&str]) -> Result<Bottleneck, UnknownHost> {
        self.map(|name| host_of(name, names))
    }
}

impl Bottleneck {
    /// The same, with its hosts by name again.
    pub(crate) fn named(&self, names: &[&str]) -> Bottleneck<String> {
        let name = |host: &HostId| Ok::<_, std::convert::Infallible>(names[host.index()].to_owned());
        match self.map(name) {
            Ok(bottleneck) => bottleneck,
            Err(never) => match never {},
        }
    }
}

/// The queues that several flows share, in a plan.
impl FaultPlan {
    /// The bottlenecks, in the order given. Each takes the place of one of the same name that the scenario has.
    pub fn bottlenecks(&self) -> &[Bottleneck<String>] {
        &self.bottlenecks
    }

    /// Adds a bottleneck at the end.
    ///
    /// # Errors
    /// [`PlanError`] if another has its name, if its name or that of a host is none that the text can hold, if a host is on
    /// both sides of a flow, or if no flow passes it.
    pub fn add_bottleneck(&mut self, bottleneck: Bottleneck<String>) -> Result<(), PlanError> {
        check_host(&bottleneck.name)?;
        if bottleneck.ways.is_empty() {
            return Err(PlanError::NoWay(bottleneck.name));
        }
        for way in &bottleneck.ways {
            way.iter().flatten().try_for_each(|host| check_host(host))?;
            if let [Some(from), Some(to)] = way {
                check_pair(from, to)?;
            }
        }
        if self.bottlenecks.iter().any(|other| other.name == bottleneck.name) {
            return Err(PlanError::SameBottleneck(bottleneck.name));
        }
        self.bottlenecks.push(bottleneck);
        Ok(())
    }

    /// Has the bottlenecks of another plan.
    pub(crate) fn set_bottlenecks(&mut self, bottlenecks: impl Iterator<Item = Bottleneck<String>>) {
        self.bottlenecks = bottlenecks.collect();
    }
}

/// The item of a plan's text.
impl fmt::Display for Bottleneck<String> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bottleneck {} {}", self.name, self.bandwidth)?;
        if self.discipline == Discipline::Codel {
            f.write_str(" codel")?;
        }
        let end = |end: &Option<String>| end.clone().unwrap_or_else(|| "*".to_owned());
        for (index, [from, to]) in self.ways.iter().enumerate() {
            write!(f, "{}{}>{}", if index == 0 { " over " } else { "," }, end(from), end(to))?;
        }
        Ok(())
    }
}
