//! Reading and writing the values of single options.

use std::ffi::OsStr;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};

use crate::fault::{ProfileError, SpanError, parse_span};
use crate::machine::Peer;
use crate::seed;
use crate::systems::election;

/// The most threads that a check takes.
const MAX_JOBS: u64 = 1024;
/// As many open files as a system has for all.
const MAX_CLIENTS: u64 = 1 << 30;
/// The most faults of a schedule, when all are gone through: there is no end to more.
const MAX_FAULTS: u64 = 64;
/// The scales at which every delay of every system is still a span that can be counted.
const SCALES: RangeInclusive<f64> = 1e-6..=1e6;

/// The longest that a client can be held.
const MAX_HOLD: Duration = Duration::from_hours(24);
/// The most bytes that a client can be told to send: a terabyte.
const MAX_BYTES: u64 = 1 << 40;

/// The longest place that is asked for, in bytes: a request for it is short enough, whatever its letters are.
const MAX_PLACE_LEN: usize = 2_000;

/// The most members that an election has.
const MAX_MEMBERS: usize = election::MAX_MEMBERS;

/// Why a text is not the value that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    /// It is no number, or out of its bounds.
    #[error("'{text}' is not a whole number from {min} to {max}")]
    Whole {
        /// The text.
        text: String,
        /// The least that it may be.
        min: u64,
        /// The most.
        max: u64,
    },
    /// It is no text.
    #[error("there is nothing to make a seed of: write a text, such as a date")]
    Nothing,
    /// It is no time scale.
    #[error("'{0}' is not a time scale: write a number from {min} to {max}, such as 0.5", min = SCALES.start(), max = SCALES.end())]
    Scale(String),
    /// It is no span of time.
    #[error("cannot use '{text}': {why}")]
    Span {
        /// The text.
        text: String,
        /// What it should be.
        why: SpanError,
    },
    /// It is a span of nothing.
    #[error("cannot use '{0}': the span must be longer than 0")]
    Zero(String),
    /// It is too long.
    #[error("cannot use '{0}': at most a day (86400s) is possible")]
    Long(String),
    /// It would break the line of a request that it is to stand in.
    #[error("cannot use {0:?}: write printable ASCII without blanks, as in a URL")]
    Header(String),
    /// It is no path.
    #[error("cannot use '{0}': a path begins with '/'")]
    Path(String),
    /// It is no number of members.
    #[error(
        "'{0}' is not a number of members: write an odd one up to {MAX_MEMBERS}; of one more no more can fail"
    )]
    Members(String),
    /// It is no list of members.
    #[error("'{0}' is not a list of other members: write at most {max} addresses such as 10.0.0.2:7946, with commas between them", max = MAX_MEMBERS - 1)]
    Peers(String),
    /// It is no place.
    #[error("cannot use {0:?}: a place has a word and at most {MAX_PLACE_LEN} bytes")]
    Place(String),
    /// It is no profile's name.
    #[error("{why}{}", near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    Profile {
        /// What there is.
        why: ProfileError,
        /// What may have been meant.
        near: Option<&'static str>,
    },
    /// The file of a link cannot be read.
    #[error("cannot read '{path}': {why}")]
    LinkFile {
        /// Where it should be.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// It is no rate.
    #[error("cannot use '{0}': write how many bits a second, as in 500kbit, 2mbit or 1gbit")]
    Rate(String),
    /// It is not a whole number of milliseconds.
    #[error("cannot use '{0}': jitter is in whole milliseconds")]
    Jitter(String),
}

/// Reads a whole number.
pub(super) fn whole(text: &str, min: u64, max: u64) -> Result<u64, ValueError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|value| digits && (min..=max).contains(value));
    value.ok_or_else(|| ValueError::Whole { text: text.to_owned(), min, max })
}

/// Reads a seed.
pub(super) fn seed(text: &str) -> Result<u64, ValueError> {
    whole(text, 0, u64::MAX)
}

/// Reads a text that a seed is made of.
pub(super) fn seed_from(text: &str) -> Result<u64, ValueError> {
    match text.trim() {
        "" => Err(ValueError::Nothing),
        text => Ok(seed::of_bytes(text.as_bytes())),
    }
}

