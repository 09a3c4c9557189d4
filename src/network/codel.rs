//! CoDel, controlled delay: which packets a queue drops so that what waits in it for long does not stand.
//!
//! After the pseudocode of RFC 8289, section 5, with its constants. A packet that may be marked is marked instead of
//! dropped, and leaves (RFC 8290): whoever asks decides which.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::time::Instant;

/// How long packets may wait without end (section 4.3).
pub(crate) const TARGET: Duration = Duration::from_millis(5);
/// For how long the wait must have been longer than that before something is dropped (section 4.3).
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);
/// What may always wait, in bytes: one packet of the longest that Ethernet carries.
pub(crate) const MAX_PACKET_LEN: u64 = 1_500;
/// For how long after the last drop the rate of drops is still a good guess, in intervals.
const MEMORY: u32 = 16;

/// A packet that was taken from the head of the queue.
pub(super) struct Head<P> {
    pub(super) packet: P,
    /// When it came into the queue.
    pub(super) since: Instant,
    /// How many bytes wait behind it.
    pub(super) behind_len: u64,
}

/// What the control of one queue remembers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codel {
    /// From when on packets may be dropped, while the wait is too long.
    first_above_at: Option<Instant>,
    /// When the next packet is dropped, in the state of dropping.
    drop_next_at: Instant,
    /// How many were dropped since that state was entered.
    count: u32,
    /// How many that was at its beginning.
    last_count: u32,
    is_dropping: bool,
}

impl Codel {
    /// Before the first packet.
    pub(super) const NEW: Self = Self {
        first_above_at: None,
        drop_next_at: Instant::START,
        count: 0,
        last_count: 0,
        is_dropping: false,
    };

    /// The next packet to be sent, if there is one. `next` takes one from the queue. `drop` gets those that the queue is to
    /// be shorter by, and gives one back that it has marked instead of dropping it: that is sent.
    pub(super) fn dequeue<P>(
        &mut self,
        now: Instant,
        mut next: impl FnMut() -> Option<Head<P>>,
        mut drop: impl FnMut(P) -> Option<P>,
    ) -> Option<P> {
        let (mut packet, mut may_drop) = self.take(now, next());
        if self.is_dropping {
            self.is_dropping = may_drop;
            while self.is_dropping && now >= self.drop_next_at {
                let marked = packet.and_then(&mut drop);
                self.count = self.count.saturating_add(1);
                if marked.is_some() {
                    self.drop_next_at = control_law(self.drop_next_at, self.count);
                    return marked;
                }
                (packet, may_drop) = self.take(now, next());
                if may_drop {
                    self.drop_next_at = control_law(self.drop_next_at, self.count);
                }
                self.is_dropping = may_drop;
            }
        } else if may_drop {
            packet = packet.and_then(&mut drop);
            if packet.is_none() {
                (packet, _) = self.take(now, next());
            }
            self.is_dropping = true;
            let delta = self.count - self.last_count;
            let is_recent = now.since(self.drop_next_at) < MEMORY * INTERVAL;
            self.count = if delta > 1 && is_recent { delta } else { 1 };
            self.drop_next_at = control_law(now, self.count);
            self.last_count = self.count;
        }
        packet
    }

    /// Looks at what was taken from the head: whether it may be dropped.
    fn take<P>(&mut self, now: Instant, head: Option<Head<P>>) -> (Option<P>, bool) {
        let Some(Head { packet, since, behind_len }) = head else {
            self.first_above_at = None;
            return (None, false);
        };
        let mut may_drop = false;
        if now.since(since) < TARGET || behind_len <= MAX_PACKET_LEN {
            self.first_above_at = None;
        } else {
            let at = *self.first_above_at.get_or_insert(now + INTERVAL);
            may_drop = now >= at;
        }
        (Some(packet), may_drop)
    }

    /// Writes everything on which it depends what is dropped later, with times relative to now.
    pub(super) fn fingerprint<H: Hasher>(&self, now: Instant, to: &mut H) {
        self.first_above_at.map(|at| (at.since(now), now.since(at) > Duration::ZERO)).hash(to);
        self.is_dropping.hash(to);
        let (ahead, behind) = (self.drop_next_at.since(now), now.since(self.drop_next_at));
        if self.is_dropping || behind < MEMORY * INTERVAL {
            (ahead, behind, self.count, self.last_count).hash(to);
        }
    }
}

