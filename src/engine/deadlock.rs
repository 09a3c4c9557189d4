//! Deadlocks: hosts that wait for one another in a circle, each with a full stream that the next one does not read.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{Ended, Engine, Order};
use crate::host::HostId;
use crate::machine::{Conn, limits};
use crate::network::StreamEnd;
#[cfg(feature = "segments")]
use crate::segments::{Full, Segments};
use crate::time::Instant;

/// For how long a stream that is full may stay unread until its reader is no longer called slow.
pub const MAX_UNREAD: Duration = Duration::from_secs(30);

/// One host that can write no more, because another does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// Who has more to write than fits.
    pub writer: HostId,
    /// Who has paused the stream.
    pub reader: HostId,
    /// Which connection between the two, from 0.
    pub conn: u32,
    /// The paused end.
    end: Unread,
}

/// An end that is full and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unread {
    Model(StreamEnd),
    #[cfg(feature = "segments")]
    Segments(Full),
}

/// A circle of hosts, each waiting for the next.
///
/// A circle alone is no deadlock, for a slow reader makes one too and goes on in its own time. It is one if it ends in
/// no other way: nothing is left to happen; or one of the hosts, woken by its own timer alone, gives one of the
/// connections up; or nobody has read for [`MAX_UNREAD`], whatever timers run. A circle that a fault breaks is
/// none, for nobody knows what would have become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// When the circle closed.
    pub since: Instant,
    /// Who waits for whom: each for the writer of the next, the last for that of the first.
    pub waits: Vec<Wait>,
}

impl Deadlock {
    /// Who waits for whom, for how many bytes, and since when. `names` are those of the scenario's hosts.
    pub fn text(&self, names: &[&str]) -> String {
        format!("{}; since {}", text(&self.waits, names), self.since)
    }
}

/// Who waits for whom, for how many bytes.
fn text(waits: &[Wait], names: &[&str]) -> String {
    let mut text = String::new();
    for wait in waits {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{}", Named(*wait, names));
    }
    text
}

struct Named<'a>(Wait, &'a [&'a str]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Wait { writer, reader, conn, .. }, names) = self;
        let (writer, reader) = (names[writer.index()], names[reader.index()]);
        let len = limits::SEND_BUFFER_LEN;
        write!(f, "{writer} waits for {reader} to read {len} bytes ({writer}>{reader}")?;
        // The first connection has no number, as in plans.
        if *conn == 0 { f.write_str(")") } else { write!(f, "/{conn})") }
    }
}

