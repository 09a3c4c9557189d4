//! The laws hold machines, and hold them to nothing else.

mod back_pressure;
mod laws;

use crate::machine::{Effect, Law, Outlet};

/// The first law that was broken in what is in an outbox.
fn broken<E>(out: &Outlet<E>) -> Option<(Law, String)> {
    out.effects().find_map(|effect| match effect {
        Effect::Violation(violation) => Some((violation.law, violation.detail)),
        _ => None,
    })
}
