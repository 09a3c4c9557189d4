//! Plans that checks keep by themselves: what failed once is run first by the next check.
//!
//! Each is a file `TEST-DIGEST.plan`, named after the check and a digest of the plan, so that checks can share a directory
//! and no failure is kept two times. Beside the plan it has a line for each packet that a fault hit, with a digest of its
//! bytes: a plan that hits other packets by now is noticed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::bounded::{self, MAX_PLAN_LEN};
use super::files::file_name;
use crate::fault::{Fault, FaultPlan};
use crate::seed;
use crate::transcript::{Log, Transcript, What};

/// What begins a line of a plan's file that tells what a fault has hit.
const HIT: &str = "# hit ";
/// What is said in place of a digest where a fault hit nothing.
const NOTHING: &str = "nothing";
/// How the files of plans end.
const EXTENSION: &str = "plan";

/// A plan that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Where.
    pub(crate) path: PathBuf,
    /// The text of its file, which is that of a plan.
    pub(crate) text: String,
}

/// The plans of a directory, by name; only those of this check, if one is named. None, if the directory is not there.
///
/// # Errors
/// What cannot be read, and why.
pub(crate) fn plans(directory: &Path, of: Option<&str>) -> Result<Vec<Kept>, (PathBuf, io::Error)> {
    let failed = |path: &Path, error| (path.to_owned(), error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed(directory, error))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && of.is_none_or(|check| is_of(&path, check))
        {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = bounded::read_text(&path, MAX_PLAN_LEN).map_err(|error| failed(&path, error))?;
        Ok(Kept { path, text })
    };
    paths.into_iter().map(read).collect()
}

/// Whether a file has the name that the plans of this check get.
fn is_of(path: &Path, test: &str) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let is_digest = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.rsplit_once('-').is_some_and(|(of, digest)| of == file_name(test) && is_digest(digest))
}

/// Keeps a plan with what its faults hit in this run; where, unless it is there already: then it stays as it is.
///
/// # Errors
/// What cannot be written, and why.
pub(crate) fn keep(
    directory: &Path,
    test: &str,
    plan: &FaultPlan,
    run: &Transcript<'_>,
) -> Result<Option<PathBuf>, (PathBuf, io::Error)> {
    let plan_text = plan.to_string();
    let name = format!("{}-{:016x}", file_name(test), seed::of_bytes(plan_text.as_bytes()));
    let path = directory.join(format!("{name}.{EXTENSION}"));
    if path.exists() {
        return Ok(None);
    }
    let hits = hits(plan, run).into_iter().map(|(place, digest)| format!("{HIT}{place} {digest}\n"));
    let content = format!("{plan_text}\n{}", hits.collect::<String>());
    // Other checks may read the directory meanwhile: they find all of the file, or none.
    let part = directory.join(format!("{name}.{}", process::id()));
    let written = fs::create_dir_all(directory).and_then(|()| fs::write(&part, content));
    match written.and_then(|()| fs::rename(&part, &path)) {
        Ok(()) => Ok(Some(path)),
        Err(error) => Err((path, error)),
    }
}

impl Kept {
    /// Whether it says what its faults hit.
    pub(crate) fn has_hits(&self) -> bool {
        self.hits().next().is_some()
    }

    /// The places that its faults hit when it was kept, each with the digest.
    fn hits(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().filter_map(|line| line.strip_prefix(HIT)?.trim_end().rsplit_once(' '))
    }

    /// One line that names the places where other packets are hit now, in this run of the plan; if there are some.
    pub(crate) fn moved(&self, plan: &FaultPlan, run: &Transcript<'_>) -> Option<String> {
        let now = hits(plan, run);
        let same = |place: &str, digest: &str| now.iter().any(|(at, found)| at == place && found == digest);
        let moved = self.hits().filter(|(place, digest)| !same(place, digest));
        let places: Vec<&str> = moved.map(|(place, _)| place).collect();
        (!places.is_empty()).then(|| {
            let (path, places) = (self.path.display(), places.join(", "));
            format!(
                "the kept plan {path} hits other packets than when it was kept, at {places}: it may test something else"
            )
        })
    }
}

/// The places in flows that a plan's faults name, each with a digest of the packet that was there.
fn hits(plan: &FaultPlan, run: &Transcript<'_>) -> Vec<(String, String)> {
    let hit = |fault: &Fault| {
        let (place, bytes) = match fault {
            Fault::Datagram { flow, n, .. } => {
                (format!("{}>{} #{n}", flow.from, flow.to), datagram(run, fault))
            }
            Fault::Stream { flow, conn, at, .. } => {
                (format!("{}>{}/{conn} @{at}", flow.from, flow.to), written(run, fault))
            }
            // What holds all along a stream, or befalls a host, hits no packet.
            Fault::CutEvery { .. } | Fault::Connect { .. } | Fault::Host { .. } | Fault::Down(_) => {
                return None;
            }
        };
        let digest =
            bytes.map_or_else(|| NOTHING.to_owned(), |bytes| format!("{:016x}", seed::of_bytes(bytes)));
        Some((place, digest))
    };
    let mut hits: Vec<_> = plan.faults().iter().filter_map(hit).collect();
    hits.dedup();
    hits
}

/// The datagram that a fault names, as it was sent.
fn datagram<'r>(run: &Transcript<'r>, fault: &Fault) -> Option<&'r [u8]> {
    let Fault::Datagram { flow, n: number, .. } = fault else { return None };
    let (log, names) = (run.log, run.names());
    log.records().iter().find_map(|record| match record.what {
        What::Send { to, n, bytes }
            if n == *number && names[record.host.index()] == flow.from && names[to.index()] == flow.to =>
        {
            Some(Log::bytes(log, bytes))
        }
        _ => None,
    })
}

/// The write that has the byte of a stream that a fault names.
fn written<'r>(run: &Transcript<'r>, fault: &Fault) -> Option<&'r [u8]> {
    let Fault::Stream { flow, conn, at, .. } = fault else { return None };
    let (log, names) = (run.log, run.names());
    log.records().iter().find_map(|record| match record.what {
        What::Write { link, offset, bytes }
            if link.number == *conn
                && (offset..offset + bytes.len() as u64).contains(at)
                && names[record.host.index()] == flow.from
                && names[link.peer.index()] == flow.to =>
        {
            Some(Log::bytes(log, bytes))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_finds_its_own_plans_alone() {
        assert!(is_of(Path::new("a.b_c-0123456789abcdef.plan"), "a::b/c"), "it is the name of a file");
        let of = |name: &str| is_of(Path::new(name), "chat-a");
        assert!(of("chat-a-0123456789abcdef.plan"));
        for other in [
            "chat-0123456789abcdef.plan",
            "chat-a-b-0123456789abcdef.plan",
            "chat-a-0123.plan",
            "chat-a.plan",
        ] {
            assert!(!of(other), "{other}");
        }
    }

    #[test]
    fn what_a_file_says_of_hits_is_read() {
        let text = "v2; a>b #0 drop\n# hit a>b #0 00ff\r\n# hit a>b/0 @3 nothing\n# other\n".to_owned();
        let kept = Kept { path: PathBuf::new(), text };
        assert_eq!(kept.hits().collect::<Vec<_>>(), [("a>b #0", "00ff"), ("a>b/0 @3", "nothing")]);
        assert_eq!(
            kept.text.parse::<FaultPlan>().map(|plan| plan.to_string()),
            Ok("v2; a>b #0 drop".to_owned())
        );
    }
}
