//! Processes, and bounds on every wait for them.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything is waited for that ought to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server in a process of its own, which is killed if the test ends before it does.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<Vec<u8>>,
    /// Where it listens.
    pub(crate) addr: String,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with_errors_to(Stdio::inherit(), args)
    }

    /// The same, with its standard error kept for [`Server::errors`].
    pub(crate) fn start_with_errors(args: &[&str]) -> Self {
        Self::start_with_errors_to(Stdio::piped(), args)
    }

    fn start_with_errors_to(errors: Stdio, args: &[&str]) -> Self {
        Self::of(spawn(errors, args))
    }

    fn of(mut child: Child) -> Self {
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut server = Self { child, lines: read_on(stdout), addr: String::new() };
        let mut addr = server.line();
        assert!(addr.starts_with("listening on "), "{addr}");
        server.addr = addr.split_off("listening on ".len());
        server
    }

    /// The same, with a limit of open files, and its standard error kept.
    pub(crate) fn start_with_descriptors(most: usize, args: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" serve \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_lossproof")).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(shell.spawn().expect("there is a shell"))
    }

    /// The same, with nobody who reads what it prints from there on, nor its standard error.
    pub(crate) fn start_unread(args: &[&str]) -> Self {
        let mut child = spawn(Stdio::piped(), args);
        let mut first = Vec::new();
        let stdout = child.stdout.as_mut().expect("standard output is a pipe");
        while first.last() != Some(&b'\n') {
            let mut byte = [0];
            stdout.read_exact(&mut byte).expect("it prints a line");
            first.extend(byte);
        }
        let first = String::from_utf8(first).expect("its output is UTF-8");
        let addr = first.trim_end().strip_prefix("listening on ").expect("where it listens comes first");
        Self { child, lines: mpsc::channel().1, addr: addr.to_owned() }
    }

    /// What it prints, for whoever wants to read it after all.
    pub(crate) fn unread(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("nobody else reads it")
    }

    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        self.line_within(PATIENCE).expect("it prints a line")
    }

    /// The next line that it prints, if it does so by then.
    pub(crate) fn line_within(&self, within: Duration) -> Option<String> {
        let line = self.lines.recv_timeout(within).ok()?;
        Some(String::from_utf8(line).expect("its output is UTF-8"))
    }

    /// What it writes to standard error up to its end, to be read when it has ended.
    pub(crate) fn errors(&mut self) -> ChildStderr {
        self.child.stderr.take().expect("standard error is kept")
    }

    /// Sends it a signal, and gives the status with which it ends.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, Duration) {
        let begin = now();
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill command").success());
        let status = self.child.wait().expect("it is our child");
        (status.code(), now() - begin)
    }

    /// Stops it, and gives what it has printed since the last line that was taken, as it was; at most as much as a test
    /// looks at.
    pub(crate) fn stopped(mut self) -> Vec<u8> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill command").success());
        self.child.wait().expect("it is our child");
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok())
            .flat_map(|line| [line, b"\n".to_vec()].concat())
            .collect()
    }

    /// The number of its process.
    #[allow(dead_code, reason = "another test asks for it")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much memory it holds, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory_len(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }
}

fn spawn(errors: Stdio, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    let command = command.arg("serve").args(args).stdout(Stdio::piped()).stderr(errors);
    command.spawn().expect("the binary was built for this test")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a process's lines so that it never waits for its reader. What nobody takes is dropped at the end.
fn read_on(stdout: ChildStdout) -> Receiver<Vec<u8>> {
    /// As many as a test looks at; later ones are read and forgotten, so that a flood of lines costs nothing here.
    const MAX_LINES: usize = 1_000;
    let (lines, kept) = mpsc::sync_channel(MAX_LINES);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let _ = lines.try_send(std::mem::take(&mut line));
        }
    });
    kept
}

#[expect(clippy::disallowed_methods, reason = "how long a process takes is a matter of the real clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A client with nothing to read from its standard input.
pub(crate) fn call(args: &[&str]) -> Output {
    call_with(args, b"")
}

/// A client that reads this from its standard input.
///
/// # Panics
/// If it does not end.
pub(crate) fn call_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lossproof"))
        .arg("call")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // Who ends without reading has no use for it.
    let _ = stdin.write_all(input);
    drop(stdin);
    let (sender, output) = mpsc::channel();
    let id = child.id().to_string();
    thread::spawn(move || sender.send(child.wait_with_output()));
    if let Ok(output) = output.recv_timeout(PATIENCE) {
        return output.expect("its output can be read");
    }
    let _ = Command::new("kill").args(["-KILL", &id]).status();
    panic!("call {args:?} does not end")
}

pub(crate) fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
