//! How many steps a search or a walk takes, so that tests can hold their number and need no clock.

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts one step in tests, and does nothing elsewhere.
#[inline]
pub(crate) fn step() {
    #[cfg(test)]
    TAKEN.set(TAKEN.get() + 1);
}

/// How many steps something takes.
#[cfg(test)]
pub(crate) fn taken(act: impl FnOnce()) -> u64 {
    let before = TAKEN.get();
    act();
    TAKEN.get() - before
}
