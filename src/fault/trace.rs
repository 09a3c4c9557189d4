//! Rates that change with time, as somebody has recorded them.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::time::Instant;

/// Gives the trace of a file that a text names; or why there is none.
pub(super) type ReadTrace<'a> = &'a mut dyn FnMut(&str) -> Result<Trace, String>;

/// Gives no trace: a text alone is all there is to read.
pub(super) fn no_file(_: &str) -> Result<Trace, String> {
    Err("a file is read for a command line alone; elsewhere make a Trace of its text".to_owned())
}

/// How many bytes one opportunity of a trace carries.
pub const OPPORTUNITY_LEN: u64 = 1_500;
/// How long the text of a trace is at most, in bytes.
pub const MAX_TRACE_LEN: usize = 8 * 1024 * 1024;
/// How many opportunities a trace has at most.
pub const MAX_TRACE_LINES: usize = 1_000_000;
/// How many different traces one process has at most: each stays in memory until the process ends.
pub const MAX_TRACES: usize = 64;

/// When a link could deliver, in the format of Mahimahi ("Mahimahi: Accurate Record-and-Replay for HTTP", Netravali and
/// others, 2015): each line is a moment in whole milliseconds since the start, at which up to [`OPPORTUNITY_LEN`] bytes leave.
/// A moment may stand on several lines. The moment of the last line is the length of the trace, after which it begins again.
///
/// Bytes that an opportunity has left over go to the next packet that waits; where none does they are lost. What is sent at
/// the very moment of an opportunity has missed it. A packet may take several.
///
/// ```
/// use lossproof::fault::{Bandwidth, Trace};
///
/// // Three packets every 20 ms, two of them together.
/// let cellular = Trace::new("cellular", "5\n20\n20\n")?;
/// let link = Bandwidth::trace(cellular, 64 * 1024);
/// # Ok::<(), lossproof::fault::TraceError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Trace(&'static Recorded);

struct Recorded {
    name: String,
    /// The moments, in order; the last is not 0.
    millis: Vec<u32>,
}

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The name cannot stand in the text of a link or of a plan.
    #[error("a trace's name has no blank, no ';' and no control character, and is not empty")]
    Name,
    /// The text is too long.
    #[error("a trace has at most {MAX_TRACE_LEN} bytes, not {0}")]
    Len(u64),
    /// There are too many lines.
    #[error("a trace has at most {MAX_TRACE_LINES} lines")]
    Lines,
    /// A line has no moment.
    #[error("line {0}: write a whole number of milliseconds, at most {max}", max = u32::MAX)]
    Line(usize),
    /// A moment is before that of the line before it.
    #[error("line {0}: it is earlier than the line before it")]
    Earlier(usize),
    /// There is no line.
    #[error("a trace has at least one line")]
    Empty,
    /// All its moments are 0.
    #[error("line {0}: the last line of a trace is its length, and is not 0")]
    NoTime(usize),
    /// There are too many traces.
    #[error("there are {MAX_TRACES} traces already, which is the most")]
    TooMany,
}

/// All traces of the process.
static KEPT: Mutex<Vec<Trace>> = Mutex::new(Vec::new());

