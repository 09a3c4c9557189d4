//! Bugs that are planted on purpose, to see that a target finds them.

use std::cell::Cell;

use lossproof::systems::Options;
use lossproof::{Net, specimens};

use super::systems::Trial;

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

/// The system with the bug that is asked for. If one is, only a system that has it is to be run.
pub(super) fn planted(trial: &Trial, options: &Options) -> Option<Net> {
    match CHOSEN.get() {
        None => Some((trial.net)(options)),
        Some(bug) => Some(specimens::find(trial.about.name, bug)?.net(options)),
    }
}
