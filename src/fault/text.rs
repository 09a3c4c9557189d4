//! The text of a plan, read by recursive descent: one function for each form that an item can have.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use super::cursor::{Cursor, Word};
use super::error::{ParseError, ParseProblem};
use super::span::{SpanError, parse_nanos};
use super::{DatagramFault, Fault, FaultKind, FaultPlan, Flow, HostFault, StreamFault};
use crate::Instant;

/// The only version there is.
pub(super) const VERSION: &str = "v1";

const DATAGRAM_KINDS: [FaultKind; 5] =
    [FaultKind::Drop, FaultKind::Duplicate, FaultKind::Delay, FaultKind::Flip, FaultKind::Truncate];
const STREAM_KINDS: [FaultKind; 3] = [FaultKind::Cut, FaultKind::Stall, FaultKind::Reset];
const HOST_KINDS: [FaultKind; 6] = [
    FaultKind::Partition,
    FaultKind::Heal,
    FaultKind::Crash,
    FaultKind::Poweroff,
    FaultKind::Restart,
    FaultKind::Skew,
];

/// Reads the text form of a plan; the [module](super) shows it.
impl FromStr for FaultPlan {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(text);
        let mut plan = Self::default();
        let mut is_first = true;
        while let Some(start) = cursor.next_item() {
            let word = cursor.word();
            // The sign decides, not the word, so that hosts may be called `seed` or `v1`.
            if cursor.eat('>') {
                let flow = flow(&mut cursor, word)?;
                let fault = flow_fault(&mut cursor, flow)?;
                plan.push(fault).map_err(|refusal| cursor.error(start, refusal))?;
            } else if is_version(word.text) {
                check_version(&cursor, word, is_first)?;
            } else {
                match word.text {
                    "seed" => seed(&mut cursor, &mut plan, start)?,
                    "link" => link(&mut cursor, &mut plan, start)?,
                    "at" => {
                        let at = Instant::from_nanos(span(&mut cursor)?);
                        let fault = Fault::Host { at, fault: host_fault(&mut cursor)? };
                        plan.push(fault).map_err(|refusal| cursor.error(start, refusal))?;
                    }
                    other => {
                        let expected = "an item ('seed', 'link', 'at', or a flow such as a>b)";
                        let error = cursor.unexpected(start, expected);
                        return Err(error.hint_nearest(other, &["seed", "link", "at"]));
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

fn check_version(cursor: &Cursor<'_>, word: Word<'_>, is_first: bool) -> Result<(), ParseError> {
    if !is_first {
        return Err(cursor.unexpected(word.at, "another item").hint("the version comes first"));
    }
    if word.text != VERSION {
        let expected = format!("{VERSION} (the only version understood)");
        return Err(cursor.unexpected(word.at, expected));
    }
    Ok(())
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

/// What follows `a>b`.
fn flow_fault(cursor: &mut Cursor<'_>, flow: Flow) -> Result<Fault, ParseError> {
    if cursor.eat('#') {
        let n = cursor.number("a packet number", u64::MAX)?;
        return Ok(Fault::Datagram { flow, n, fault: datagram_fault(cursor)? });
    }
    let (conn, expected) = if cursor.eat('/') {
        (cursor.number("a connection number", u32::MAX)?, "'@' and a byte offset, or 'cut every'")
    } else {
        (1, "'#' and a packet number, '@' and a byte offset, or 'cut every'")
    };
    if cursor.eat('@') {
        let at = cursor.number("a byte offset", u64::MAX)?;
        return Ok(Fault::Stream { flow, conn, at, fault: stream_fault(cursor)? });
    }
    let word = cursor.word();
    if word.text != FaultKind::Cut.name() {
        return Err(cursor.unexpected(word.at, expected));
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

fn datagram_fault(cursor: &mut Cursor<'_>) -> Result<DatagramFault, ParseError> {
    let word = cursor.word();
    match kind_named(word.text) {
        Some(FaultKind::Drop) => Ok(DatagramFault::Drop),
        Some(FaultKind::Duplicate) => Ok(DatagramFault::Duplicate),
        Some(FaultKind::Delay) => Ok(DatagramFault::Delay(Duration::from_nanos(span(cursor)?))),
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
    match kind_named(word.text) {
        Some(FaultKind::Cut) => Ok(StreamFault::Cut),
        Some(FaultKind::Stall) => Ok(StreamFault::Stall(Duration::from_nanos(span(cursor)?))),
        Some(FaultKind::Reset) => Ok(StreamFault::Reset),
        _ => Err(not_a_fault(cursor, word, &STREAM_KINDS)),
    }
}

fn host_fault(cursor: &mut Cursor<'_>) -> Result<HostFault, ParseError> {
    let word = cursor.word();
    match kind_named(word.text) {
        Some(FaultKind::Partition) => {
            let first = cursor.word();
            if cursor.eat('>') {
                return Ok(HostFault::PartitionOneWay(flow(cursor, first)?));
            }
            let a = host(cursor, first)?;
            if !cursor.eat('|') {
                return Err(cursor.unexpected_next("'|' (both ways) or '>' (one way) and another host"));
            }
            Ok(HostFault::Partition { a, b: next_host(cursor)? })
        }
        Some(FaultKind::Heal) => Ok(HostFault::Heal),
        Some(FaultKind::Crash) => Ok(HostFault::Crash(next_host(cursor)?)),
        Some(FaultKind::Poweroff) => Ok(HostFault::Poweroff(next_host(cursor)?)),
        Some(FaultKind::Restart) => Ok(HostFault::Restart(next_host(cursor)?)),
        Some(FaultKind::Skew) => {
            let host = next_host(cursor)?;
            if !cursor.eat('+') {
                let error = cursor.unexpected_next("'+' and a span of time");
                let is_back = cursor.word().text.starts_with('-');
                return Err(if is_back { error.hint("a monotonic clock never goes back") } else { error });
            }
            Ok(HostFault::Skew { host, ahead: Duration::from_nanos(span(cursor)?) })
        }
        _ => Err(not_a_fault(cursor, word, &HOST_KINDS)),
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

fn kind_named(name: &str) -> Option<FaultKind> {
    FaultKind::ALL.into_iter().find(|kind| kind.name() == name)
}

/// The error for a word where the name of one of `kinds` should be.
fn not_a_fault(cursor: &Cursor<'_>, word: Word<'_>, kinds: &[FaultKind]) -> ParseError {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let (last, rest) = names.split_last().unwrap_or((&"", &[]));
    let error = cursor.unexpected(word.at, format!("a fault ({} or {last})", rest.join(", ")));
    match kind_named(word.text) {
        Some(kind) if DATAGRAM_KINDS.contains(&kind) => {
            error.hint(format!("'{kind}' is for a datagram, as in a>b #3 {kind}"))
        }
        Some(kind) if STREAM_KINDS.contains(&kind) => {
            error.hint(format!("'{kind}' is for a stream, as in a>b @16 {kind}"))
        }
        Some(kind) => error.hint(format!("'{kind}' is for hosts, as in at 2s {kind}")),
        None => error.hint_nearest(word.text, &names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<FaultPlan>().map_or_else(|error| error.to_string(), |plan| format!("is a plan: {plan}"))
    }

    fn canonical(text: &str) -> String {
        text.parse::<FaultPlan>().map_or_else(|error| error.to_string(), |plan| plan.to_string())
    }

    #[test]
    fn the_text_is_free_in_its_blanks_and_separators() {
        for (text, expected) in [
            ("", "v1"),
            (" ;;\n ; \r\n", "v1"),
            ("v1", "v1"),
            ("a>b#0 drop", "v1; a>b #0 drop"),
            (" v1 ;a > b # 007 flip 1 : 128;;", "v1; a>b #7 flip 1:0x80"),
            ("a>b #0 drop\r\nseed 7\nlink 0.005s", "v1; seed 7; link 5ms; a>b #0 drop"),
            ("a>b/1@9 cut\na>b / 2 @ 9 stall 0.1s", "v1; a>b @9 cut; a>b/2 @9 stall 100ms"),
            ("a>b cut every 8 byte", "v1; a>b cut every 8 bytes"),
            ("at 1min skew a + 3s; at 0s partition a | b", "v1; at 60s skew a +3s; at 0s partition a|b"),
            (
                "at>seed #0 drop; v1>v2 #0 drop; ->. #0 drop",
                "v1; at>seed #0 drop; v1>v2 #0 drop; ->. #0 drop",
            ),
        ] {
            assert_eq!(canonical(text), expected, "{text:?}");
        }
    }

    /// Checks, of pairs of a text and the line expected for it, every one.
    fn check(table: &[(&str, &str)]) {
        for (text, expected) in table {
            assert_eq!(error(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_malformed_item_has_its_one_line() {
        let item = "expected an item ('seed', 'link', 'at', or a flow such as a>b), found";
        let place = "expected '#' and a packet number, '@' and a byte offset, or 'cut every', found";
        let foreign = "names have ASCII letters, digits, '_', '-' and '.' only";
        check(&[
            ("v2", "column 1: expected v1 (the only version understood), found 'v2'"),
            ("seed 1; v1", "column 9: expected another item, found 'v1'; the version comes first"),
            ("seed 1; seed 2", "column 9: the plan has a seed already"),
            ("link 1s; link 1s", "column 10: the plan has a link already"),
            ("sed 7", &format!("column 1: {item} 'sed'; did you mean 'seed'?")),
            ("éa>b #0 drop", &format!("column 1: {item} 'éa'; {foreign}")),
            ("\u{a0}é", &format!("column 2: {item} 'é'; {foreign}")),
            ("a>é #0 drop", &format!("column 3: expected the name of a host, found 'é'; {foreign}")),
            (">b #0 drop", "column 1: expected the name of a host, found '>'"),
            ("a>b drop", &format!("column 5: {place} 'drop'")),
            ("a>b/2 #0 drop", "column 7: expected '@' and a byte offset, or 'cut every', found '#'"),
            ("a>b cut evry 8 bytes", "column 9: expected 'every', found 'evry'; did you mean 'every'?"),
            ("a>b cut every 8", "column 16: expected 'byte' or 'bytes', found the end"),
            ("a>b #0 drop a", "column 13: expected ';' or the end of the item, found 'a'"),
        ]);
    }

    #[test]
    fn a_malformed_fault_has_its_one_line() {
        let datagram = "expected a fault (drop, duplicate, delay, flip or truncate), found";
        let host = "expected a fault (partition, heal, crash, poweroff, restart or skew), found";
        let side = "expected '|' (both ways) or '>' (one way) and another host, found";
        let ahead = "expected '+' and a span of time, found";
        let drop_hint = "'drop' is for a datagram, as in a>b #3 drop";
        let stall_hint = "'stall' is for a stream, as in a>b @16 stall";
        check(&[
            ("client>server #3 dorp", &format!("column 18: {datagram} 'dorp'; did you mean 'drop'?")),
            ("a>b #0", &format!("column 7: {datagram} the end")),
            ("a>b #0\n drop", &format!("column 7: {datagram} the end of the line")),
            ("a>b #0 stall 2s", &format!("column 8: {datagram} 'stall'; {stall_hint}")),
            ("at 1s drop", &format!("column 7: {host} 'drop'; {drop_hint}")),
            ("a>b #0 flip 1", "column 14: expected ':' and a mask such as 0x80, found the end"),
            ("at 1s skew a -3s", &format!("column 14: {ahead} '-3s'; a monotonic clock never goes back")),
            ("at 1s skew a 3s", &format!("column 14: {ahead} '3s'")),
            ("at 2s partition a b", &format!("column 19: {side} 'b'")),
        ]);
    }

    #[test]
    fn a_malformed_number_has_its_one_line() {
        let span = "expected a span of time such as 40ms, found";
        let units = "end it with ns, us, ms, s or min, without a blank";
        let beyond = "18446744073709551616";
        let most = u64::MAX;
        check(&[
            ("seed -1", "column 6: expected a seed, found '-1'"),
            (
                &format!("seed {beyond}"),
                &format!("column 6: expected a seed of at most {most}, found '{beyond}'"),
            ),
            (
                "a>b #0 truncate 4294967296",
                "column 17: expected a number of bytes of at most 4294967295, found '4294967296'",
            ),
            (
                "a>b cut every 0 bytes",
                &format!("column 15: expected a number of bytes from 1 to {most}, found '0'"),
            ),
            ("a>b #0 flip 1:0x100", "column 15: expected a mask from 0x01 to 0xff, found '0x100'"),
            ("at soon heal", &format!("column 4: {span} 'soon'")),
            ("a>b #0 delay 40 ms", &format!("column 14: {span} '40'; {units}")),
            ("at 1m heal", &format!("column 4: {span} '1m'; write 'min' or 'ms'")),
            ("at 0.5ns heal", "column 4: expected a whole number of nanoseconds, found '0.5ns'"),
            (
                "at 18446744074s heal",
                &format!("column 4: expected a span of at most {most}ns, found '18446744074s'"),
            ),
        ]);
    }

    #[test]
    fn what_the_plan_refuses_is_reported_at_its_item() {
        let counted = "connections are counted from 1; write a>b/1, or leave the number out";
        check(&[
            ("v1; link 0s", "column 5: link must be at least 1ns"),
            ("seed 7;a>b/0 @0 cut", &format!("column 8: {counted}")),
            ("a>b #0 flip 1:0", "column 1: flip must change a bit; use a mask from 0x01 to 0xff"),
            ("at 2s partition a|a", "column 1: 'a' is on both sides; name two different hosts"),
            (
                "v1; seed 7; client>server #0 drop; client>server #0 duplicate",
                "column 36: client>server #0 has a fault already",
            ),
        ]);
    }
}
