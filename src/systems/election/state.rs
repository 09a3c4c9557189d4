//! What a member is at the moment.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::reign::Reign;
use crate::time::Instant;

/// ```text
///                    the time to stand has come                a majority votes for it
///   start ──► Follower ─────────────────────► Candidate ─────────────────────────► Leader
///              ▲    ▲                          │  │  ▲                               │
///              │    └── a leader's beat, ──────┘  └──┘ its time is up:               │
///              │        or a later term               the next term                  │
///              └──────────────────────── a later term ───────────────────────────────┘
/// ```
#[derive(Debug)]
pub(super) enum State {
    Idle,
    Follower {
        /// Whose beat it has heard last in this term.
        leader: Option<usize>,
        /// Until then it votes for nobody: it has told a leader that it is heard, or may have before it was started.
        promised_until: Instant,
        /// When it becomes a candidate, if it has heard of no leader and given no vote by then.
        stands_at: Instant,
    },
    Candidate {
        /// Who has voted for it, itself among them.
        voters: BTreeSet<usize>,
        /// When it asks those again that have not.
        asks_at: Instant,
        /// When it begins the next term.
        gives_up_at: Instant,
    },
    Leader(Reign),
    Over,
}

impl State {
    /// What it knows as a leader, if it leads.
    pub(super) const fn reign(&self) -> Option<&Reign> {
        match self {
            Self::Leader(reign) => Some(reign),
            _ => None,
        }
    }

    /// Whether it votes for nobody, since somebody leads.
    pub(super) fn is_bound(&self, now: Instant) -> bool {
        match self {
            Self::Follower { promised_until, .. } => now < *promised_until,
            Self::Leader(reign) => reign.lease_until().is_some_and(|until| now < until),
            Self::Idle | Self::Candidate { .. } | Self::Over => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Follower { stands_at, .. } => Some(*stands_at),
            Self::Candidate { asks_at, gives_up_at, .. } => Some(*asks_at.min(gives_up_at)),
            Self::Leader(reign) => Some(reign.beats_at()),
            Self::Idle | Self::Over => None,
        }
    }

    pub(super) fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) {
        match self {
            Self::Idle => to.write_u8(0),
            Self::Follower { leader, promised_until, stands_at } => {
                (1_u8, leader, promised_until.since(now), stands_at.since(now)).hash(&mut to);
            }
            Self::Candidate { voters, asks_at, gives_up_at } => {
                (2_u8, voters, asks_at.since(now), gives_up_at.since(now)).hash(&mut to);
            }
            Self::Leader(reign) => {
                to.write_u8(3);
                reign.fingerprint(now, to);
            }
            Self::Over => to.write_u8(4),
        }
    }
}
