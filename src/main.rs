//! The command line of lossproof.

use std::process::ExitCode;

fn main() -> ExitCode {
    lossproof::cli::run(std::env::args_os())
}
