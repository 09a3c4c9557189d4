//! Ctrl-C and SIGTERM: the first asks the program to come to its end. The second ends it at once, unless that would leave
//! something behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit status of what was interrupted, as a shell has it: 128 and the number of Ctrl-C's signal.
pub(super) const STATUS: u8 = 130;

/// Whether a signal has come. Once for the whole process, as signals are.
static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on the first signal does not end the process, but asks it to end; the second ends it.
pub(super) fn watch() {
    register(true);
}

/// From now on signals do not end the process, however many come, but ask it to end: it has other processes to end first,
/// or something to tell.
pub(super) fn watch_to_the_end() {
    register(false);
}

fn register(second_ends: bool) {
    ASKED.get_or_init(|| {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Only the system can refuse, and then signals do what they always do.
            if second_ends {
                // Registered first, so that it sees what was there before this signal.
                let _ = flag::register_conditional_shutdown(signal, STATUS.into(), Arc::clone(&asked));
            }
            let _ = flag::register(signal, Arc::clone(&asked));
        }
        asked
    });
}

/// Whether a signal has come since they are watched.
pub(super) fn is_asked() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}
