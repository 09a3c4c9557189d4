//! The command line: `list`, `sim`, `check`, `sweep`, `merge`, `import`, `serve`, `call`, the tools `ip` and `lookup`,
//! and `completions` and `man`.
//!
//! Standard output has the result and nothing else; standard error has one line for each note or error, and the log if
//! it is asked for. The exit status is 0 where all was done and held, 1 where the protocol failed or a property was
//! violated, 2 for wrong usage.

mod address;
mod args;
mod check;
mod choices;
mod error;
mod exhaustive;
mod import;
mod ip;
mod list;
mod log;
mod lookup;
mod manual;
mod output;
mod progress;
mod real;
mod registry;
mod report;
mod sim;
mod sweep;
mod terminal;
mod tool;
mod usage;
mod value;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use error::CliError;

use crate::machine::Status;
use crate::number;

/// Does what the words say, the first of which is the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let result = match Cli::try_parse_from(&args) {
        Ok(cli) => {
            log::install(cli.verbose);
            obey(cli.command)
        }
        Err(error) if error.use_stderr() => Err(CliError::Usage(usage::line(&error, &args))),
        Err(help) => {
            // A reader of the help who has gone does not miss the rest.
            let _ = help.print();
            Ok(Status::Success)
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

fn obey(command: Command) -> Result<Status, CliError> {
    match command {
        Command::List(args) => list::run(&args),
        Command::Sim(args) => registry::find(&args.system)?.sim(&args),
        Command::Check(args) => registry::find(&args.system)?.check(&args),
        Command::Sweep(args) => registry::find(&args.system)?.sweep(&args),
        Command::Merge(args) => sweep::merge(&args),
        Command::Import(args) => registry::find(&args.system)?.import(&args),
        Command::Serve(args) => registry::find(&args.real.system)?.serve(&args),
        Command::Call(args) => registry::find(&args.system)?.call(&args),
        Command::Ip(args) => ip::run(&args),
        Command::Lookup(args) => lookup::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    }
}
