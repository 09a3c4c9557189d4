//! The files of a check: the plans that it keeps, and what it writes of a failure.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{self, Path, PathBuf};
use std::thread::Thread;

use super::corpus::{self, Kept};
use super::{CheckError, Verdict};
use crate::transcript::{Look, TooNarrow, Transcript};

/// How many lines say where the files are.
pub(super) const FILES_LINES: usize = 3;

/// What a check is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The test's path, or what else stands for it.
    pub(super) test: String,
    /// Whether that is the path of a test, for `cargo test`.
    pub(super) is_path: bool,
    /// What tells the check from others of the test.
    pub(super) check: Option<String>,
}

impl Name {
    /// The name of the test that runs on this thread, as the standard harness calls it; outside of tests, another name.
    pub(super) fn of_thread(thread: &Thread, otherwise: &str) -> Self {
        let test = thread.name().filter(|name| *name != "main");
        let is_path = test.is_some();
        Self { test: test.unwrap_or(otherwise).to_owned(), is_path, check: None }
    }

    /// The plan that is to be replayed, if it is for this check: one with the name of a check before it is for that alone.
    pub(super) fn own<'a>(&self, plan: &'a str) -> Option<&'a str> {
        match (plan.split_once(": "), &self.check) {
            (None, _) => Some(plan),
            (Some((of, plan)), Some(name)) if of == name => Some(plan),
            (Some(_), _) => None,
        }
    }

    pub(super) fn full(&self) -> String {
        match &self.check {
            Some(check) => format!("{} ({check})", self.test),
            None => self.test.clone(),
        }
    }

    /// As the name of a directory.
    pub(super) fn file(&self) -> String {
        let check = self.check.as_ref().map_or_else(String::new, |check| format!(".{check}"));
        file_name(&format!("{}{check}", self.test))
    }
}

/// The plans of a directory, by name; only those that this check has kept itself, if one is named. None, if the directory
/// is not there.
pub(super) fn plans(directory: Option<&Path>, of: Option<&Name>) -> Result<Vec<Kept>, CheckError> {
    let Some(directory) = directory else { return Ok(Vec::new()) };
    let test = of.map(Name::file);
    corpus::plans(&package().join(directory), test.as_deref())
        .map_err(|(path, source)| CheckError::File { path, source })
}

/// Keeps the plan of a failure in a directory, if it is not there; a note that says where, or why not.
pub(super) fn keep(directory: &Path, verdict: &Verdict) -> Option<String> {
    let failure = verdict.failure()?;
    let run = failure.recording.transcript();
    let kept = corpus::keep(&package().join(directory), &verdict.name.file(), &failure.plan, &run);
    match kept {
        Ok(path) => path.map(|path| format!("the plan is kept in {}", path.display())),
        Err((path, error)) => Some(format!("the plan cannot be kept in {}: {error}", path.display())),
    }
}

/// The package of the test: Cargo tells tests where it is; elsewhere it is the working directory.
fn package() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// Tells the notes on a check that holds to standard error itself: the standard harness shows nothing else of such a test.
pub(super) fn tell(verdict: &Verdict) {
    for note in &verdict.notes {
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "note: {}: {note}", verdict.name.full());
    }
}

/// Writes report, plan, transcript, pictures, a capture and a test to paste; what says where and which, or why not.
pub(super) fn write(verdict: &Verdict) -> String {
    let directory = directory(verdict);
    match write_all(verdict, &directory) {
        Ok(names) => format!("\n  files: {}\n         {names}\n", directory.display()),
        Err(error) => format!("\n  files: none; cannot write to {}: {error}\n", directory.display()),
    }
}

fn write_all(verdict: &Verdict, directory: &Path) -> io::Result<String> {
    let Some(failure) = verdict.failure() else { return Ok(String::new()) };
    fs::create_dir_all(directory)?;
    let transcript = failure.recording.transcript();
    let (name, replay) = (verdict.name.full(), verdict.replay());
    let files = [
        ("report.txt", verdict.whole().into_bytes()),
        ("fault.plan", format!("{}\n", failure.plan).into_bytes()),
        ("transcript.txt", failure.transcript.clone().into_bytes()),
        ("ladder.txt", ladder(&transcript).into_bytes()),
        ("page.html", transcript.page(&name, &replay).into_bytes()),
        #[cfg(feature = "capture")]
        ("capture.pcapng", crate::capture::export(&transcript, &replay)),
        ("test.rs", verdict.test().into_bytes()),
    ];
    for (name, bytes) in &files {
        fs::write(directory.join(name), bytes)?;
    }
    Ok(files.map(|(name, _)| name).join(" "))
}

/// Removes what an earlier failure has left: it is over.
pub(super) fn remove(verdict: &Verdict) -> String {
    // What is not there, or cannot be removed, says nothing of this check.
    let _ = fs::remove_dir_all(directory(verdict));
    String::new()
}

/// Where the files of a check are.
fn directory(verdict: &Verdict) -> PathBuf {
    let directory = target().join("lossproof").join(verdict.name.file());
    // Whoever reads of it may be elsewhere.
    path::absolute(&directory).unwrap_or(directory)
}

/// The transcript as a ladder, as wide as a terminal or, where its hosts do not fit, twice as wide as they need.
fn ladder(transcript: &Transcript<'_>) -> String {
    let look = Look::default();
    let wider = |narrow: TooNarrow| transcript.ladder(Look { width: 2 * narrow.needed, ..look });
    // That is enough.
    transcript.ladder(look).or_else(wider).unwrap_or_default()
}

/// Cargo's target directory: a test's binary is in `target/PROFILE/deps`. That of a doc test, and any other program, is
/// elsewhere: then it is the one of the package.
fn target() -> PathBuf {
    let binary = env::current_exe().ok();
    let deps = binary.as_deref().and_then(Path::parent).filter(|parent| parent.ends_with("deps"));
    let by_binary = deps.and_then(|deps| Some(deps.parent()?.parent()?.to_owned()));
    by_binary
        .or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| package().join("target"))
}

/// A test's name as that of a directory.
pub(super) fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    name.replace("::", ".").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_directory_and_no_way_out() {
        assert_eq!(file_name("chat::members hear"), "chat.members_hear");
        assert_eq!(file_name("../x/y"), ".._x_y");
    }

    #[test]
    fn a_plan_with_the_name_of_a_check_is_for_that_check_alone() {
        let name = |check: Option<&str>| Name {
            test: "test".to_owned(),
            is_path: true,
            check: check.map(str::to_owned),
        };
        assert_eq!(name(None).own("v1; a>b #0 drop"), Some("v1; a>b #0 drop"));
        assert_eq!(name(Some("calm")).own("calm: v1"), Some("v1"));
        assert_eq!(name(Some("calm")).own("v1"), Some("v1"));
        assert_eq!((name(None).own("calm: v1"), name(Some("lossy")).own("calm: v1")), (None, None));
    }
}