/// Reads how many bits a second pass: a whole number and its unit.
pub(super) fn rate(text: &str) -> Result<u64, ValueError> {
    let units = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];
    let read = units.into_iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
    let rate = read.and_then(|(number, bits): (&str, u64)| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(bits)
    });
    rate.filter(|rate| *rate > 0).ok_or_else(|| ValueError::Rate(text.to_owned()))
}

/// Reads a number of runs.
pub(super) fn runs(text: &str) -> Result<u64, ValueError> {
    whole(text, 1, u64::MAX)
}

/// Reads a number of columns.
pub(super) fn width(text: &str) -> Result<usize, ValueError> {
    Ok(whole(text, 20, 1000)? as usize)
}

/// Reads the number of a flow.
pub(super) fn flow(text: &str) -> Result<usize, ValueError> {
    Ok(whole(text, 1, u64::from(u32::MAX))? as usize)
}

/// Reads how many faults a schedule may have.
pub(super) fn max_faults(text: &str) -> Result<usize, ValueError> {
    Ok(whole(text, 0, MAX_FAULTS)? as usize)
}

/// Reads a number of threads.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, ValueError> {
    let jobs = whole(text, 1, MAX_JOBS)?;
    Ok(NonZeroUsize::new(jobs as usize).unwrap_or(NonZeroUsize::MIN))
}

/// Reads how many clients there may be.
pub(super) fn clients(text: &str) -> Result<NonZeroUsize, ValueError> {
    let clients = whole(text, 1, MAX_CLIENTS)?;
    Ok(NonZeroUsize::new(clients as usize).unwrap_or(NonZeroUsize::MIN))
}

/// Reads a number of members.
pub(super) fn members(text: &str) -> Result<usize, ValueError> {
    let count = whole(text, 1, MAX_MEMBERS as u64).map(|count| count as usize);
    count.ok().filter(|count| count % 2 == 1).ok_or_else(|| ValueError::Members(text.to_owned()))
}

/// Other members, by their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peers(pub(super) Vec<Peer>);

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(Peer::to_string).collect();
        f.write_str(&all.join(","))
    }
}

/// Reads the addresses of other members, none of them twice.
pub(super) fn peers(text: &str) -> Result<Peers, ValueError> {
    let no_list = || ValueError::Peers(text.to_owned());
    let all: Vec<Peer> = text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| no_list())?;
    let is_one =
        |peer: &Peer| peer.inet().is_some_and(|addr| !addr.ip().is_unspecified() && addr.port() != 0);
    let is_twice = (1..all.len()).any(|index| all[..index].contains(&all[index]));
    let fits = all.iter().all(is_one) && all.len() < MAX_MEMBERS && !is_twice;
    if fits { Ok(Peers(all)) } else { Err(no_list()) }
}

/// Reads a place.
pub(super) fn place(text: &str) -> Result<String, ValueError> {
    let fits = text.len() <= MAX_PLACE_LEN && text.chars().any(char::is_alphanumeric);
    if fits { Ok(text.to_owned()) } else { Err(ValueError::Place(text.to_owned())) }
}

/// Reads a time scale.
pub(super) fn scale(text: &str) -> Result<f64, ValueError> {
    // NaN is in no range.
    let value = text.parse().ok().filter(|value| SCALES.contains(value));
    value.ok_or_else(|| ValueError::Scale(text.to_owned()))
}

fn span(text: &str) -> Result<Duration, ValueError> {
    parse_span(text).map_err(|why| ValueError::Span { text: text.to_owned(), why })
}

/// Reads how long to wait.
pub(super) fn timeout(text: &str) -> Result<Duration, ValueError> {
    let span = span(text)?;
    if span.is_zero() { Err(ValueError::Zero(text.to_owned())) } else { Ok(span) }
}

/// Reads how long something lasts: seconds, or a span with its unit; at most a day.
pub(super) fn seconds(text: &str) -> Result<Duration, ValueError> {
    let plain = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let span = plain.map_or_else(|| span(text), Ok)?;
    if span > MAX_HOLD { Err(ValueError::Long(text.to_owned())) } else { Ok(span) }
}

/// Reads how many bytes to send.
pub(super) fn bytes(text: &str) -> Result<u64, ValueError> {
    whole(text, 1, MAX_BYTES)
}

/// Reads what goes into one line of a request.
pub(super) fn header(text: &str) -> Result<String, ValueError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(text.to_owned()) } else { Err(ValueError::Header(text.to_owned())) }
}

