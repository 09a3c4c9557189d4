//! The text of a plan, read by recursive descent: one function for each form that an item can have.

mod bottleneck;
mod host;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "segments")]
use super::Mtu;
use super::cursor::{Cursor, Word};
use super::error::{ParseError, ParseProblem};
use super::span::{SpanError, parse_nanos};
use super::{
    ConnectFault, DatagramFault, EVERY_CONN, Fault, FaultKind, FaultPlan, Flow, ReadTrace, StreamFault,
    StreamKind, no_file,
};
use crate::Instant;

pub(super) use host::ISOLATE;

/// The version that is printed, and that a text without one has.
pub(super) const VERSION: &str = "v2";

/// The version before, in which connections were counted from 1.
const FIRST_VERSION: &str = "v1";

/// What stands for no command at all.
pub(super) const NO_COMMANDS: &str = "none";

const DATAGRAM_KINDS: [&str; 7] = ["drop", "duplicate", "delay", "flip", "truncate", "mark", "bleach"];
const STREAM_KINDS: [&str; 3] = ["cut", "stall", "reset"];
const CONNECT_KINDS: [&str; 2] = ["refuse", "silence"];

/// Reads the text form of a plan; the [module](super) shows it.
impl FromStr for FaultPlan {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::read(text, &mut no_file)
    }
}

/// What an item may begin with, but for a flow.
const ITEMS: [&str; 9] =
    ["seed", "link", "streams", "calm", "commands", "bottleneck", "at", "crash", "poweroff"];