impl Engine<'_> {
    /// The deadlock that ended the last run, if one did.
    pub fn deadlock(&self) -> Option<&Deadlock> {
        self.circle.as_ref().filter(|_| self.ended == Some(Ended::Deadlock))
    }

    /// Who waits for whom when a run has ended, for how many bytes; empty if nobody does.
    pub(crate) fn waits_text(&self, names: &[&str]) -> String {
        text(&self.waits(), names)
    }

    /// Who waits for whom now, or did when the last run ended: every write that was short because its stream is full
    /// and not read.
    fn waits(&self) -> Vec<Wait> {
        let streams = &self.world.network.streams;
        let mut waits: Vec<Wait> = streams
            .full()
            .filter(|end| self.is_waiting(end.other()))
            .map(|end| {
                let (writer, reader) = (streams.host(end.other()), streams.host(end));
                Wait { writer, reader, conn: streams.number(end), end: Unread::Model(end) }
            })
            .collect();
        #[cfg(feature = "segments")]
        if let Some(ends) = self.world.ends() {
            waits.extend(ends.full().filter_map(|full| self.wait_of_segments(ends, full)));
        }
        waits.sort_unstable();
        waits
    }

    /// Whether a write of this end was short, and there has been no room since.
    fn is_waiting(&self, writer: StreamEnd) -> bool {
        let streams = &self.world.network.streams;
        let conn = streams.conn(writer).filter(|_| streams.is_open(writer));
        conn.is_some_and(|conn| self.is_short(streams.host(writer), conn))
    }

    fn is_short(&self, host: HostId, conn: Conn) -> bool {
        self.slots[host.index()].actor.peek().is_short(conn)
    }

    /// Who waits that a stream of segments is read, if a write to it was short.
    #[cfg(feature = "segments")]
    fn wait_of_segments(&self, ends: &Segments, full: Full) -> Option<Wait> {
        let (writer, name, reader, conn) = ends.wait(full)?;
        self.is_short(writer, name).then_some(Wait { writer, reader, conn, end: Unread::Segments(full) })
    }

    /// Whether a wait goes on.
    fn stands(&self, wait: &Wait) -> bool {
        match wait.end {
            Unread::Model(end) => self.world.network.streams.is_full(end) && self.is_waiting(end.other()),
            #[cfg(feature = "segments")]
            Unread::Segments(full) => self
                .world
                .ends()
                .is_some_and(|ends| ends.is_stuck(full) && self.wait_of_segments(ends, full).is_some()),
        }
    }

    /// Whether the stream of a wait has both of its ends.
    fn has_both_ends(&self, wait: &Wait) -> bool {
        match wait.end {
            Unread::Model(end) => {
                let streams = &self.world.network.streams;
                streams.is_open(end) && streams.is_open(end.other())
            }
            #[cfg(feature = "segments")]
            Unread::Segments(full) => self.world.ends().is_some_and(|ends| ends.is_open(full)),
        }
    }

    /// Whether there may be a circle: it takes two streams.
    pub(super) fn may_deadlock(&self) -> bool {
        let unread_count = self.world.network.streams.full_count();
        #[cfg(feature = "segments")]
        let unread_count = unread_count + self.world.ends().map_or(0, Segments::unread_count);
        self.circle.is_some() || unread_count > 1
    }

    /// Looks for circles after something has happened: the timer of a host, if there is one here.
    pub(super) fn watch(&mut self, order: Order, timer_of: Option<HostId>) {
        let Some(circle) = &self.circle else {
            self.circle = circle_in(self.waits()).map(|waits| Deadlock { since: order.at(), waits });
            return;
        };
        if circle.waits.iter().all(|wait| self.stands(wait)) {
            return;
        }
        let by_member = timer_of.is_some_and(|host| circle.waits.iter().any(|wait| wait.writer == host));
        if by_member && !circle.waits.iter().all(|wait| self.has_both_ends(wait)) {
            self.conclude(order.host(), order.at());
        } else {
            self.circle = None;
            self.watch(order, None);
        }
    }

    /// When the circle that stands is a deadlock, whatever else is due.
    pub(super) fn unread_at(&self) -> Option<Instant> {
        self.circle.as_ref().map(|circle| circle.since + MAX_UNREAD)
    }

    /// Ends the run by its circle, if it has one and nothing else has ended it before. `host` is the one on which
    /// something happened last.
    pub(super) fn conclude(&mut self, host: HostId, now: Instant) {
        if let Some(circle) = self.circle.as_ref().filter(|_| self.ended.is_none()) {
            let text = circle.text(&self.scenario.names());
            self.ended = Some(Ended::Deadlock);
            self.world.broken(now.max(circle.since), host, format!("deadlock: {text}"));
        }
    }
}

/// The first circle among the waits, beginning with its first host.
fn circle_in(mut waits: Vec<Wait>) -> Option<Vec<Wait>> {
    // Who waits for somebody that waits for nobody is in no circle.
    loop {
        let before = waits.len();
        let writers: Vec<HostId> = waits.iter().map(|wait| wait.writer).collect();
        waits.retain(|wait| writers.contains(&wait.reader));
        if waits.len() == before {
            break;
        }
    }
    // Everybody who is waited for waits, so that this path comes back to where it has been.
    let mut path = vec![*waits.first()?];
    loop {
        let next = *waits.iter().find(|wait| wait.writer == path[path.len() - 1].reader)?;
        if let Some(begin) = path.iter().position(|wait| wait.writer == next.writer) {
            path.drain(..begin);
            let first = path.iter().enumerate().min_by_key(|(_, wait)| wait.writer)?.0;
            path.rotate_left(first);
            return Some(path);
        }
        path.push(next);
    }
}
