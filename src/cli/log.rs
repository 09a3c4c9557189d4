//! The log of what the driver does, for those who ask for it.

use std::io;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Writes the log of this crate to standard error from now on, as much of it as was asked for: nothing, without `-v`.
pub(super) fn install(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_timer(fmt::time::uptime())
        .with_target(false)
        // Where standard error is closed there is nobody to tell.
        .log_internal_errors(false);
    // Another one is there already only if a test runs several commands in one process.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(Targets::new().with_target(env!("CARGO_CRATE_NAME"), level)))
        .try_init();
}
