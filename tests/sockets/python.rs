//! Peers in Python, which have nothing of this crate. Where there is no Python their tests say so and are left out.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A script that runs.
pub(crate) struct Python {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    /// Starts a script with these words behind it; `None`, and a word about it, if there is no Python.
    pub(crate) fn start(script: &str, words: &[&str]) -> Option<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", script]).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("python3 is missing: what is tested with it is left out");
                return None;
            }
            child => child.expect("it can be started"),
        };
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Some(Self { child, stdout })
    }

    /// The next line that it prints, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it is text");
        line.trim_end().to_owned()
    }

    /// Waits until it has ended, and all was right.
    pub(crate) fn assert_ended(&mut self) {
        assert!(self.child.wait().expect("it was started").success());
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It has ended, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
