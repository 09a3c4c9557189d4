//! The record of what passed: the same log that a simulated run has, in real time.

use super::limits::{MAX_RECORDED_LEN, MAX_RECORDS};
use crate::fault::Resolved;
use crate::host::{HostId, MAX_HOSTS};
use crate::machine::Peer;
use crate::time::Instant;
use crate::transcript::{Carried, Log, Packet, Part, Recording, Span, What};

/// What passed, up to its bounds.
#[derive(Debug)]
pub(super) struct Record {
    names: Vec<String>,
    /// Where each host is.
    addresses: Vec<Peer>,
    log: Log,
    bytes_len: usize,
    /// Something did not fit.
    pub(super) is_full: bool,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { names: Vec::new(), addresses: Vec::new(), log: Log::default(), bytes_len: 0, is_full: false }
    }

    /// Notes a host, unless there are too many.
    pub(super) fn host(&mut self, name: &str, address: Peer) -> Option<HostId> {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return Some(HostId(index as u16));
        }
        if self.names.len() == MAX_HOSTS {
            self.is_full = true;
            return None;
        }
        self.names.push(name.to_owned());
        self.addresses.push(address);
        Some(HostId(self.names.len() as u16 - 1))
    }

    /// The names of all hosts, in their order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The host of this name, if it is noted.
    pub(super) fn find(&self, name: &str) -> Option<HostId> {
        self.names.iter().position(|known| known == name).map(|index| HostId(index as u16))
    }

    /// Whether there is room for one record more with this many bytes.
    fn has_room(&mut self, len: usize) -> bool {
        let fits = self.log.records().len() < MAX_RECORDS && self.bytes_len + len <= MAX_RECORDED_LEN;
        self.is_full |= !fits;
        fits
    }

    /// Notes something that has no bytes.
    pub(super) fn note(&mut self, at: Instant, host: HostId, what: What) {
        if self.has_room(0) {
            self.log.push(at, host, what);
        }
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, at: Instant, fault: Resolved) {
        let host = match fault {
            Resolved::Datagram { from, .. }
            | Resolved::Stream { from, .. }
            | Resolved::CutEvery { from, .. }
            | Resolved::Connect { from, .. } => from,
            Resolved::Down { host, .. } => host,
            Resolved::Host { fault, .. } => fault.host(),
        };
        self.note(at, host, What::Fault(fault));
    }

    /// Notes something that has bytes.
    pub(super) fn bytes(
        &mut self,
        at: Instant,
        host: HostId,
        bytes: &[u8],
        what: impl FnOnce(Span) -> What,
    ) -> Option<Span> {
        if !self.has_room(bytes.len()) {
            return None;
        }
        self.bytes_len += bytes.len();
        let span = self.log.keep(bytes);
        self.log.push(at, host, what(span));
        Some(span)
    }

    /// Notes a packet for captures.
    pub(super) fn packet(&mut self, at: Instant, [from, to]: [HostId; 2], what: Carried) {
        let addresses = [from, to].map(|host| self.addresses[host.index()]);
        if self.has_room(0) {
            self.log.push_packet(Packet { at, from, to, addresses, what });
        }
    }

    /// Notes a segment for captures.
    pub(super) fn segment(
        &mut self,
        (at, arrives_at): (Instant, Option<Instant>),
        ends: [HostId; 2],
        (number, is_connector): (u32, bool),
        part: Part,
    ) {
        self.packet(at, ends, Carried::Segment { number, is_connector, part, arrives_at });
    }

    pub(super) fn finish(self) -> Recording {
        Recording::of(self.names, self.log)
    }
}
