//! One run of a test made again, by another test.

use std::cell::RefCell;

thread_local! {
    /// The plan that the checks of this thread's test make instead of all else, and whether one has.
    static REPLAYED: RefCell<Option<(String, bool)>> = const { RefCell::new(None) };
}

/// Calls a test in which each [`Check`](super::Check) makes the one run of this plan and no other, as with
/// `LOSSPROOF_REPLAY`. So a failure that was found once becomes a test of its own, and its net need not be repeated:
///
/// ```
/// # use lossproof::{Check, Input, Instant, Machine, Net, Outbox};
/// # struct Silent;
/// # impl Machine for Silent {
/// #     type Command = ();
/// #     type Event = ();
/// #     fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<()>) {}
/// # }
/// # fn net() -> Net {
/// #     let net = Net::new("silence");
/// #     for name in ["server", "client"] {
/// #         net.host(name).machine(|_| Silent);
/// #     }
/// #     net
/// # }
/// fn it_survives_losses() {
///     Check::new(net()).loss(0.3).assert();
/// }
///
/// // The body of a #[test].
/// lossproof::harness::replay("v2; client>server #0 drop", it_survives_losses);
/// ```
///
/// # Panics
/// As the test does, and if it makes no check on its own thread.
pub fn replay<R>(plan: &str, test: impl FnOnce() -> R) -> R {
    /// Ends the replay, also where the test panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            REPLAYED.with_borrow_mut(Option::take);
        }
    }
    REPLAYED.set(Some((plan.to_owned(), false)));
    let _end = End;
    let result = test();
    let is_made = REPLAYED.with_borrow(|replayed| replayed.as_ref().is_some_and(|(_, is_made)| *is_made));
    assert!(
        is_made,
        "the test made no check, so nothing was replayed: call `Check::assert` on its own thread"
    );
    result
}

/// The plan to make instead of all else, if there is one.
pub(super) fn taken() -> Option<String> {
    REPLAYED.with_borrow_mut(|replayed| {
        let (plan, is_made) = replayed.as_mut()?;
        *is_made = true;
        Some(plan.clone())
    })
}
