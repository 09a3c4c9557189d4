//! Without the simulation there are no plans: everything leaves as it is.

use super::net::Packet;
use crate::machine::{Conn, Ecn, Peer};
use crate::time::Instant;

/// Something that may leave now.
pub(super) enum Release {
    #[expect(dead_code, reason = "nothing is ever held back")]
    Send(Peer, Peer, Vec<u8>, Ecn),
    #[expect(dead_code, reason = "nothing is ever held back")]
    Write(u32, Vec<u8>),
    #[expect(dead_code, reason = "nothing is ever held back")]
    Shutdown(u32),
    #[expect(dead_code, reason = "nothing is ever held back")]
    Reset(u32),
}

/// A plan, of which there is none.
pub(super) enum Outgoing {}

impl Outgoing {
    pub(super) fn send(&mut self, _: Instant, _: Packet<'_>) {
        match *self {}
    }

    pub(super) fn opened(&mut self, _: Instant, _: u32, _: Conn, _: Peer) {
        match *self {}
    }

    pub(super) fn forget(&mut self, _: u32) {
        match *self {}
    }

    pub(super) fn write(&mut self, _: Instant, _: u32, _: &[u8]) {
        match *self {}
    }

    pub(super) fn shutdown(&mut self, _: Instant, _: u32) {
        match *self {}
    }

    pub(super) fn release(&mut self, _: Instant) -> Option<Release> {
        match *self {}
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        match *self {}
    }
}
