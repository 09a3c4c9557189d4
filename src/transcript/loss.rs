//! What the queues that several flows share have done to datagrams.

use super::{Carried, Log, Packet, Transcript};
use crate::host::HostId;
use crate::time::Instant;

/// A datagram that a queue has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// To whom it was sent.
    pub to: HostId,
    /// Its number in the flow.
    pub n: u64,
    /// Which bottleneck it was, in the order of the scenario's and the plan's.
    pub bottleneck: u32,
    /// Whether it found the queue full; if not, the queue dropped it to get shorter.
    pub is_full: bool,
}

impl Log {
    /// Keeps the name of the next bottleneck.
    pub(crate) fn keep_bottleneck(&mut self, name: &str) {
        self.bottlenecks.push(name.to_owned());
    }

    /// The bottleneck of this number.
    pub fn bottleneck_name(&self, number: u32) -> &str {
        self.bottlenecks.get(number as usize).map_or("", String::as_str)
    }

    /// A datagram waits in a queue from now on.
    pub(crate) fn enters_queue(&mut self, flow: (HostId, HostId, u64)) {
        self.queued.insert(flow);
    }

    /// Whether a datagram waits in a queue at the end.
    pub(crate) fn is_queued(&self, flow: &(HostId, HostId, u64)) -> bool {
        self.queued.contains(flow)
    }

    /// A datagram has left a queue, and arrives then, if it does.
    pub(crate) fn leaves_queue(&mut self, flow: (HostId, HostId, u64), arrives_at: [Option<Instant>; 2]) {
        self.queued.remove(&flow);
        let is_it = |packet: &Packet| matches!(packet.what, Carried::Datagram { n, .. } if (packet.from, packet.to, n) == flow);
        if let Some((_, packet)) = self.packets.iter_mut().rev().find(|(_, packet)| is_it(packet))
            && let Carried::Datagram { arrives_at: known, .. } = &mut packet.what
        {
            *known = arrives_at;
        }
    }
}

impl Transcript<'_> {
    /// What a queue has done to a datagram.
    pub(crate) fn loss_text(&self, loss: Loss) -> String {
        let name = self.log.bottleneck_name(loss.bottleneck);
        if loss.is_full {
            format!("the queue of {name} is full")
        } else {
            format!("dropped by the queue of {name}")
        }
    }
}
