//! Room for whoever comes: where there is none left, who was silent longest makes it.

use std::num::NonZeroUsize;
use std::time::Duration;

use tracing::debug;

use super::Direct;
use crate::drive::driver::Core;
use crate::machine::{CloseReason, Conn};
use crate::time::Instant;

/// How many streams are accepted, and for how long they may be silent.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::drive) struct Room {
    pub(in crate::drive) max_accepted: Option<NonZeroUsize>,
    pub(in crate::drive) max_silence: Option<Duration>,
}

impl Direct {
    /// Whether one more stream than is allowed is there.
    pub(super) fn is_crowded(&self) -> bool {
        self.room.max_accepted.is_some_and(|max| self.links.silence.len() >= max.get())
    }

    /// Lets the stream go whose peer was silent longest, unless that is still being answered, or the machine does not
    /// listen to it; false if there is none. The first time that is told.
    pub(super) fn make_room(&mut self, core: &mut Core<'_>) -> bool {
        let count = self.links.silence.len();
        let silent = self.longest_silent().or_else(|| {
            // What they were told at this look may be all that is on its way to them.
            self.sockets.flush_all();
            self.longest_silent()
        });
        let Some((_, conn)) = silent else { return false };
        if !std::mem::replace(&mut self.has_made_room, true) {
            core.note(&format!(
                "there is room for {count} clients, and another one comes: who is silent longest makes way"
            ));
        }
        self.let_go(conn);
        true
    }

    /// Lets the streams go whose peers were silent for too long.
    pub(super) fn expire_silent(&mut self, now: Instant) {
        let Some(max_silence) = self.room.max_silence else { return };
        while self.links.silence.since().is_some_and(|since| since + max_silence <= now) {
            let first = self.links.silence.longest(|_| true);
            let Some((_, conn)) = first.filter(|(since, _)| *since + max_silence <= now) else { return };
            if self.is_busy(conn) {
                // Its silence begins when it has what it waits for.
                self.links.silence.heard(conn, now);
            } else {
                self.let_go(conn);
            }
        }
    }

    /// When a stream may have been silent for too long.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        Some(self.links.silence.since()? + self.room.max_silence?)
    }

    fn longest_silent(&mut self) -> Option<(Instant, Conn)> {
        let (links, sockets) = (&mut self.links, &self.sockets);
        let ids = &links.ids;
        links.silence.longest(|conn| ids.get(conn).is_some_and(|id| !sockets.is_busy(*id)))
    }

    fn is_busy(&self, conn: Conn) -> bool {
        self.links.id(conn).is_some_and(|id| self.sockets.is_busy(id))
    }

    /// Ends a stream of which nothing is expected any more. What the system has of it still goes out.
    fn let_go(&mut self, conn: Conn) {
        if let Some(link) = self.links.end(conn, CloseReason::Reset) {
            debug!(peer = %link.peer, "silent for too long");
            self.sockets.remove(link.id);
            if let Some(outgoing) = &mut self.outgoing {
                outgoing.forget(link.id);
            }
        }
    }
}
