//! Panics of what is tested, caught and told.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether panics of this thread are caught, and reported by whoever catches them.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// Where the last one was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    /// What it said.
    pub(crate) said: String,
    /// File and line.
    pub(crate) place: Option<String>,
}

/// Runs something in which strangers' code may panic. The message that a panic prints is left out: it would come once
/// for each of many runs, and whoever asks tells it better.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            if IS_CAUGHT.get() {
                let place = panicked.location().map(|at| format!("{}:{}", at.file(), at.line()));
                PLACE.set(place);
            } else {
                before(panicked);
            }
        }));
    });
    let was_caught = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(was_caught);
    result.map_err(|panic| Caught { said: text(&*panic), place: PLACE.take() })
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let caught = catch(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(caught.said, "no luck");
        assert!(caught.place.is_some_and(|place| place.starts_with("src/check/caught.rs:")));
        assert_eq!(catch(|| 7), Ok(7));
    }
}