impl FaultPlan {
    /// Reads the text form of a plan as `FromStr` does, and asks for the traces that it names by their files.
    ///
    /// # Errors
    /// [`ParseError`] if the text is no plan, or a trace cannot be had.
    pub fn read(text: &str, traces: ReadTrace<'_>) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(text);
        let mut plan = Self::default();
        let (mut is_first, mut first_conn) = (true, 0);
        while let Some(start) = cursor.next_item() {
            let word = cursor.word();
            // The sign decides, not the word, so that hosts may be called `seed` or `v2`.
            if cursor.eat('>') {
                let flow = flow(&mut cursor, word)?;
                let fault = flow_fault(&mut cursor, flow, first_conn)?;
                plan.push(fault).map_err(|refusal| cursor.error(start, refusal))?;
            } else if is_version(word.text) {
                first_conn = version(&cursor, word, is_first)?;
            } else {
                match word.text {
                    "seed" => seed(&mut cursor, &mut plan, start)?,
                    "link" => link(&mut cursor, &mut plan, start)?,
                    "streams" => streams(&mut cursor, &mut plan, start)?,
                    "calm" => calm(&mut cursor, &mut plan, start)?,
                    "commands" => commands(&mut cursor, &mut plan, start)?,
                    "bottleneck" => {
                        let bottleneck = bottleneck::bottleneck(&mut cursor, traces)?;
                        plan.add_bottleneck(bottleneck).map_err(|refusal| cursor.error(start, refusal))?;
                    }
                    "at" => {
                        let at = Instant::from_nanos(span(&mut cursor)?);
                        for fault in host::faults(&mut cursor)? {
                            let fault = Fault::Host { at, fault };
                            plan.push(fault).map_err(|refusal| cursor.error(start, refusal))?;
                        }
                    }
                    "crash" | "poweroff" => {
                        let down = host::down(&mut cursor, word.text == "poweroff")?;
                        plan.push(Fault::Down(down)).map_err(|refusal| cursor.error(start, refusal))?;
                    }
                    other => {
                        let items = ITEMS.map(|item| format!("'{item}'")).join(", ");
                        let expected = format!("an item ({items}, or a flow such as a>b)");
                        return Err(cursor.unexpected(start, expected).hint_nearest(other, &ITEMS));
                    }
                }
            }
            cursor.end_of_item()?;
            is_first = false;
        }
        Ok(plan)
    }
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The number from which this version counts connections.
fn version(cursor: &Cursor<'_>, word: Word<'_>, is_first: bool) -> Result<u32, ParseError> {
    if !is_first {
        return Err(cursor.unexpected(word.at, "another item").hint("the version comes first"));
    }
    match word.text {
        VERSION => Ok(0),
        FIRST_VERSION => Ok(1),
        _ => {
            Err(cursor.unexpected(word.at, format!("{FIRST_VERSION} or {VERSION} (the versions understood)")))
        }
    }
}

fn seed(cursor: &mut Cursor<'_>, plan: &mut FaultPlan, start: usize) -> Result<(), ParseError> {
    if plan.seed.is_some() {
        return Err(cursor.error(start, ParseProblem::Repeated("seed")));
    }
    plan.seed = Some(cursor.number("a seed", u64::MAX)?);
    Ok(())
}

fn link(cursor: &mut Cursor<'_>, plan: &mut FaultPlan, start: usize) -> Result<(), ParseError> {
    if plan.link().is_some() {
        return Err(cursor.error(start, ParseProblem::Repeated("link")));
    }
    let latency = Duration::from_nanos(span(cursor)?);
    plan.set_link(Some(latency)).map_err(|refusal| cursor.error(start, refusal))
}

fn streams(cursor: &mut Cursor<'_>, plan: &mut FaultPlan, start: usize) -> Result<(), ParseError> {
    if plan.streams.is_some() {
        return Err(cursor.error(start, ParseProblem::Repeated("kind of streams")));
    }
    let word = cursor.word();
    plan.streams = Some(match word.text {
        "model" => StreamKind::Model,
        #[cfg(feature = "segments")]
        "segments" => StreamKind::Segments(mtu(cursor)?),
        #[cfg(not(feature = "segments"))]
        "segments" => {
            let error = cursor.unexpected(word.at, "'model'");
            return Err(error.hint("segments need the feature 'segments' of lossproof"));
        }
        other => {
            let kinds = ["model", "segments"];
            return Err(cursor.unexpected(word.at, "'model' or 'segments'").hint_nearest(other, &kinds));
        }
    });
    Ok(())
}

/// How long a packet with a segment is at most, if that is said.
#[cfg(feature = "segments")]
fn mtu(cursor: &mut Cursor<'_>) -> Result<Mtu, ParseError> {
    let at = cursor.next_at();
    if cursor.end_of_item().is_ok() {
        return Ok(Mtu::ETHERNET);
    }
    let len = cursor.number("a number of bytes", u16::MAX)?;
    Mtu::new(len).ok_or_else(|| {
        let expected = format!("a number of bytes from {} to {}", Mtu::MIN.get(), u16::MAX);
        cursor.unexpected(at, expected)
    })
}

fn calm(cursor: &mut Cursor<'_>, plan: &mut FaultPlan, start: usize) -> Result<(), ParseError> {
    if plan.calm.is_some() {
        return Err(cursor.error(start, ParseProblem::Repeated("calm")));
    }
    plan.calm = Some(Instant::from_nanos(span(cursor)?));
    Ok(())
}

/// The generated commands that are given: `none`, or their numbers.
fn commands(cursor: &mut Cursor<'_>, plan: &mut FaultPlan, start: usize) -> Result<(), ParseError> {
    if plan.commands.is_some() {
        return Err(cursor.error(start, ParseProblem::Repeated("list of commands")));
    }
    let mut given = BTreeSet::new();
    if !cursor.eat_word(NO_COMMANDS) {
        loop {
            given.insert(cursor.number("'none' or the number of a command", u32::MAX)?);
            if !cursor.eat(',') {
                break;
            }
        }
    }
    plan.commands = Some(given);
    Ok(())
}

/// What follows `a>b`, where connections are counted from this number.
fn flow_fault(cursor: &mut Cursor<'_>, flow: Flow, first_conn: u32) -> Result<Fault, ParseError> {
    if cursor.eat('#') {
        let n = cursor.number("a packet number", u64::MAX)?;
        return Ok(Fault::Datagram { flow, n, fault: datagram_fault(cursor)? });
    }
    let (conn, expected) = if cursor.eat('/') {
        (connection(cursor, first_conn)?, "'@' and a byte offset, 'cut every', 'refuse' or 'silence'")
    } else {
        (0, "'#' and a packet number, '@' and a byte offset, 'cut every', 'refuse' or 'silence'")
    };
    if cursor.eat('@') {
        let at = cursor.number("a byte offset", u64::MAX)?;
        return Ok(Fault::Stream { flow, conn, at, fault: stream_fault(cursor)? });
    }
    let word = cursor.word();
    match FaultKind::named(word.text) {
        Some(FaultKind::Cut) => {}
        Some(FaultKind::Refuse) => return Ok(Fault::Connect { flow, conn, fault: ConnectFault::Refuse }),
        Some(FaultKind::Silence) => return Ok(Fault::Connect { flow, conn, fault: ConnectFault::Silence }),
        _ => return Err(cursor.unexpected(word.at, expected)),
    }
    keyword(cursor, &["every"])?;
    let length = cursor.word();
    let len = length.text.parse::<NonZeroU64>().map_err(|_| {
        let expected = format!("a number of bytes from 1 to {}", u64::MAX);
        cursor.unexpected(length.at, expected)
    })?;
    keyword(cursor, &["byte", "bytes"])?;
    Ok(Fault::CutEvery { flow, conn, len })
}

/// The number of a connection, from 0, where the text counts from `first`; `*` stands for all.
fn connection(cursor: &mut Cursor<'_>, first: u32) -> Result<u32, ParseError> {
    if cursor.eat('*') {
        return Ok(EVERY_CONN);
    }
    let at = cursor.next_at();
    let max = EVERY_CONN - 1 + first;
    let number = cursor.number("a connection number", max)?;
    if number > max {
        return Err(cursor.unexpected(at, format!("a connection number of at most {max}")));
    }
    number.checked_sub(first).ok_or_else(|| {
        let error = cursor.unexpected(at, format!("a connection number from {first}"));
        error.hint(format!("{FIRST_VERSION} counts them from 1, {VERSION} from 0"))
    })
}

fn datagram_fault(cursor: &mut Cursor<'_>) -> Result<DatagramFault, ParseError> {
    let word = cursor.word();
    match FaultKind::named(word.text) {
        Some(FaultKind::Drop) => Ok(DatagramFault::Drop),
        Some(FaultKind::Duplicate) => Ok(DatagramFault::Duplicate),
        Some(FaultKind::Delay) => Ok(DatagramFault::Delay(Duration::from_nanos(span(cursor)?))),
        Some(FaultKind::Mark) => Ok(DatagramFault::Mark),
        Some(FaultKind::Bleach) => Ok(DatagramFault::Bleach),
        Some(FaultKind::Flip) => {
            let at = cursor.number("a byte", u32::MAX)?;
            if !cursor.eat(':') {
                return Err(cursor.unexpected_next("':' and a mask such as 0x80"));
            }
            Ok(DatagramFault::Flip { at, mask: mask(cursor)? })
        }
        Some(FaultKind::Truncate) => {
            Ok(DatagramFault::Truncate(cursor.number("a number of bytes", u32::MAX)?))
        }
        _ => Err(not_a_fault(cursor, word, &DATAGRAM_KINDS)),
    }
}

fn stream_fault(cursor: &mut Cursor<'_>) -> Result<StreamFault, ParseError> {
    let word = cursor.word();
    match FaultKind::named(word.text) {
        Some(FaultKind::Cut) => Ok(StreamFault::Cut),
        Some(FaultKind::Stall) => Ok(StreamFault::Stall(Duration::from_nanos(span(cursor)?))),
        Some(FaultKind::Reset) => Ok(StreamFault::Reset),
        _ => Err(not_a_fault(cursor, word, &STREAM_KINDS)),
    }
}

/// The flow from a host whose name, and the `>` after it, have been read.
fn flow(cursor: &mut Cursor<'_>, from: Word<'_>) -> Result<Flow, ParseError> {
    Ok(Flow { from: host(cursor, from)?, to: next_host(cursor)? })
}

fn next_host(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let word = cursor.word();
    host(cursor, word)
}

fn host(cursor: &Cursor<'_>, word: Word<'_>) -> Result<String, ParseError> {
    if word.text.is_empty() {
        return Err(cursor.unexpected(word.at, "the name of a host"));
    }
    Ok(word.text.to_owned())
}

/// The span of time that comes next, in nanoseconds.
fn span(cursor: &mut Cursor<'_>) -> Result<u64, ParseError> {
    let word = cursor.word();
    let unexpected = |expected: &str| cursor.unexpected(word.at, expected);
    parse_nanos(word.text).map_err(|error| match error {
        SpanError::Malformed => unexpected("a span of time such as 40ms"),
        SpanError::NoUnit => {
            let hint = "end it with ns, us, ms, s or min, without a blank";
            unexpected("a span of time such as 40ms").hint(hint)
        }
        SpanError::UnitM => unexpected("a span of time such as 40ms").hint("write 'min' or 'ms'"),
        SpanError::TooFine => unexpected("a whole number of nanoseconds"),
        SpanError::TooLong => unexpected(&format!("a span of at most {}ns", u64::MAX)),
    })
}

/// The mask of a flip, in hexadecimal after `0x`, otherwise decimal.
fn mask(cursor: &mut Cursor<'_>) -> Result<u8, ParseError> {
    let word = cursor.word();
    let parsed = match word.text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => word.text.parse(),
    };
    parsed.map_err(|_| cursor.unexpected(word.at, "a mask from 0x01 to 0xff"))
}

