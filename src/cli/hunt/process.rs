//! Processes of a run: each in a group of its own, so that whatever it starts ends with it.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::HuntError;
use super::words::shown;

/// How much of what a process says is kept: the end of it.
const MAX_SAID_LEN: usize = 8 * 1024;
/// How long is waited for the last words of a process that has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What processes have said last.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn add(&self, bytes: &[u8]) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(bytes);
        let over = said.len().saturating_sub(MAX_SAID_LEN);
        said.drain(..over);
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// A process that runs.
pub(super) struct Process {
    child: Child,
    /// Its group, which has its number.
    group: Option<Pid>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program with these words, and this more in its environment.
    pub(super) fn start(words: &[String], env: &[(String, String)], said: &Said) -> Result<Self, HuntError> {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| HuntError::Start {
            command: shown(words),
            why: crate::cli::error::system_text(&error),
        })?;
        let group = child.id().map(|id| Pid::from_raw(id.cast_signed()));
        let mut readers = Vec::new();
        if let Some(out) = child.stdout.take() {
            readers.push(tokio::spawn(listen(out, said.clone())));
        }
        if let Some(err) = child.stderr.take() {
            readers.push(tokio::spawn(listen(err, said.clone())));
        }
        Ok(Self { child, group, readers })
    }

    /// Ends with it.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends a signal to it and to whatever it has started.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // What has ended needs none.
            let _ = killpg(group, signal);
        }
    }

    /// Kills what is left of it, and waits for its last words.
    pub(super) async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait().await;
        for reader in std::mem::take(&mut self.readers) {
            let _ = timeout(LAST_WORDS, reader).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

async fn listen(mut from: impl AsyncRead + Unpin, said: Said) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        said.add(&bytes[..len]);
    }
}

/// Why an exit status is that of a failure.
pub(super) fn failure(status: ExitStatus) -> Option<String> {
    if status.success() {
        return None;
    }
    Some(match status.code() {
        Some(code) => format!("exit status {code}"),
        None => format!("killed by {}", signal_name(status)),
    })
}

fn signal_name(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    signal.map_or_else(|| "a signal".to_owned(), |signal| signal.to_string())
}
