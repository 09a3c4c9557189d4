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

/// The system with the bug that is asked for; none, if one is asked for that it has not.
pub(super) fn planted<S: Trial>(options: &mut Options) -> Option<Net> {
    let Some(name) = CHOSEN.get() else { return Some(S::net(options)) };
    let specimen = specimens::find(S::ABOUT.name, name)?;
    options.ids |= specimen.ids;
    Some(specimen.net(options))
}
