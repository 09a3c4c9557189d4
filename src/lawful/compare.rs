//! Whether two machines have put out the same.

use std::fmt::Debug;
use std::iter::Peekable;
use std::time::Duration;

use crate::machine::{Conn, Effect, Outbox};
use crate::time::Instant;

/// Which effects are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heed {
    pub(super) events: bool,
    /// Where a pause falls may depend on the cuts; that it comes to the same bytes is what counts.
    pub(super) pauses: bool,
}

impl Heed {
    fn wants<E>(self, effect: &Effect<'_, E>) -> bool {
        match effect {
            Effect::Event(_) => self.events,
            Effect::Pause { .. } | Effect::Resume { .. } => self.pauses,
            _ => true,
        }
    }
}

/// Whether two runs of effects are the same, however their writes are cut.
pub(super) fn same_effects<'a, E: PartialEq + 'a>(
    left: impl Iterator<Item = Effect<'a, &'a E>>,
    right: impl Iterator<Item = Effect<'a, &'a E>>,
    heed: Heed,
) -> bool {
    let wanted = |effect: &Effect<'_, &E>| heed.wants(effect);
    let (mut left, mut right) = (left.filter(wanted).peekable(), right.filter(wanted).peekable());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(Effect::Write { conn: a, bytes: x }), Some(Effect::Write { conn: b, bytes: y }))
                if a == b =>
            {
                if !same_writes(a, x, &mut left, y, &mut right) {
                    return false;
                }
            }
            (x, y) if x == y => {}
            _ => return false,
        }
    }
}

/// Whether two runs of neighbouring writes to one stream, which begin with `x` and `y`, have the same bytes.
fn same_writes<'a, E: 'a>(
    conn: Conn,
    mut x: &'a [u8],
    left: &mut Peekable<impl Iterator<Item = Effect<'a, &'a E>>>,
    mut y: &'a [u8],
    right: &mut Peekable<impl Iterator<Item = Effect<'a, &'a E>>>,
) -> bool {
    let more = |effect: &Effect<'_, &E>| matches!(effect, Effect::Write { conn: of, .. } if *of == conn);
    loop {
        let len = x.len().min(y.len());
        if x[..len] != y[..len] {
            return false;
        }
        (x, y) = (&x[len..], &y[len..]);
        if x.is_empty() {
            match left.next_if(more) {
                Some(Effect::Write { bytes, .. }) => x = bytes,
                _ => return y.is_empty() && right.next_if(more).is_none(),
            }
        }
        if y.is_empty() {
            match right.next_if(more) {
                Some(Effect::Write { bytes, .. }) => y = bytes,
                _ => return x.is_empty() && left.next_if(more).is_none(),
            }
        }
    }
}

/// Effects in a form that can be kept: neighbouring writes to one stream joined.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace(Vec<(Option<Conn>, Vec<u8>)>);

impl Trace {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn extend<'a, E: Debug + 'a>(
        &mut self,
        effects: impl Iterator<Item = Effect<'a, &'a E>>,
        heed: Heed,
    ) {
        for effect in effects.filter(|effect| heed.wants(effect)) {
            match (effect, self.0.last_mut()) {
                (Effect::Write { conn, bytes }, Some((Some(of), joined))) if *of == conn => {
                    joined.extend_from_slice(bytes);
                }
                (Effect::Write { conn, bytes }, _) => self.0.push((Some(conn), bytes.to_vec())),
                (other, _) => self.0.push((None, format!("{other:?}").into_bytes())),
            }
        }
    }
}

/// What is in an outbox from `mark` on, for a report.
pub(super) fn list<E: Debug>(out: &Outbox<E>, mark: usize) -> String {
    let effects: Vec<String> = out.effects().skip(mark).map(|effect| format!("{effect:?}")).collect();
    if effects.is_empty() { "nothing".to_owned() } else { effects.join(", ") }
}

/// A deadline as the machine sees it that runs without a shift.
pub(super) fn moment(deadline: Option<Instant>, shift: Duration) -> String {
    match deadline {
        Some(at) => {
            Instant::from_nanos((at.since_start().saturating_sub(shift)).as_nanos() as u64).to_string()
        }
        None => "none".to_owned(),
    }
}
