//! The command line as a process, for the tests of several files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a command to its end.
pub(crate) fn lossproof(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    command.args(args).output().expect("the binary was built for this test")
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("standard output is UTF-8")
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("standard error is UTF-8")
}

/// Runs a command that is to end with this status and to write nothing to standard error; gives its standard output.
pub(crate) fn quiet(args: &[&str], status: i32) -> String {
    let output = lossproof(args);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(status)), "{args:?}");
    stdout(&output).to_owned()
}

/// Checks that wrong words are answered with one line and status 2.
pub(crate) fn refused(args: &[&str], line: &str) {
    let output = lossproof(args);
    assert_eq!(stderr(&output), format!("lossproof: {line}\n"), "{args:?}");
    assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{args:?}");
}

/// An empty directory of a test's own.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory can be made there");
    path
}
