//! The words of the commands on real sockets.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::choices::SystemArgs;
use super::outflow::Outflow;
use super::terminal::Screen;
use super::value;

/// The words after `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Those that `call` has as well.
    #[command(flatten)]
    pub(super) real: RealArgs,
    /// File in which the server keeps what it saves, also after a restart
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Maximum number of connected clients, or of members in udp-chat: for one more, the longest silent one is let go
    /// [default: the process's limit of open files; 1024 members]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::clients)]
    pub(super) max_clients: Option<NonZeroUsize>,
    /// With several threads, share the address with servers that listen there already: the system spreads the clients
    /// over all of them
    #[arg(long)]
    pub(super) share: bool,
    /// How long a connected client may be silent [default: without limit, while there is room]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true, value_parser = value::timeout)]
    pub(super) idle: Option<Duration>,
}

/// The words after `serve` and `call`.
#[derive(Debug, Args)]
pub(super) struct RealArgs {
    /// Which system; 'lossproof list' shows all
    pub(super) system: String,
    /// Address of the server: IP:PORT, [IPV6]:PORT or unix:PATH; for http and geocode also HOST or HOST:PORT [default:
    /// 127.0.0.1, or 255.255.255.255 for a broadcast, and the system's port]
    #[arg(value_name = "ADDR")]
    pub(super) addr: Option<String>,
    /// Seed of all random choices [default: the clock]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::seed)]
    pub(super) seed: Option<u64>,
    /// Faults to inject, as in 'client>server #0 drop', or @FILE to read them
    #[arg(long, value_name = "PLAN", allow_hyphen_values = true)]
    pub(super) faults: Option<String>,
    /// Print nothing about what happens; a server prints only where it listens
    #[arg(long)]
    pub(super) quiet: bool,
    /// The system's own.
    #[arg(skip)]
    pub(super) options: SystemArgs,
}

impl RealArgs {
    /// Where it is shown what happens, if somebody wants to see it.
    pub(super) fn screen(&self, to: &Outflow) -> Option<Screen> {
        (!self.quiet).then(|| Screen::new(to.clone()))
    }
}
