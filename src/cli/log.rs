//! The log of what the driver does, for those who ask for it.

use std::io;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use super::interrupt;
use super::outflow::Outflow;

/// The log, all of which has left when this is dropped: or as much as a reader took until a signal came.
pub(super) struct Log(Option<Outflow>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(to) = &self.0 {
            to.finish(interrupt::is_asked);
        }
    }
}

/// Writes the log of this crate to standard error from now on, as much of it as was asked for: nothing, without `-v`.
pub(super) fn install(verbose: u8) -> Log {
    let level = match verbose {
        0 => return Log(None),
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let to = Outflow::stderr();
    let own = to.clone();
    let lines = fmt::layer()
        .with_writer(move || own.clone())
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_timer(fmt::time::uptime())
        .with_target(false)
        // Where standard error is closed there is nobody to tell.
        .log_internal_errors(false);
    // Another one is there already only if a test runs several commands in one process.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(Targets::new().with_target(env!("CARGO_CRATE_NAME"), level)))
        .try_init();
    Log(Some(to))
}