/// When the next packet is dropped after this number of drops: the interval shrinks by the square root of their number, so that the
/// throughput of TCP does linearly.
fn control_law(at: Instant, count: u32) -> Instant {
    let nanos = INTERVAL.as_nanos() as u64;
    // The root of the quotient, and not the quotient of a root: it is exact to a nanosecond, and the same on every computer.
    at + Duration::from_nanos((nanos * nanos / u64::from(count.max(1))).isqrt())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const LEN: u64 = 1_500;

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// A queue of packets as long as they may be, each the moment in milliseconds at which it came in.
    struct Queue {
        codel: Codel,
        waiting: VecDeque<u64>,
        /// What it dropped, or marked: when, and which.
        dropped: Vec<(u64, u64)>,
        marks: bool,
    }

    impl Queue {
        fn new() -> Self {
            Self { codel: Codel::NEW, waiting: VecDeque::new(), dropped: Vec::new(), marks: false }
        }

        fn dequeue(&mut self, now: u64) -> Option<u64> {
            let (waiting, dropped) = (&mut self.waiting, &mut self.dropped);
            let next = || {
                let since = waiting.pop_front()?;
                Some(Head { packet: since, since: at(since), behind_len: waiting.len() as u64 * LEN })
            };
            let drop = |packet| {
                dropped.push((now, packet));
                self.marks.then_some(packet)
            };
            self.codel.dequeue(at(now), next, drop)
        }

        /// Keeps this number of packets waiting that came in `wait` ago, and takes one each millisecond.
        fn run(&mut self, from: u64, until: u64, wait: u64, standing: usize) {
            for now in from..until {
                while self.waiting.len() < standing {
                    self.waiting.push_back(now.saturating_sub(wait));
                }
                self.dequeue(now);
            }
        }
    }

    #[test]
    fn the_interval_shrinks_by_the_square_root() {
        let after = |count| control_law(at(0), count).as_nanos();
        assert_eq!(
            [1, 2, 3, 4, 100].map(after),
            [100_000_000, 70_710_678, 57_735_026, 50_000_000, 10_000_000]
        );
        assert_eq!(after(u32::MAX), 1_525);
        assert_eq!(after(0), 100_000_000);
    }

    #[test]
    fn nothing_is_dropped_until_the_wait_was_too_long_for_an_interval() {
        let mut queue = Queue::new();
        queue.run(1_000, 1_100, 5, 9);
        assert_eq!(queue.dropped, []);
        queue.run(1_100, 1_101, 5, 9);
        assert_eq!(queue.dropped.len(), 1, "a whole interval after the first");
        // A nanosecond less than the target is no wait at all.
        let mut codel = Codel::NEW;
        for now in 0..1_000 {
            let now = Instant::from_nanos(now * 1_000_000 + 5_000_000);
            let since = Instant::from_nanos(now.as_nanos() - 4_999_999);
            let head = || Some(Head { packet: (), since, behind_len: 9 * LEN });
            codel.dequeue(now, head, |()| panic!("it is dropped"));
        }
    }

    #[test]
    fn drops_come_faster_and_faster_while_the_queue_stands() {
        let mut queue = Queue::new();
        queue.run(10, 600, 50, 9);
        let times: Vec<u64> = queue.dropped.iter().map(|(now, _)| *now).collect();
        // An interval after the first look; then 100, 70.7, 57.7, 50, 44.7, 40.8, 37.8 later, at the first look after that.
        assert_eq!(times[..8], [110, 210, 281, 339, 389, 434, 474, 512]);
    }

    #[test]
    fn what_is_marked_leaves_at_the_times_at_which_others_are_dropped() {
        let [mut drops, mut marks] = [false, true].map(|marks| Queue { marks, ..Queue::new() });
        drops.run(10, 600, 50, 9);
        marks.run(10, 600, 50, 9);
        assert!(drops.dropped.len() > 5);
        let times = |queue: &Queue| queue.dropped.iter().map(|(now, _)| *now).collect::<Vec<_>>();
        assert_eq!(times(&drops), times(&marks));
        // One at most is marked for each that leaves, however long nobody has looked, and none is lost.
        marks.waiting.extend([0; 200]);
        let before = (marks.waiting.len(), marks.dropped.len());
        assert!(marks.dequeue(2_000).is_some());
        assert_eq!((marks.waiting.len(), marks.dropped.len()), (before.0 - 1, before.1 + 1));
    }

    #[test]
    fn one_packet_may_wait_however_long_it_takes() {
        let mut queue = Queue::new();
        // The one that is sent, and one of full length behind it.
        queue.run(0, 1_000, 400, 2);
        assert_eq!(queue.dropped, []);
        queue.run(1_000, 2_000, 400, 3);
        assert_ne!(queue.dropped, []);
    }

    #[test]
    fn a_short_wait_ends_the_dropping_and_the_clock_begins_anew() {
        let mut queue = Queue::new();
        queue.run(10, 250, 8, 9);
        assert_eq!(queue.dropped.len(), 2);
        queue.waiting.clear();
        queue.run(250, 251, 4, 9);
        assert!(!queue.codel.is_dropping);
        queue.waiting.clear();
        queue.run(251, 351, 8, 9);
        assert_eq!(queue.dropped.len(), 2, "an interval is not over");
        queue.run(351, 352, 8, 9);
        assert_eq!(queue.dropped.len(), 3);
    }

    #[test]
    fn an_empty_queue_ends_the_dropping() {
        let mut queue = Queue::new();
        queue.run(10, 130, 8, 9);
        assert!(queue.codel.is_dropping);
        queue.waiting.clear();
        assert_eq!(queue.dequeue(131), None);
        assert!(!queue.codel.is_dropping && queue.codel.first_above_at.is_none());
    }

    #[test]
    fn the_next_dropping_soon_after_goes_on_as_fast() {
        let mut queue = Queue::new();
        queue.run(10, 1_010, 8, 9);
        let count = queue.codel.count;
        assert!(count > 10, "{count}");
        queue.waiting.clear();
        queue.dequeue(1_010);
        queue.run(1_011, 1_112, 8, 9);
        assert_eq!((queue.codel.count, queue.codel.last_count), (count - 1, count - 1));
        // Long after that it begins with one.
        queue.waiting.clear();
        queue.dequeue(1_112);
        queue.run(3_000, 3_101, 8, 9);
        assert_eq!((queue.codel.count, queue.codel.last_count), (1, 1));
    }

    #[test]
    fn a_backlog_can_be_so_large_that_several_go_at_once() {
        let mut queue = Queue::new();
        queue.run(10, 1_000, 8, 9);
        let before = queue.dropped.len();
        queue.waiting.extend([0; 200]);
        // Nobody has looked for a second, and all that was due meanwhile is.
        queue.dequeue(2_000);
        let at_once = queue.dropped.len() - before;
        assert!(at_once > 20, "{at_once}");
        assert!(queue.dropped[before..].iter().all(|(now, _)| *now == 2_000));
    }
}