/// Reads the path of a request.
pub(super) fn path(text: &str) -> Result<String, ValueError> {
    header(text)?;
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err(ValueError::Path(text.to_owned())) }
}

/// A value of which some texts are known. A shell completes those; what others mean, the parser says.
#[derive(Clone)]
pub(super) struct Known<P> {
    parser: P,
    names: Vec<&'static str>,
}

/// A value that is read by a parser, with its known texts.
pub(super) fn known<P: TypedValueParser>(parser: P, names: Vec<&'static str>) -> Known<P> {
    Known { parser, names }
}

/// A text that is looked up later, with those that will be found.
pub(super) fn text(names: Vec<&'static str>) -> Known<StringValueParser> {
    known(StringValueParser::new(), names)
}

impl<P: TypedValueParser> TypedValueParser for Known<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<P::Value, clap::Error> {
        self.parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(|name| PossibleValue::new(*name))))
    }
}

/// Reads how late packets may be.
pub(super) fn jitter(text: &str) -> Result<Duration, ValueError> {
    let span = span(text)?;
    let fine = !span.as_nanos().is_multiple_of(1_000_000);
    if fine { Err(ValueError::Jitter(text.to_owned())) } else { Ok(span) }
}

/// A span as an option takes it: in the largest unit that divides it.
pub(super) fn span_text(span: Duration) -> String {
    let nanos = span.as_nanos();
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let largest = units.into_iter().find(|(_, size)| nanos.is_multiple_of(*size));
    largest.map(|(unit, size)| format!("{}{unit}", nanos / size)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_bounds_are_refused() {
        for text in ["", "x", "-1", "+1", "1.5", "18446744073709551616", " 1"] {
            assert!(seed(text).is_err(), "{text:?}");
        }
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert!(runs("0").is_err() && jobs("0").is_err() && jobs("1025").is_err());
        assert!(width("19").is_err() && width("20") == Ok(20) && width("1001").is_err());
        for text in ["0", "-1", "NaN", "inf", "1e7", "1e-7", "", "x"] {
            assert!(scale(text).is_err(), "{text:?}");
        }
        assert!(timeout("0s").is_err() && jitter("500us").is_err());
        assert_eq!(jitter("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_hold_is_in_seconds_or_a_span() {
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("1.5"), seconds("1500ms"));
        assert_eq!(seconds("86400"), Ok(MAX_HOLD));
        for text in ["86401", "-1", "NaN", "inf", "", "x", "1 s"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn members_are_counted_and_named_within_bounds() {
        assert_eq!([members("1"), members("3"), members("7")], [Ok(1), Ok(3), Ok(7)]);
        assert!(["0", "2", "8", "9", "x", "-1"].iter().all(|text| members(text).is_err()));
        let list =
            |count: u16| (1..=count).map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        assert_eq!(peers(&list(6)).map(|peers| peers.to_string()), Ok(list(6)));
        let refused =
            [&list(7), "", "x", "127.0.0.1:1,", "127.0.0.1:0", "0.0.0.0:1", "unix:/x", "[::1]:1, [::1]:2"];
        for text in refused.into_iter().chain(["127.0.0.1:1,127.0.0.1:1"]) {
            assert!(peers(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nothing_breaks_out_of_a_request() {
        for text in ["", "a b", "a\r\nX: y", "\u{e9}"] {
            assert!(header(text).is_err() && path(text).is_err(), "{text:?}");
        }
        assert!(header("example.org").is_ok() && path("/a?b=c").is_ok() && path("a").is_err());
        assert_eq!((bytes("1"), bytes("0").is_err()), (Ok(1), true));
        assert_eq!((bytes("1099511627776"), bytes("1099511627777").is_err()), (Ok(MAX_BYTES), true));
    }

    #[test]
    fn a_place_has_a_word_and_fits_into_a_request() {
        let longest = "京".repeat(666);
        assert!(place(&longest).is_ok() && place(&format!("{longest}abc")).is_err());
        assert!(["", " ", ".,"].iter().all(|text| place(text).is_err()));
    }

    #[test]
    fn a_span_is_written_as_it_is_read() {
        for text in ["5s", "1500ms", "7us", "1ns"] {
            assert_eq!(span_text(timeout(text).unwrap()), text);
        }
    }
}
