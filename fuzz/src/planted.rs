//! Bugs that are planted on purpose, to see that a target finds them.

use std::cell::Cell;

use lossproof::systems::{Options, System};

/// The variable with the name of a bug, of those that `lossproof list --bugs` tells.
const BUG: &str = "LOSSPROOF_BUG";

thread_local! {
    static CHOSEN: Cell<Option<&'static str>> =
        Cell::new(std::env::var(BUG).ok().map(|name| &*Box::leak(name.into_boxed_str())));
}

/// Has the targets that run on this thread from now on plant this bug, or none.
pub fn choose(bug: Option<&'static str>) {
    CHOSEN.set(bug);
}

/// Chooses the bug that is asked for; says whether the system is to be run: if a bug is asked for, only one that has it
/// is.
pub(super) fn plant<S: System>(options: &mut Options) -> bool {
    let Some(name) = CHOSEN.get() else { return true };
    let Some(bug) = S::ABOUT.bugs.iter().find(|bug| bug.name == name) else { return false };
    options.bug = Some(bug.name);
    options.ids |= bug.ids;
    true
}
