//! What became of the packets of a flow, as far as a capture tells it.

use std::time::Duration;

use super::{Told, comments, numbers, segments};
use crate::capture::{Frame, Payload};
use crate::scenario::Transport;

/// Which part of the replies may come without a request before them, so that requests still are one at a time: one in
/// this many. Some come twice.
const UNASKED: usize = 10;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    /// It came, and so late, if that is known.
    Came(Option<Duration>),
}

/// What one side sent, in order.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) is_up: bool,
    pub(super) fates: Vec<Fate>,
    /// How many came twice.
    pub(super) duplicated: usize,
    /// How many came with other bytes.
    pub(super) altered: usize,
}

impl Side {
    pub(super) const fn new(is_up: bool) -> Self {
        Self { is_up, fates: Vec::new(), duplicated: 0, altered: 0 }
    }

    pub(super) fn losses(&self) -> Vec<bool> {
        self.fates.iter().map(|fate| *fate == Fate::Lost).collect()
    }

    pub(super) fn lateness(&self) -> impl Iterator<Item = Duration> {
        self.fates.iter().filter_map(|fate| match fate {
            Fate::Lost => None,
            Fate::Came(late) => *late,
        })
    }
}

/// What a flow tells.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) told: Told,
    pub(super) sides: [Side; 2],
    /// How long a packet takes that is not late.
    pub(super) latency: Option<Duration>,
}

/// What the frames of a flow tell, those of an export by what they say themselves. Each stands with whether the client
/// sent it, in the order of their times.
pub(super) fn of(transport: Transport, frames: &[(&Frame, bool)], replay: Option<&str>) -> Option<Evidence> {
    if let Some(replay) = replay {
        return Some(comments::evidence(frames, replay));
    }
    match transport {
        Transport::Tcp => segments::evidence(frames),
        Transport::Udp => round_trips(frames).or_else(|| numbers::evidence(frames)),
    }
}

/// Requests and replies, one at a time: each reply is for the last request before it.
fn round_trips(frames: &[(&Frame, bool)]) -> Option<Evidence> {
    let mut waiting: Option<Duration> = None;
    let mut fates: Vec<Option<Duration>> = Vec::new();
    let (mut unasked, mut unanswered) = (0, 0);
    for (frame, is_up) in frames {
        if !matches!(frame.payload, Payload::Datagram(_)) {
            continue;
        }
        if *is_up {
            if waiting.replace(frame.at).is_some() {
                fates.push(None);
                unanswered += 1;
            }
        } else {
            match waiting.take() {
                Some(sent_at) => fates.push(Some(frame.at.saturating_sub(sent_at))),
                None => unasked += 1,
            }
        }
    }
    let replies = fates.len() - unanswered;
    if replies == 0 || unasked * UNASKED > replies {
        return None;
    }
    let shortest = fates.iter().flatten().min().copied().unwrap_or_default();
    let mut side = Side::new(true);
    side.fates.extend(
        fates
            .into_iter()
            .map(|time| time.map_or(Fate::Lost, |time| Fate::Came(Some(time.saturating_sub(shortest) / 2)))),
    );
    Some(Evidence { told: Told::RoundTrips, sides: [side, Side::new(false)], latency: Some(shortest / 2) })
}