/// Reads one of `keywords`, of which which does not matter.
fn keyword(cursor: &mut Cursor<'_>, keywords: &[&str]) -> Result<(), ParseError> {
    let word = cursor.word();
    if keywords.contains(&word.text) {
        return Ok(());
    }
    let quoted: Vec<_> = keywords.iter().map(|keyword| format!("'{keyword}'")).collect();
    Err(cursor.unexpected(word.at, quoted.join(" or ")).hint_nearest(word.text, keywords))
}

/// The error for a word where one of these names should be.
fn not_a_fault(cursor: &Cursor<'_>, word: Word<'_>, names: &[&str]) -> ParseError {
    let (last, rest) = names.split_last().unwrap_or((&"", &[]));
    let error = cursor.unexpected(word.at, format!("a fault ({} or {last})", rest.join(", ")));
    match FaultKind::named(word.text) {
        Some(kind) if DATAGRAM_KINDS.contains(&kind.name()) => {
            error.hint(format!("'{kind}' is for a datagram, as in a>b #3 {kind}"))
        }
        Some(kind) if STREAM_KINDS.contains(&kind.name()) => {
            error.hint(format!("'{kind}' is for a stream, as in a>b @16 {kind}"))
        }
        Some(kind) if CONNECT_KINDS.contains(&kind.name()) => {
            error.hint(format!("'{kind}' is for a dial, as in a>b {kind}"))
        }
        Some(kind) => error.hint(format!("'{kind}' is for hosts, as in at 2s {kind}")),
        None => error.hint_nearest(word.text, names),
    }
}
