//! When nothing passes from one host to another.

use std::collections::BTreeMap;

use super::Network;
use crate::fault::ResolvedHost;
use crate::host::HostId;
use crate::steps::step;
use crate::time::Instant;

/// A time in which nothing passes from one host to another.
#[derive(Debug)]
pub(super) struct Window {
    begin_at: Instant,
    end_at: Instant,
    /// The fault that began it.
    fault: u32,
    /// The fault that ends it.
    heal: Option<u32>,
}

/// The windows of a plan, by flow.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Those of one flow are in order, and none begins before the one before it has ended.
    flows: Vec<((HostId, HostId), Vec<Window>)>,
    last_change_at: Option<Instant>,
}

impl Windows {
    /// Turns partitions and heals, which are in order, into the times in which they hold.
    pub(super) fn new(
        host_faults: &[(Instant, ResolvedHost, u32)],
        calm_at: Option<Instant>,
        host_count: usize,
    ) -> Self {
        let mut flows: BTreeMap<(HostId, HostId), Vec<Window>> = BTreeMap::new();
        let mut open = Vec::new();
        for &(at, fault, index) in host_faults {
            let mut begin = |from, to| {
                let windows = flows.entry((from, to)).or_default();
                // What is closed already closes no further, and the next heal ends both.
                if windows.last().is_none_or(|last| last.heal.is_some()) {
                    let end_at = calm_at.unwrap_or(Instant::FAR_FUTURE);
                    windows.push(Window { begin_at: at, end_at, fault: index, heal: None });
                    open.push((from, to));
                }
            };
            match fault {
                ResolvedHost::Partition(a, b) => {
                    begin(a, b);
                    begin(b, a);
                }
                ResolvedHost::PartitionOneWay(from, to) => begin(from, to),
                ResolvedHost::Isolate(host) => {
                    let all = (0..host_count).map(|index| HostId(index as u16));
                    for other in all.filter(|other| *other != host) {
                        begin(host, other);
                        begin(other, host);
                    }
                }
                ResolvedHost::Heal => {
                    for flow in open.drain(..) {
                        if let Some(window) = flows.get_mut(&flow).and_then(|windows| windows.last_mut()) {
                            (window.end_at, window.heal) = (at, Some(index));
                        }
                    }
                }
                _ => {}
            }
        }
        let times = flows.values().flatten().flat_map(|window| [window.begin_at, window.end_at]);
        let last_change_at = times.filter(|at| *at < Instant::FAR_FUTURE).max();
        Self { flows: flows.into_iter().collect(), last_change_at }
    }

    /// How many flows have windows.
    pub(super) const fn flow_count(&self) -> usize {
        self.flows.len()
    }

    /// Whether a partition is still to begin, or to end.
    pub(super) fn changes_after(&self, now: Instant) -> bool {
        self.last_change_at.is_some_and(|at| at > now)
    }

    fn place(&self, from: HostId, to: HostId) -> Option<usize> {
        self.flows.binary_search_by_key(&(from, to), |&(flow, _)| flow).ok()
    }
}

impl Network {
    /// If nothing passes from one host to another at `now`: until when, or `FAR_FUTURE` if for ever.
    #[inline]
    pub(super) fn blocked_until(&mut self, from: HostId, to: HostId, now: Instant) -> Option<Instant> {
        if self.schedule.windows.flow_count() == 0 {
            return if self.mishaps.has_rift() { self.blocked_by_rift(from, to, now) } else { None };
        }
        self.blocked_by_window(from, to, now)
    }

    fn blocked_by_window(&mut self, from: HostId, to: HostId, now: Instant) -> Option<Instant> {
        let place = self.schedule.windows.place(from, to)?;
        let schedule = std::sync::Arc::clone(&self.schedule);
        let windows = &schedule.windows.flows[place].1;
        let over = windows.partition_point(|window| {
            step();
            window.end_at <= now
        });
        // Without these heals this would not pass. They fire once.
        let healed = self.healed[place];
        self.healed[place] = healed.max(over);
        for heal in windows[healed.min(over)..over].iter().filter_map(|window| window.heal) {
            step();
            self.fire(heal);
        }
        let mut until = None;
        for window in &windows[over..] {
            step();
            let at = until.unwrap_or(now);
            if at < window.begin_at {
                break;
            }
            if at < window.end_at {
                until = Some(window.end_at);
                self.fire(window.fault);
            } else if let Some(heal) = window.heal {
                self.fire(heal);
            }
        }
        until
    }
}
