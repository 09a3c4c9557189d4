//! Bugs that are planted on purpose, to see that a target finds them.

use std::sync::LazyLock;

use lossproof::systems::{Options, System};

/// The variable with the name of a bug, of those that `lossproof list --bugs` tells.
const BUG: &str = "LOSSPROOF_BUG";

static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(BUG).ok());

/// Chooses the bug that the environment asks for; says whether the system is to be run: if a bug is asked for, only one
/// that has it is.
pub(super) fn plant<S: System>(options: &mut Options) -> bool {
    let Some(name) = &*CHOSEN else { return true };
    let Some(bug) = S::ABOUT.bugs.iter().find(|bug| bug.name == *name) else { return false };
    options.bug = Some(bug.name);
    options.ids |= bug.ids;
    true
}
