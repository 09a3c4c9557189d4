//! What comes in, what goes out, and when an end is asked for what its machine hears.

use smoltcp::socket::tcp::State;

use super::card::refuse;
use super::end::End;
use super::wire::{endpoint, is_syn};
use super::{Outgoing, Segments, Told, Way};
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

impl Segments {
    /// Takes the ends of which something was asked, each once.
    pub(crate) fn take_touched(&mut self) -> Vec<u32> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Whether something was asked of an end.
    pub(crate) const fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes a packet that arrives at the first of these hosts, between these addresses; says which end has it. `listens`
    /// says whether somebody waits there for connections.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        hosts: [HostId; 2],
        addresses: [Peer; 2],
        (packet, listens): (&[u8], bool),
    ) -> Option<u32> {
        let asks = is_syn(packet);
        if let Some(&id) = self.by_way.get(&addresses)
            && let Some(end) = self.end(id)
        {
            let (is_rested, is_free) = (end.is_rested(now), end.is_resting());
            if !is_free && is_rested {
                // It is over, but its machine has not read all.
                return Some(id);
            }
            if !(is_rested || asks && is_free) {
                self.poll(now, id, Some(packet));
                return Some(id);
            }
            self.remove(id);
        }
        let [local, remote] = addresses.each_ref().map(endpoint);
        let endpoints = [local?, remote?];
        if asks && listens {
            let way = Way { hosts, addresses, number: self.number(addresses), is_connector: false };
            let mut end = End::new(way, endpoints, self.setup(), now);
            end.listen(endpoints[0]);
            let id = self.insert(end);
            self.poll(now, id, Some(packet));
            if self.end(id).is_some_and(|end| end.state() == State::SynReceived) {
                return Some(id);
            }
            // It was not whole.
            self.remove(id);
        } else {
            refuse(endpoints[0], (packet, self.mtu), now, &mut self.sent);
            self.take_sent(hosts, addresses);
        }
        None
    }

    /// Lets an end send what is due.
    pub(crate) fn poll(&mut self, now: Instant, id: u32, packet: Option<&[u8]>) {
        let Some(end) = self.ends[id as usize].as_deref_mut() else { return };
        end.poll(now, (packet, self.mtu), &mut self.sent);
        let Way { hosts, addresses, .. } = end.way;
        self.take_sent(hosts, addresses);
    }

    fn take_sent(&mut self, hosts: [HostId; 2], addresses: [Peer; 2]) {
        self.outgoing.extend(self.sent.drain(..).map(|bytes| Outgoing { hosts, addresses, bytes }));
    }

    /// What an end's machine is told next, if anything; bytes are put into `inbound`.
    pub(crate) fn tell(&mut self, now: Instant, id: u32, inbound: &mut Vec<u8>) -> Option<Told> {
        self.ends[id as usize].as_deref_mut()?.tell(now, inbound)
    }

    /// Takes an end out if it is over; otherwise says when it has to be asked again, unless the world knows that already.
    pub(crate) fn settle(&mut self, now: Instant, id: u32) -> Option<Instant> {
        if self.end(id)?.is_stirred() {
            self.poll(now, id, None);
        }
        let end = self.ends[id as usize].as_deref_mut()?;
        if end.is_over(now) {
            self.remove(id);
            return None;
        }
        let due_at = end.due_at(now);
        self.ask_at(id, due_at)
    }

    /// Has the world ask an end at a moment: says when, unless it knows that already.
    pub(crate) fn ask_at(&mut self, id: u32, at: Instant) -> Option<Instant> {
        let end = self.ends[id as usize].as_deref_mut()?;
        let before = std::mem::replace(&mut end.wakes_at, at);
        (before != at && at != Instant::FAR_FUTURE).then_some(at)
    }

    /// Whether an end is to be asked at this moment.
    pub(crate) fn is_due(&self, id: u32, now: Instant) -> bool {
        self.end(id).is_some_and(|end| end.wakes_at == now)
    }

    /// Notes that an end is being asked.
    pub(crate) fn asked(&mut self, id: u32) {
        if let Some(end) = self.ends[id as usize].as_deref_mut() {
            end.wakes_at = Instant::FAR_FUTURE;
        }
    }
}
