//! Long work: on how many threads, and how far it is.

use std::num::NonZeroUsize;
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};

/// On how many threads: so many as are asked for, or else one for each processor.
pub(super) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// A bar for so many runs, where standard error is a terminal.
pub(super) fn bar(runs: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
