//! Whether fingerprints tell the truth: law 11.

use std::collections::BTreeMap;
use std::hash::Hash;

use crate::actor::{Actor, AnyCommand, Shown, Turn};
use crate::digest::{Digest, put_text};
use crate::machine::{Effect, Input};
use crate::time::Instant;

/// How many states of one machine are kept in one run; later ones are not compared.
const MAX_STATES: usize = 4096;

/// What a machine has put out in each of its states, as its fingerprint tells them apart, for each input that it had there.
///
/// Two of them with equal fingerprints that put out something else for the same input are two states: a field was
/// forgotten, or a moment was taken as it is and not relative to now. Only states of one life are compared, so what a run
/// shows does not depend on other runs.
#[derive(Debug, Default)]
pub(super) struct Truths {
    seen: BTreeMap<u128, u128>,
    digest: Digest,
}

/// Where a machine stands before an input, with the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand(u128);

impl Truths {
    /// Begins with a new machine.
    pub(super) fn reset(&mut self) {
        self.seen.clear();
    }

    /// Where a machine stands that has a fingerprint.
    pub(super) fn stand(
        &mut self,
        actor: &dyn Actor,
        input: &Input<'_, dyn AnyCommand>,
        now: Instant,
    ) -> Option<Stand> {
        let to = &mut self.digest;
        to.clear();
        if !actor.fingerprint(now, to) {
            return None;
        }
        actor.deadline().map(|at| at.since(now)).hash(to);
        actor.peek().fingerprint(to);
        put_input(input, to);
        Some(Stand(to.value()))
    }

    /// Takes what the machine has put out there; false if it was something else in the same state before.
    pub(super) fn is_true(
        &mut self,
        Stand(stand): Stand,
        mark: usize,
        turn: &Turn<'_>,
        now: Instant,
    ) -> bool {
        let to = &mut self.digest;
        to.clear();
        turn.deadline.map(|at| at.since(now)).hash(to);
        for effect in turn.effects.from(mark) {
            put_effect(&effect, turn, to);
        }
        let output = to.value();
        if self.seen.len() >= MAX_STATES && !self.seen.contains_key(&stand) {
            return true;
        }
        *self.seen.entry(stand).or_insert(output) == output
    }
}

fn put_input(input: &Input<'_, dyn AnyCommand>, to: &mut Digest) {
    std::mem::discriminant(input).hash(to);
    match *input {
        Input::Start { local } => local.hash(to),
        Input::Command(command) => put_text(format_args!("{command:?}"), to),
        Input::Timeout | Input::Stop => {}
        Input::Datagram { peer, local, bytes, ecn } => (peer, local, bytes, ecn).hash(to),
        Input::Unreachable { peer, local } => (peer, local).hash(to),
        Input::Connected { conn, peer, local } => (conn, peer, local).hash(to),
        Input::ConnectFailed { conn, peer, reason } => (conn, peer, reason).hash(to),
        Input::Received { conn, bytes } => (conn, bytes).hash(to),
        Input::Eof { conn } | Input::Writable { conn } => conn.hash(to),
        Input::Closed { conn, reason } => (conn, reason).hash(to),
    }
}

fn put_effect(effect: &Effect<'_, u32>, turn: &Turn<'_>, to: &mut Digest) {
    std::mem::discriminant(effect).hash(to);
    match *effect {
        Effect::Send { local, peer, bytes, ecn } => (local, peer, bytes, ecn).hash(to),
        Effect::Connect { conn, peer } => (conn, peer).hash(to),
        Effect::Write { conn, bytes } => (conn, bytes).hash(to),
        Effect::Shutdown { conn }
        | Effect::Close { conn }
        | Effect::Abort { conn }
        | Effect::Pause { conn }
        | Effect::Resume { conn } => conn.hash(to),
        Effect::Join { group } | Effect::Leave { group } => group.hash(to),
        Effect::Save { bytes } => bytes.hash(to),
        Effect::Event(index) => put_text(format_args!("{:?}", Shown(turn.events, index)), to),
        Effect::Done(status) => status.hash(to),
        Effect::Violation(_) => {}
    }
}
