//! The command line: `list`, `sim`, `check`, `sweep`, `merge`, `import`, `serve`, `call`, `completions` and `man`, over
//! systems of one's own or over those of this crate.
//!
//! [`main`] makes one of systems of one's own: a program with nothing else in it.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use lossproof::cli::{self, App};
//! # use lossproof::scenario::Net;
//! # fn file_transfer() -> Net { Net::new("file-transfer") }
//!
//! fn main() -> ExitCode {
//!     cli::main([App::new("file-transfer", "a file, block by block", file_transfer)])
//! }
//! ```
//!
//! Standard output has the result and nothing else; standard error has one line for each note or error, and the log if
//! it is asked for. The exit status is 0 where all was done and held, 1 where the protocol failed or a property was
//! violated, 2 for wrong usage.

mod address;
mod app;
mod args;
mod check;
mod choices;
mod chosen;
mod endpoints;
mod error;
mod exhaustive;
mod failed;
mod first;
mod formats;
mod hunt;
mod import;
mod interrupt;
mod ip;
mod list;
mod log;
mod lookup;
mod manual;
mod outflow;
mod output;
mod parts;
mod profile;
mod program;
mod progress;
mod proxy;
mod real;
mod real_args;
mod relayed;
mod report;
mod shards;
mod sim;
mod sums;
mod sweep;
mod systems;
mod terminal;
mod tls;
mod tool;
mod turn;
mod usage;
mod value;
mod world;

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

pub use app::App;
use args::{Manual, Run, Tool};
use error::CliError;
use program::{Asked, Program};
pub use systems::systems;

use crate::machine::Status;
pub use crate::systems::Typed;

/// The whole of a program: does what its arguments say, with these systems. In help and messages the program is called
/// as it was started.
///
/// # Panics
/// If two systems have one name, or there is none.
pub fn main<const N: usize>(apps: [App; N]) -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let name = words.first().and_then(|word| Path::new(word).file_name());
    let name = name.map_or_else(|| "program".to_owned(), |name| name.to_string_lossy().into_owned());
    start(&Program::of(name, apps.into()), &words)
}

/// The whole of the program `lossproof`: the systems of this crate, and tools.
pub fn lossproof() -> ExitCode {
    start(&Program::own(), &env::args_os().collect::<Vec<_>>())
}

fn start(program: &Program, words: &[OsString]) -> ExitCode {
    output::name_program(&program.name);
    let result = match program.parse(words.iter().cloned()) {
        Ok((verbose, asked)) => {
            let _log = log::install(verbose);
            obey(program, asked)
        }
        Err(error) if error.use_stderr() => Err(CliError::Usage(usage::line(&error, program, words))),
        Err(help) => {
            // A reader of the help who has gone does not miss the rest.
            match help.print() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Write(error)),
                _ => Ok(Status::Success),
            }
        }
    };
    match result {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(error.code())
        }
    }
}

fn obey(program: &Program, asked: Asked) -> Result<Status, CliError> {
    match asked {
        Asked::Run(run) => match *run {
            Run::List(args) => list::run(program, &args),
            Run::Sim(args) => sim::run(program.find(&args.system)?, &args),
            Run::Check(args) => check::run(program.find(&args.system)?, &args),
            Run::Sweep(args) => sweep::run(program.find(&args.system)?, &args),
            Run::Merge(args) => shards::merge(&args),
            Run::Import(args) => import::run(program, &args),
            Run::Serve(args) => real::serve(program.find(&args.real.system)?, &args),
            Run::Call(args) => real::call(program.find(&args.system)?, &args),
        },
        Asked::Tool(Tool::Proxy(args)) => proxy::run(&args),
        Asked::Tool(Tool::Hunt(args)) => hunt::run(&args),
        Asked::Tool(Tool::Ip(args)) => ip::run(&args),
        Asked::Tool(Tool::Lookup(args)) => lookup::run(&args),
        Asked::Manual(Manual::Completions(args)) => manual::completions(program, &args),
        Asked::Manual(Manual::Man(args)) => manual::man(program, &args),
    }
}
