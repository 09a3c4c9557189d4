//! What the network did, as comments of the packets that it did it to.

use std::collections::BTreeMap;

use super::streams::Key;
use crate::fault::{DatagramFault, Resolved};
use crate::host::HostId;
use crate::time::Instant;
use crate::transcript::{Loss, Record, Transcript, What};

/// The faults of one direction of a stream, each with its offset. Those that cut all along it have none.
type OfStream = Vec<(Option<u64>, Resolved)>;

/// What stands beside the packets of a run.
pub(super) struct Comments<'a, 'b> {
    transcript: &'a Transcript<'b>,
    datagrams: BTreeMap<(HostId, HostId, u64), (Resolved, DatagramFault)>,
    received: BTreeMap<(HostId, HostId, u64), usize>,
    /// What died at a NAT, with its name and why.
    died: BTreeMap<(HostId, HostId, u64), String>,
    /// What queues have lost.
    lost: BTreeMap<(HostId, HostId, u64), Loss>,
    streams: BTreeMap<(HostId, HostId, u32), OfStream>,
    /// What befell hosts, in order, as far as it stands nowhere yet.
    hosts: std::iter::Peekable<std::vec::IntoIter<(Instant, String)>>,
    end_at: Instant,
}

impl<'a, 'b> Comments<'a, 'b> {
    pub(super) fn new(transcript: &'a Transcript<'b>) -> Self {
        let mut streams: BTreeMap<_, OfStream> = BTreeMap::new();
        let (mut datagrams, mut received) = (BTreeMap::new(), BTreeMap::new());
        let (mut died, mut lost) = (BTreeMap::new(), BTreeMap::new());
        let (mut hosts, mut end_at) = (Vec::new(), Instant::START);
        for &Record { at, host, what, .. } in transcript.log.records() {
            end_at = end_at.max(at);
            match what {
                What::Recv { from, n, .. } => *received.entry((from, host, n)).or_default() += 1,
                What::Dropped { from, to, n, why } => {
                    died.insert((from, to, n), format!("{}: {why}", transcript.names()[host.index()]));
                }
                What::Fault(fault @ Resolved::Datagram { from, to, n, fault: what }) => {
                    datagrams.insert((from, to, n), (fault, what));
                }
                What::Lost(by_queue) => {
                    lost.insert((host, by_queue.to, by_queue.n), by_queue);
                }
                What::Fault(fault @ Resolved::Stream { from, to, conn, at, .. }) => {
                    streams.entry((from, to, conn)).or_default().push((Some(at), fault));
                }
                What::Fault(fault @ Resolved::CutEvery { from, to, conn, .. }) => {
                    streams.entry((from, to, conn)).or_default().push((None, fault));
                }
                What::Fault(
                    fault @ (Resolved::Host { .. } | Resolved::Connect { .. } | Resolved::Down { .. }),
                ) => {
                    hosts.push((at, transcript.fault_text(&fault)));
                }
                What::Calm => hosts.push((at, "nothing goes wrong from here on".to_owned())),
                _ => {}
            }
        }
        hosts.sort_by_key(|(at, _)| *at);
        let hosts = hosts.into_iter().peekable();
        Self { transcript, datagrams, received, died, lost, streams, hosts, end_at }
    }

    /// What befell hosts up to a moment, and is not told yet.
    pub(super) fn of_hosts(&mut self, until: Instant) -> Vec<String> {
        std::iter::from_fn(|| self.hosts.next_if(|(at, _)| *at <= until)).map(|(_, text)| text).collect()
    }

    /// What becomes of a datagram, unless it just arrives.
    pub(super) fn of_datagram(
        &self,
        flow: (HostId, HostId, u64),
        arrives_at: [Option<Instant>; 2],
    ) -> Option<String> {
        let (from, to, n) = flow;
        let fault = self.datagrams.get(&flow);
        let name = |host: HostId| self.transcript.names()[host.index()];
        let text = match fault {
            Some((fault, _)) => self.transcript.fault_text(fault),
            None => format!("{}>{} #{n}", name(from), name(to)),
        };
        let first_at = arrives_at.into_iter().flatten().min();
        let was_received = self.received.contains_key(&flow);
        if let Some(died) = self.died.get(&flow).filter(|_| !was_received) {
            return Some(format!("lost: {text}: {died}"));
        }
        Some(match (fault.map(|(_, what)| *what), first_at) {
            (Some(DatagramFault::Drop), _) => format!("lost: {text}"),
            _ if self.lost.contains_key(&flow) => {
                format!("lost: {text}: {}", self.transcript.loss_text(self.lost[&flow]))
            }
            (_, None) if self.transcript.log.is_queued(&flow) => {
                format!("waits in a queue when the run ends: {text}")
            }
            (None, None) => format!("lost: {text}: a partition keeps the hosts apart"),
            (_, Some(at)) if !was_received && at > self.end_at => {
                format!("on its way when the run ends: {text}")
            }
            (_, Some(_)) if !was_received => format!("not taken: {text}"),
            (None, Some(_)) => return None,
            (Some(DatagramFault::Duplicate), _) => format!("arrives twice: {text}"),
            (Some(DatagramFault::Delay(_)), _) => format!("late: {text}"),
            (Some(DatagramFault::Flip { .. } | DatagramFault::Truncate(_)), _) => {
                format!("altered on its way: {text}")
            }
            (Some(DatagramFault::Mark), _) => format!("marked on its way: {text}"),
            (Some(DatagramFault::Bleach), _) => format!("its ECN field is cleared on its way: {text}"),
        })
    }

    /// The faults of a stream that hit the bytes from `offset` on, or its end there, and are not told yet.
    pub(super) fn of_stream(&mut self, key: Key, side: usize, offset: u64, len: u64) -> Vec<String> {
        let (opener, other, number) = key;
        let direction = if side == 0 { (opener, other, number) } else { (other, opener, number) };
        let Some(faults) = self.streams.get_mut(&direction) else { return Vec::new() };
        let is_here =
            |at: &Option<u64>| at.is_none_or(|at| (offset..=offset + len.saturating_sub(1)).contains(&at));
        let here = faults.extract_if(.., |(at, _)| is_here(at));
        here.map(|(_, fault)| self.transcript.fault_text(&fault)).collect()
    }
}
