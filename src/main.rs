//! The command line of lossproof.

use std::process::ExitCode;

fn main() -> ExitCode {
    lossproof::cli::lossproof()
}
