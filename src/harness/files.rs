//! The files of a check: the plans that it keeps, and what it writes of a failure.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{self, Path, PathBuf};
use std::thread::Thread;

use super::corpus::{self, Kept};
use super::{CheckError, Verdict};
use crate::fault::FaultPlan;
use crate::transcript::{Look, Transcript};

/// How many lines say where the files are.
pub(crate) const FILES_LINES: usize = 3;

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
    let Some(failure) = verdict.failure() else { return String::new() };
    let transcript = failure.recording.transcript();
    let (name, replay) = (verdict.name.full(), verdict.replay());
    let mut files = vec![("report.txt", verdict.whole().into_bytes())];
    files.extend(of_run(&failure.plan, (&transcript, &failure.transcript), &name, &replay));
    files.push(("test.rs", verdict.test().into_bytes()));
    write_all(&directory(verdict), &files)
}

/// A file by its name.
pub(crate) type File = (&'static str, Vec<u8>);

/// The files of a run that failed: its plan, the transcript, which is given as text, too, pictures of it, and a capture.
pub(crate) fn of_run(
    plan: &FaultPlan,
    (transcript, text): (&Transcript<'_>, &str),
    title: &str,
    replay: &str,
) -> Vec<File> {
    vec![
        ("fault.plan", format!("{plan}\n").into_bytes()),
        ("transcript.txt", text.as_bytes().to_vec()),
        // As wide as a terminal, if that is enough.
        ("ladder.txt", transcript.ladder_or_wider(Look::default()).into_bytes()),
        ("page.html", transcript.page(title, replay).into_bytes()),
        #[cfg(feature = "capture")]
        ("capture.pcapng", crate::capture::export(transcript, replay)),
    ]
}

/// Writes files into a directory; what says where and which, or why not.
pub(crate) fn write_all(directory: &Path, files: &[File]) -> String {
    let write = |(name, bytes): &File| fs::write(directory.join(name), bytes);
    match fs::create_dir_all(directory).and_then(|()| files.iter().try_for_each(write)) {
        Ok(()) => {
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            format!("\n  files: {}\n         {}\n", directory.display(), names.join(" "))
        }
        Err(error) => format!("\n  files: none; cannot write to {}: {error}\n", directory.display()),
    }
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
pub(crate) fn file_name(name: &str) -> String {
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
