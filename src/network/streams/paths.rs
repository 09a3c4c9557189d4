//! Streams whose ends are not at the addresses at which they are seen, or were.

use super::{Standing, StreamEnd, Streams};
use crate::host::HostId;
use crate::machine::Peer;
use crate::network::Network;

impl Streams {
    /// Has the acceptor of a stream see its connector at this address, which a NAT has given.
    pub(crate) fn see(&mut self, at: StreamEnd, address: Peer) {
        self.seen.insert(at.stream, address);
    }

    /// The address of an end, as the other one sees it.
    pub(crate) fn outer_address(&self, at: StreamEnd) -> Peer {
        let own = self.address(at);
        if at.side == 1 || self.seen.is_empty() { own } else { *self.seen.get(&at.stream).unwrap_or(&own) }
    }

    /// A host listens elsewhere from now on.
    pub(crate) fn move_listeners(&mut self, host: HostId, moved: impl Fn(Peer) -> Peer) {
        for (_, address) in self.listeners.iter_mut().filter(|(owner, _)| *owner == host) {
            *address = moved(*address);
        }
        self.listeners.sort_unstable();
    }

    /// Whether both ends of a stream stand, or stood.
    fn is_through(&self, at: StreamEnd) -> bool {
        [at, at.other()].iter().all(|end| self.end(*end).standing != Standing::Dialing)
    }

    /// Whether a NAT has given an address for a stream of this host.
    pub(crate) fn is_translated(&self, host: HostId) -> bool {
        let ends = self.ends_of(host);
        ends.iter().any(|at| at.side == 0 && self.is_through(*at) && self.seen.contains_key(&at.stream))
    }
}

impl Network {
    /// From now on nothing leaves on the streams of a host, in either direction, as where its packets come from an address
    /// that their peers do not know: all of them, or those that pass a NAT. What is on its way arrives, and so does what
    /// a handshake that is not through still needs.
    pub(crate) fn silence(&mut self, host: HostId, if_translated: bool) {
        for at in self.streams.ends_of(host) {
            let is_own = self.streams.host(at.other()) == host;
            let passes = !if_translated || (at.side == 0 && self.streams.seen.contains_key(&at.stream));
            if !is_own && passes && self.streams.is_through(at) {
                self.streams.end_mut(at).severed = true;
                self.streams.end_mut(at.other()).severed = true;
            }
        }
    }
}
