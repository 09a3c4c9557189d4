//! What may become of a send.

use std::fmt;
use std::time::Duration;

use crate::engine::{Prepared, Sent};
use crate::fault::{DatagramFault, Resolved, StreamFault};
use crate::host::HostId;

/// What may become of each send beside arriving as it should: the kinds of fault, with their parameters.
///
/// Shown, it is the list of the faults, in the words of a plan.
///
/// ```
/// use lossproof::check::Fates;
/// use lossproof::fault::DatagramFault;
///
/// assert_eq!(Fates::default().to_string(), "drop; duplicate; delay 250ms; cut; stall 250ms; reset");
/// let losses = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
/// assert_eq!(losses.to_string(), "drop");
/// ```
#[derive(Clone, Debug)]
pub struct Fates {
    /// What may happen to a datagram. A flip or a truncation behind its end is none.
    pub datagram: Vec<DatagramFault>,
    /// What may happen at each offset of a stream at which bytes were written, and at its end. A stream is cut within
    /// what was written at once, for elsewhere it is cut already.
    pub stream: Vec<StreamFault>,
    /// The directions in which it may happen, from host to host; all if there is none.
    pub flows: Vec<(HostId, HostId)>,
    /// Which datagrams it may happen to, by their payload; to any if there is none.
    pub payload: Option<fn(&[u8]) -> bool>,
}

impl Fates {
    /// How late what is late comes: behind the first retransmission of most protocols.
    pub const LATE: Duration = Duration::from_millis(250);

    /// No faults: everything arrives.
    pub const fn none() -> Self {
        Self { datagram: Vec::new(), stream: Vec::new(), flows: Vec::new(), payload: None }
    }

    /// Calls for each fault that may be put on one send, beside those of a plan.
    pub(super) fn each(&self, sent: Sent, plan: &Prepared, mut call: impl FnMut(Resolved)) {
        match sent {
            Sent::Datagram { from, to, n, len } if self.takes(from, to) => {
                for &fault in &self.datagram {
                    if changes(fault, len) {
                        call(Resolved::Datagram { from, to, n, fault });
                    }
                }
            }
            Sent::Stream { from, to, conn, at, points, inside } if self.takes(from, to) => {
                for offset in at..at + u64::from(points) {
                    for &fault in &self.stream {
                        let is_cut_already = fault == StreamFault::Cut && offset == at && !inside;
                        if !is_cut_already && plan.is_free((from, to, conn), offset, fault) {
                            call(Resolved::Stream { from, to, conn, at: offset, fault });
                        }
                    }
                }
            }
            Sent::Datagram { .. } | Sent::Stream { .. } => {}
        }
    }

    /// How many faults may be put on one send.
    pub(super) fn count(&self, sent: Sent, plan: &Prepared) -> u32 {
        let mut count = 0;
        self.each(sent, plan, |_| count += 1);
        count
    }

    fn takes(&self, from: HostId, to: HostId) -> bool {
        self.flows.is_empty() || self.flows.contains(&(from, to))
    }

    /// The same with each fault once: otherwise schedules would come twice.
    pub(super) fn distinct(mut self) -> Self {
        keep_first(&mut self.datagram);
        keep_first(&mut self.stream);
        self
    }
}

/// Whether a fault changes a datagram of this length.
const fn changes(fault: DatagramFault, len: u32) -> bool {
    match fault {
        DatagramFault::Flip { at, mask } => at < len && mask != 0,
        DatagramFault::Truncate(kept_len) => kept_len < len,
        DatagramFault::Delay(span) => !span.is_zero(),
        DatagramFault::Drop | DatagramFault::Duplicate => true,
    }
}

fn keep_first<T: PartialEq + Copy>(faults: &mut Vec<T>) {
    let mut seen = Vec::new();
    faults.retain(|fault| {
        let is_new = !seen.contains(fault);
        seen.push(*fault);
        is_new
    });
}

impl Default for Fates {
    /// A datagram is lost, comes twice, or [late](Fates::LATE); a stream is cut, stalls as long, or is reset. In every
    /// direction.
    fn default() -> Self {
        Self {
            datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate, DatagramFault::Delay(Self::LATE)],
            stream: vec![StreamFault::Cut, StreamFault::Stall(Self::LATE), StreamFault::Reset],
            ..Self::none()
        }
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let datagram = self.datagram.iter().map(ToString::to_string);
        let all: Vec<String> = datagram.chain(self.stream.iter().map(ToString::to_string)).collect();
        f.write_str(&all.join("; "))
    }
}