impl Trace {
    /// Reads a trace. Its name is what texts of links and of plans write after `trace @`.
    ///
    /// # Errors
    /// [`TraceError`] if the name or the text is none, or if there are [`MAX_TRACES`] others.
    pub fn new(name: &str, text: &str) -> Result<Self, TraceError> {
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == ';') {
            return Err(TraceError::Name);
        }
        let millis = read(text)?;
        keep(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner), name, millis, MAX_TRACES)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How long it is until it begins again, in milliseconds.
    fn period(self) -> u64 {
        u64::from(self.0.millis.last().copied().unwrap_or(1))
    }

    /// How far into the trace a moment is.
    pub(crate) fn phase(self, at: Instant) -> u64 {
        at.as_nanos() % (self.period() * 1_000_000)
    }

    /// How many opportunities there are up to a moment, those of that moment included.
    pub(crate) fn count_until(self, at: Instant) -> u128 {
        let millis = at.as_nanos() / 1_000_000;
        let (rounds, rest) = (millis / self.period(), millis % self.period());
        let here = self.0.millis.partition_point(|moment| u64::from(*moment) <= rest);
        u128::from(rounds) * self.0.millis.len() as u128 + here as u128
    }

    /// When there is the opportunity of this number, counted from 1.
    pub(crate) fn moment(self, number: u128) -> Instant {
        let (index, len) = (number.saturating_sub(1), self.0.millis.len() as u128);
        let round = (index / len).saturating_mul(u128::from(self.period()));
        let millis = round.saturating_add(u128::from(self.0.millis[(index % len) as usize]));
        Instant::from_nanos(u64::try_from(millis.saturating_mul(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// The moments of a text.
fn read(text: &str) -> Result<Vec<u32>, TraceError> {
    if text.len() > MAX_TRACE_LEN {
        return Err(TraceError::Len(text.len() as u64));
    }
    let mut millis = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        if number > MAX_TRACE_LINES {
            return Err(TraceError::Lines);
        }
        let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
        let moment = Some(line).filter(|_| is_number).and_then(|line| line.parse().ok());
        let moment: u32 = moment.ok_or(TraceError::Line(number))?;
        if millis.last().is_some_and(|before| *before > moment) {
            return Err(TraceError::Earlier(number));
        }
        millis.push(moment);
    }
    match millis.last() {
        None => Err(TraceError::Empty),
        Some(0) => Err(TraceError::NoTime(millis.len())),
        Some(_) => Ok(millis),
    }
}

/// A trace among those that are kept: put there, if it is new.
fn keep(kept: &mut Vec<Trace>, name: &str, millis: Vec<u32>, max: usize) -> Result<Trace, TraceError> {
    let is_known = |trace: &&Trace| trace.0.name == name && trace.0.millis == millis;
    if let Some(known) = kept.iter().find(is_known) {
        return Ok(*known);
    }
    if kept.len() >= max {
        return Err(TraceError::TooMany);
    }
    let trace = Trace(Box::leak(Box::new(Recorded { name: name.to_owned(), millis })));
    kept.push(trace);
    Ok(trace)
}

/// Equal are those of one name and the same moments, which are kept once.
impl PartialEq for Trace {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Trace {}

/// `trace @NAME`, as texts of links have it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace @{}", self.0.name)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({:?}, {} opportunities)", self.0.name, self.0.millis.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opportunities_are_counted_over_the_rounds() {
        let trace = Trace::new("rounds", "0\n5\n20\n20\n").unwrap();
        let at = Instant::from_millis;
        let counts = [0, 4, 5, 19, 20, 24, 25, 39, 40].map(|millis| trace.count_until(at(millis)));
        // At 20 the last two of the first round, and the first of the second.
        assert_eq!(counts, [1, 1, 2, 2, 5, 5, 6, 6, 9]);
        let moments = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|number| trace.moment(number).as_nanos() / 1_000_000);
        assert_eq!(moments, [0, 5, 20, 20, 20, 25, 40, 40, 40]);
        assert_eq!(trace.count_until(Instant::from_nanos(4_999_999)), 1, "a nanosecond before the second");
    }

    #[test]
    fn each_opportunity_is_where_it_is_counted() {
        for text in ["1", "0\n1", "3\n3\n7\n", "0\n0\n1000"] {
            let trace = Trace::new(&format!("each{}", text.len()), text).unwrap();
            for number in 1..100 {
                let moment = trace.moment(number);
                assert!(trace.count_until(moment) >= number, "{text:?} {number}");
                let before = Instant::from_nanos(moment.as_nanos().saturating_sub(1));
                assert!(moment == Instant::START || trace.count_until(before) < number, "{text:?} {number}");
            }
        }
        let trace = Trace::new("far", "1").unwrap();
        assert_eq!(trace.moment(u128::MAX), Instant::FAR_FUTURE);
        assert_eq!(trace.count_until(Instant::FAR_FUTURE), u128::from(u64::MAX / 1_000_000));
    }

    #[test]
    fn what_is_no_trace_is_told_with_its_line() {
        let error = |text: &str| Trace::new("wrong", text).unwrap_err();
        assert_eq!(error(""), TraceError::Empty);
        assert_eq!(error("0\n0\n"), TraceError::NoTime(2));
        assert_eq!(error("1\n\n2"), TraceError::Line(2));
        assert_eq!(error("1\n-2"), TraceError::Line(2));
        assert_eq!(error("1\n+2"), TraceError::Line(2));
        assert_eq!(error("1 \n2"), TraceError::Line(1));
        assert_eq!(error("1\n2\n4294967296"), TraceError::Line(3));
        assert_eq!(error("7\n7\n6\n"), TraceError::Earlier(3));
        assert_eq!(Trace::new("", "1"), Err(TraceError::Name));
        assert_eq!(Trace::new("a b", "1"), Err(TraceError::Name));
        assert_eq!(Trace::new("a;b", "1"), Err(TraceError::Name));
        assert!(Trace::new("windows", "\u{feff}1\r\n2\r\n").is_ok());
        assert!(Trace::new("latest", "4294967295").is_ok());
    }

    #[test]
    fn a_trace_has_as_many_lines_as_it_may_and_not_one_more() {
        let lines = "1\n".repeat(MAX_TRACE_LINES);
        assert_eq!(read(&lines).map(|millis| millis.len()), Ok(MAX_TRACE_LINES));
        assert_eq!(read(&format!("{lines}1\n")), Err(TraceError::Lines));
        let long = format!("{}1", "0".repeat(MAX_TRACE_LEN - 1));
        assert_eq!(read(&long), Ok(vec![1]));
        assert_eq!(read(&format!("0{long}")), Err(TraceError::Len(MAX_TRACE_LEN as u64 + 1)));
    }

    #[test]
    fn one_trace_more_than_the_bound_is_refused_and_known_ones_are_not() {
        let mut kept = Vec::new();
        let first = keep(&mut kept, "a", vec![1], 2);
        assert!(first.is_ok() && keep(&mut kept, "a", vec![2], 2).is_ok());
        assert_eq!(keep(&mut kept, "b", vec![1], 2), Err(TraceError::TooMany));
        assert_eq!(keep(&mut kept, "a", vec![1], 2), first, "it is kept once");
        assert_ne!(keep(&mut kept, "a", vec![2], 2), first);
    }
}
