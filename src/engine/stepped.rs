//! Folds, stepped by what an input has caused.

use std::any::Any;
use std::ops::Range;

use super::Doing;
use crate::actor::Events;
use crate::lawful::Checked;
use crate::machine::{Effect, Effects};
use crate::scenario::{FoldVerdict, HostFolds, Sent};
use crate::time::Instant;

/// Folds, while they are stepped by what one input has caused.
pub(super) struct Stepped<'a> {
    pub(super) steps: &'a HostFolds,
    pub(super) now: Instant,
    pub(super) folds: &'a mut [Box<dyn Any>],
    pub(super) doing: &'a mut Doing,
}

/// The first fold that is broken, and how.
pub(super) type BrokenFold = Option<(usize, FoldVerdict)>;

impl Stepped<'_> {
    /// Steps the folds that look at what a host tells and sends, in the order in which it was put out: events that follow
    /// one another together. `new` are those that were told because of this input.
    pub(super) fn all(mut self, effects: &Effects, events: &dyn Events, new: Range<usize>) -> BrokenFold {
        let mut broken = None;
        let mut begin = new.start;
        if !self.steps.on_send.is_empty() {
            let mut end = begin;
            for effect in effects.from(0) {
                match effect {
                    Effect::Event(index) => end = index as usize + 1,
                    Effect::Send { local, peer, bytes, ecn } => {
                        let told = self.told(events, std::mem::replace(&mut begin, end)..end);
                        broken = broken.or(told).or_else(|| self.sent(Sent { local, peer, bytes, ecn }));
                    }
                    _ => {}
                }
            }
        }
        let told = self.told(events, begin..new.end);
        *self.doing = Doing::Nothing;
        broken.or(told)
    }

    fn told(&mut self, events: &dyn Events, range: Range<usize>) -> BrokenFold {
        if range.is_empty() {
            return None;
        }
        self.steps.on_events.iter().find_map(|(fold, step)| {
            *self.doing = Doing::Folding(*fold);
            let verdict = step(&mut *self.folds[*fold], events, range.clone(), self.now);
            (!verdict.holds()).then_some((*fold, verdict))
        })
    }

    fn sent(&mut self, sent: Sent<'_>) -> BrokenFold {
        self.steps.on_send.iter().find_map(|(fold, step)| {
            *self.doing = Doing::Folding(*fold);
            let verdict = step(&mut *self.folds[*fold], sent, self.now);
            (!verdict.holds()).then_some((*fold, verdict))
        })
    }

    /// Steps the folds that look at what a host is.
    pub(super) fn state(self, actor: &Checked<'_>) -> BrokenFold {
        let broken = self.steps.on_state.iter().find_map(|(fold, step)| {
            *self.doing = Doing::Folding(*fold);
            let verdict = step(&mut *self.folds[*fold], actor, self.now);
            (!verdict.holds()).then_some((*fold, verdict))
        });
        *self.doing = Doing::Nothing;
        broken
    }
}
