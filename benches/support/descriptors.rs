//! How many sockets a process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as it goes without rights, and says whether there is room for so many.
pub(crate) fn make_room_for(count: usize) -> bool {
    /// For what else is open.
    const OTHERS: usize = 100;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return false };
    let most = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    most >= (count + OTHERS) as u64
}
