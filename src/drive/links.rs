//! What is known of streams beside their sockets: what the machine calls each, and how near it is to its end.

use std::collections::{BTreeSet, VecDeque};

use super::silence::Silence;
use crate::machine::{CloseReason, Conn, ConnMap, Peer, limits};
use crate::time::Instant;

/// One stream that has not ended.
pub(super) struct Link {
    /// Its socket.
    pub(super) id: u32,
    pub(super) peer: Peer,
    pub(super) standing: Standing,
    /// Both ends of it, as far as they have come.
    pub(super) eof: bool,
    pub(super) shut_down: bool,
    /// The machine has closed it: until when the peer's end is awaited, and how much was discarded.
    lingering: Option<(Instant, u64)>,
}

/// Whether a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was asked for; `shut` if the machine has ended this direction already.
    Dialing { shut: bool },
    /// The machine has been told that it stands.
    Open,
}

impl Link {
    /// Whether the machine has been told that it stands.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open)
    }

    /// Whether the machine has closed it, and wants nothing of it any more.
    pub(super) const fn is_lingering(&self) -> bool {
        self.lingering.is_some()
    }
}

/// A stream that is over, though the machine has not been told.
pub(super) struct Over {
    pub(super) conn: Conn,
    /// How it ended; none if it never stood, for then there is nothing to tell.
    pub(super) reason: Option<CloseReason>,
}

/// All streams of a machine. The id of a socket may belong to another stream as soon as the one before has ended, so
/// what has ended is found here no more, though it waits to be told.
#[derive(Default)]
pub(super) struct Links {
    open: ConnMap<Link>,
    /// The id of each stream's socket once more, for those who want nothing else.
    pub(super) ids: ConnMap<u32>,
    /// What the machine calls each stream, by its id.
    conns: Vec<Option<Conn>>,
    lingers: BTreeSet<(Instant, Conn)>,
    over: VecDeque<Over>,
    /// Which of those that were accepted was silent longest.
    pub(super) silence: Silence,
}

impl Links {
    /// Notes a stream that begins.
    pub(super) fn begin(&mut self, id: u32, conn: Conn, peer: Peer, standing: Standing) {
        if self.conns.len() <= id as usize {
            self.conns.resize(id as usize + 1, None);
        }
        self.conns[id as usize] = Some(conn);
        let link = Link { id, peer, standing, eof: false, shut_down: false, lingering: None };
        self.open.insert(conn, link);
        self.ids.insert(conn, id);
    }

    /// Forgets a stream, and gives back what was known of it.
    pub(super) fn forget(&mut self, conn: Conn) -> Option<Link> {
        let link = self.open.remove(conn)?;
        self.ids.remove(conn);
        self.silence.end(conn);
        self.conns[link.id as usize] = None;
        if let Some((until_at, _)) = link.lingering {
            self.lingers.remove(&(until_at, conn));
        }
        Some(link)
    }

    /// Notes that a stream is over, to be told by [`Links::next_over`]; gives back what was known of it.
    pub(super) fn end(&mut self, conn: Conn, reason: CloseReason) -> Option<Link> {
        let link = self.forget(conn)?;
        self.over.push_back(Over { conn, reason: link.is_open().then_some(reason) });
        Some(link)
    }

    /// The next stream whose end the machine has not been told.
    pub(super) fn next_over(&mut self) -> Option<Over> {
        self.over.pop_front()
    }

    /// What the machine calls the stream with this id.
    pub(super) fn conn(&self, id: u32) -> Option<Conn> {
        self.conns.get(id as usize).copied().flatten()
    }

    /// The id of a stream's socket.
    #[inline]
    pub(super) fn id(&self, conn: Conn) -> Option<u32> {
        self.ids.get(conn).copied()
    }

    pub(super) fn get_mut(&mut self, conn: Conn) -> Option<&mut Link> {
        self.open.get_mut(conn)
    }

    /// The streams that have not ended.
    pub(super) fn all(&self) -> Vec<Conn> {
        self.open.iter().map(|(conn, _)| conn).collect()
    }

    /// Notes that the machine has closed a stream.
    pub(super) fn linger(&mut self, conn: Conn, until_at: Instant) {
        if let Some(link) = self.open.get_mut(conn) {
            link.lingering = Some((until_at, 0));
            self.lingers.insert((until_at, conn));
        }
    }

    /// When a stream that the machine has closed is given up next.
    pub(super) fn linger_at(&self) -> Option<Instant> {
        self.lingers.first().map(|(at, _)| *at)
    }

    /// A stream whose peer had until now to come to its end.
    pub(super) fn expired(&self, now: Instant) -> Option<Conn> {
        self.lingers.first().filter(|(until_at, _)| *until_at <= now).map(|(_, conn)| *conn)
    }

    /// Counts bytes that came for a stream which the machine has closed; false if these are too many.
    pub(super) fn discard(&mut self, conn: Conn, len: usize) -> bool {
        let lingering = self.open.get_mut(conn).and_then(|link| link.lingering.as_mut());
        lingering.is_none_or(|(_, discarded_len)| {
            *discarded_len += len as u64;
            *discarded_len <= limits::MAX_LINGER_LEN
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Conn = Conn { index: 0, generation: 0 };
    const SECOND: Conn = Conn { index: 1, generation: 0 };

    fn links() -> Links {
        let mut links = Links::default();
        links.begin(0, FIRST, "127.0.0.1:1060".parse().unwrap(), Standing::Open);
        links
    }

    #[test]
    fn the_end_of_a_stream_is_told_once() {
        let mut links = links();
        assert_eq!(links.end(FIRST, CloseReason::Reset).map(|link| link.id), Some(0));
        assert!(links.end(FIRST, CloseReason::Aborted).is_none());
        assert_eq!(links.next_over().unwrap().reason, Some(CloseReason::Reset));
        assert!(links.next_over().is_none());
    }

    #[test]
    fn an_id_that_is_used_again_belongs_to_the_new_stream_alone() {
        let mut links = links();
        links.end(FIRST, CloseReason::Finished);
        links.begin(0, SECOND, "127.0.0.1:1061".parse().unwrap(), Standing::Dialing { shut: false });
        assert_eq!(links.next_over().unwrap().conn, FIRST);
        assert_eq!((links.conn(0), links.id(FIRST), links.id(SECOND)), (Some(SECOND), None, Some(0)));
        links.end(SECOND, CloseReason::Aborted);
        assert_eq!(links.next_over().unwrap().reason, None, "it never stood");
    }

    #[test]
    fn lingering_has_bounds_of_time_and_of_bytes() {
        let mut links = links();
        links.linger(FIRST, Instant::from_millis(10));
        assert_eq!(links.linger_at(), Some(Instant::from_millis(10)));
        assert_eq!(links.expired(Instant::from_millis(9)), None);
        assert_eq!(links.expired(Instant::from_millis(10)), Some(FIRST));
        assert!(links.discard(FIRST, limits::MAX_LINGER_LEN as usize));
        assert!(!links.discard(FIRST, 1));
        links.forget(FIRST);
        assert_eq!(links.linger_at(), None);
    }
}
