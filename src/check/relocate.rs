//! Where the faults of datagrams go when commands are taken out of a run.
//!
//! A fault names its datagram by the number in the flow, and a command that is not given leaves the datagrams after it
//! with lower numbers. But most are still sent at the moment at which they were sent before: by that they are found
//! again.

use std::collections::BTreeMap;

use crate::fault::{Fault, FaultPlan};
use crate::host::HostId;
use crate::time::Instant;
use crate::transcript::{Log, What};

/// When the datagrams of each flow were sent, by their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sends(BTreeMap<(HostId, HostId), Vec<Instant>>);

impl Sends {
    /// Those of a run whose log was kept.
    pub(super) fn of(log: &Log) -> Self {
        let mut sends = Self::default();
        for record in log.sorted() {
            if let What::Send { to, .. } = record.what {
                sends.0.entry((record.host, to)).or_default().push(record.at);
            }
        }
        sends
    }

    /// The number that datagram `n` of a flow has in another run, if it is sent there at the same moment and after as
    /// many others of that moment.
    fn number_in(&self, other: &Self, flow: (HostId, HostId), n: u64) -> Option<u64> {
        let (here, there) = (self.0.get(&flow)?, other.0.get(&flow)?);
        let at = *here.get(n as usize)?;
        let rank = n as usize - here.partition_point(|sent_at| *sent_at < at);
        let number = there.partition_point(|sent_at| *sent_at < at) + rank;
        (there.get(number) == Some(&at)).then_some(number as u64)
    }

    /// A plan for this run as one for another: each fault of a datagram goes with it. Those whose datagram is not sent
    /// there are left out. `names` are those of the scenario's hosts.
    pub(super) fn moved(&self, plan: &FaultPlan, other: &Self, names: &[&str]) -> FaultPlan {
        let host =
            |name: &str| names.iter().position(|known| *known == name).map(|index| HostId(index as u16));
        let mut moved = plan.clone();
        moved.retain(|_| false);
        for fault in plan.faults() {
            let mut fault = fault.clone();
            if let Fault::Datagram { flow, n, .. } = &mut fault {
                let hosts = host(&flow.from).zip(host(&flow.to));
                match hosts.and_then(|hosts| self.number_in(other, hosts, *n)) {
                    Some(number) => *n = number,
                    None => continue,
                }
            }
            // Two datagrams of one run are two in the other, so no place is taken twice.
            let _ = moved.push(fault);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in which the datagrams from a to b were sent at these times.
    fn sends(millis: &[u64]) -> Sends {
        let times = millis.iter().copied().map(Instant::from_millis).collect();
        Sends(BTreeMap::from([((HostId(0), HostId(1)), times)]))
    }

    #[test]
    fn a_fault_goes_with_its_datagram() {
        let (before, after) = (sends(&[0, 10, 10, 20]), sends(&[10, 10, 15]));
        let plan: FaultPlan =
            "commands 2; a>b #0 drop; a>b #1 drop; a>b #2 duplicate; a>b #3 drop; b>a #0 drop; at 1s heal"
                .parse()
                .unwrap();
        let moved = before.moved(&plan, &after, &["a", "b"]);
        assert_eq!(moved.to_string(), "v2; commands 2; a>b #0 drop; a>b #1 duplicate; at 1s heal");
    }
}
