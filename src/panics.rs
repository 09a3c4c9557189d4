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
    /// How many there were.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// What the last one said.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    /// What it said.
    pub(crate) said: String,
    /// File and line.
    pub(crate) place: Option<String>,
}

/// Has panics noted. The message that a panic prints is left out where it is caught: it would come once for each of many
/// runs, and whoever asks tells it better.
fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            COUNT.set(COUNT.get() + 1);
            SAID.set(panicked.payload_as_str().map(str::to_owned));
            if IS_CAUGHT.get() {
                let place = panicked.location().map(|at| format!("{}:{}", at.file(), at.line()));
                PLACE.set(place);
            } else {
                before(panicked);
            }
        }));
    });
}

/// Runs something in which strangers' code may panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    watch();
    let was_caught = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(was_caught);
    result.map_err(|panic| Caught { said: text(&*panic), place: PLACE.take() })
}

/// Runs something that keeps panics to itself, as a runtime does with those of its tasks. They go on from here.
#[cfg(feature = "tasks")]
pub(crate) fn pass_on<T>(work: impl FnOnce() -> T) -> T {
    watch();
    let before = COUNT.get();
    let value = work();
    if COUNT.get() != before {
        let said = SAID.take().unwrap_or_else(|| NO_TEXT.to_owned());
        panic::resume_unwind(Box::new(said));
    }
    value
}

const NO_TEXT: &str = "a panic without a text";

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or(NO_TEXT).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let caught = catch(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(caught.said, "no luck");
        assert!(caught.place.is_some_and(|place| place.starts_with("src/panics.rs:")));
        assert_eq!(catch(|| 7), Ok(7));
    }
}
