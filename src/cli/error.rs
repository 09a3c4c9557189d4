//! What ends a command early.

use std::io;
use std::path::{Path, PathBuf};

use super::hunt::HuntError;
use super::import::ImportError;
use super::interrupt;
use super::lookup::LookupError;
use super::output::program;
use super::shards::ShardError;
use super::sweep::SweepError;
use super::tls::SecureError;
use crate::check::FatesError;
use crate::drive::{DriveError, SimulateError};
use crate::fault::{FaultKind, ParseError, UnknownHost};
use crate::number::count;
use crate::proxy::ProxyError;
use crate::scenario::UnknownCommand;
use crate::transcript::TooNarrow;

/// Why a command did not come to its end. Shown as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The words do not make a command.
    #[error("{0}")]
    Usage(String),
    /// There is no system of this name.
    #[error(
        "unknown system '{name}'; {}'{} list' shows all{}",
        near.map(|near| format!("did you mean '{near}'? (")).unwrap_or_default(),
        program(),
        if near.is_some() { ")" } else { "" }
    )]
    UnknownSystem {
        /// The name.
        name: String,
        /// What may have been meant.
        near: Option<&'static str>,
    },
    /// The plan is not one.
    #[error("--faults: {0}")]
    Plan(#[from] ParseError),
    /// The list of fates is none.
    #[error("--fates: {0}")]
    Fates(#[from] FatesError),
    /// The plan is for other hosts.
    #[error("--faults: {0}")]
    Host(#[from] UnknownHost),
    /// The plan gives commands that there are not.
    #[error("--faults: {0}")]
    Commands(#[from] UnknownCommand),
    /// The plan is for real processes.
    #[error("--faults: only 'hunt' has processes to {}; here a clock can stand still: write skew HOST -3s", .0.name())]
    NotSimulated(FaultKind),
    /// The plan cannot be read.
    #[error("--faults: cannot read '{path}': {}", system_text(.source))]
    PlanFile {
        /// Where it should be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Several machines cannot serve clients that meet in one.
    #[error("one machine serves all clients of {0}; leave --workers out")]
    OneServer(&'static str),
    /// Several machines have no state in common.
    #[error("one machine has the state of --state; leave --workers out")]
    OneState,
    /// A server of datagrams has nobody to disconnect.
    #[error("{system} has no connections here; leave --{option} out")]
    NoConnections {
        /// Which system.
        system: &'static str,
        /// Which option.
        option: &'static str,
    },
    /// A server cannot forget what it has promised.
    #[error("a server of {0} may not forget what it has promised: give --state FILE")]
    NeedsState(&'static str),
    /// The others have to know where a member is.
    #[error(
        "ADDR: '{0}' is not where the members of --peers reach this one: write its own IP:PORT, which they were given"
    )]
    NoOwnAddress(String),
    /// The system does not take this option.
    #[error("{system} has no option --{option}; '{} call --help' says whose it is", program())]
    OptionOfAnother {
        /// The system.
        system: &'static str,
        /// The option's name.
        option: &'static str,
    },
    /// The system has no such bug.
    #[error("--bug: {system} has no bug '{name}'; {}", bugs(*.near, known))]
    UnknownBug {
        /// The system.
        system: &'static str,
        /// The name.
        name: String,
        /// What may have been meant.
        near: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The system has no host of this name.
    #[error("{system} has no host '{host}' (it has {known}): its App names another")]
    NoRole {
        /// The system.
        system: &'static str,
        /// The host.
        host: &'static str,
        /// What hosts there are.
        known: String,
    },
    /// The sweep cannot be made, or its parts do not fit.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The check cannot be shared out, or its parts do not fit.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The corpus cannot be read.
    #[error("--corpus: cannot read '{path}': {}", system_text(.source))]
    Corpus {
        /// The file, or the directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The address is none.
    #[error("ADDR: {0}")]
    Address(String),
    /// The name has no address.
    #[error("cannot find an address of '{name}': {}", system_text(.source))]
    NoHost {
        /// The name.
        name: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The resolver or the table of services does not have it.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The file cannot be written.
    #[error("cannot write '{path}': {}", system_text(.source))]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no sockets of this kind.
    #[error("{system} has no unix sockets, so it cannot use '{addr}': write IP:PORT or [IPV6]:PORT")]
    NoUnix {
        /// The system.
        system: &'static str,
        /// The address.
        addr: String,
    },
    /// The file is there, and nobody has said that it may be lost.
    #[error("'{0}' is there already: give --force to overwrite it, or another file with --output")]
    Exists(String),
    /// A signal asked for the end before all was done.
    #[error("interrupted after {}{}", count(*.runs, "run"), go_on(kept.as_deref()))]
    Interrupted {
        /// How many runs were made by then.
        runs: u64,
        /// The file that has them, to go on from.
        kept: Option<PathBuf>,
    },
    /// The result would be no text.
    #[error("--format pcapng is not for a terminal: write it to a file with -o FILE")]
    Binary,
    /// The capture cannot be used.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The option means nothing for this format.
    #[error("--{option} is for --format ladder")]
    LadderOnly {
        /// The option's name.
        option: &'static str,
    },
    /// Turmoil counts no steps.
    #[error("--turn is for --engine event")]
    TurnOnTurmoil,
    /// The hosts do not fit.
    #[error("--width: {0}")]
    Narrow(#[from] TooNarrow),
    /// Turmoil cannot do this.
    #[error("--engine turmoil: {0}")]
    Simulate(#[from] SimulateError),
    /// The words are no pairs of addresses.
    #[error("{0}")]
    Route(String),
    /// The hunt cannot go on.
    #[error(transparent)]
    Hunt(#[from] HuntError),
    /// A signal ended a hunt, which has said how far it was.
    #[error("interrupted")]
    HuntInterrupted,
    /// The proxy could not start.
    #[error("{0}")]
    Proxy(Box<ProxyError>),
    /// The real network failed.
    #[error("{0}")]
    Drive(Box<DriveError>),
    /// There can be no TLS.
    #[error(transparent)]
    Secure(#[from] SecureError),
    /// The result could not be written.
    #[error("cannot write to standard output: {}", system_text(.0))]
    Write(#[from] io::Error),
}

impl From<DriveError> for CliError {
    fn from(error: DriveError) -> Self {
        Self::Drive(Box::new(error))
    }
}

impl From<ProxyError> for CliError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(Box::new(error))
    }
}

impl CliError {
    /// The exit status: 2 for what the user can word better, else 1.
    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Proxy(error) => match **error {
                ProxyError::Open(_) | ProxyError::Thread(_) => 1,
                _ => 2,
            },
            Self::Hunt(error) => error.code(),
            Self::Interrupted { .. }
            | Self::HuntInterrupted
            | Self::Import(ImportError::Interrupted { .. }) => interrupt::STATUS,
            Self::Drive(error)
                if matches!(
                    **error,
                    DriveError::NotOnSockets(_)
                        | DriveError::Bottleneck(_)
                        | DriveError::Streams
                        | DriveError::UnknownHost(_)
                ) =>
            {
                2
            }
            Self::Drive(_)
            | Self::Simulate(SimulateError::Drive(_))
            | Self::Sweep(SweepError::Panicked { .. })
            | Self::Write(_)
            | Self::NoHost { .. }
            | Self::Lookup(_)
            | Self::File { .. } => 1,
            _ => 2,
        }
    }
}

/// What bugs there are.
fn bugs(near: Option<&str>, known: &[&str]) -> String {
    match (near, known) {
        (Some(near), _) => format!("did you mean '{near}'?"),
        (None, []) => "it has none to plant".to_owned(),
        (None, known) => format!("it has {}", known.join(", ")),
    }
}

/// How to go on.
fn go_on(kept: Option<&Path>) -> String {
    kept.map_or_else(String::new, |kept| format!("; go on with --continue {}", kept.display()))
}

/// What the system said, in lower case and without its number.
pub(super) fn system_text(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
