//! Items about hosts.

use std::time::Duration;

use super::{flow, host, keyword, next_host, not_a_fault, span};
use crate::fault::cursor::{Cursor, Word};
use crate::fault::error::ParseError;
use crate::fault::{Down, FaultKind, HostFault, Rate, When};

/// What can happen to hosts at a moment.
const KINDS: [&str; 15] = [
    "partition",
    ISOLATE,
    "heal",
    "stop",
    "crash",
    "poweroff",
    "restart",
    "skew",
    "drift",
    "timer-first",
    "pause",
    "resume",
    "rebind",
    "reboot",
    "move",
];

/// The word for a partition of one host from all others.
pub(in crate::fault) const ISOLATE: &str = "isolate";

/// What follows `at 2s`: one fault, or a partition for each pair of two groups.
pub(super) fn faults(cursor: &mut Cursor<'_>) -> Result<Vec<HostFault>, ParseError> {
    let word = cursor.word();
    let fault = match FaultKind::named(word.text) {
        Some(FaultKind::Partition) => return partitions(cursor),
        Some(FaultKind::Heal) => HostFault::Heal,
        Some(FaultKind::Stop) => HostFault::Stop(next_host(cursor)?),
        Some(FaultKind::Crash) => HostFault::Crash(next_host(cursor)?),
        Some(FaultKind::Poweroff) => HostFault::Poweroff(next_host(cursor)?),
        Some(FaultKind::Restart) => HostFault::Restart(next_host(cursor)?),
        Some(FaultKind::Pause) => HostFault::Pause(next_host(cursor)?),
        Some(FaultKind::Resume) => HostFault::Resume(next_host(cursor)?),
        Some(FaultKind::TimerFirst) => HostFault::TimerFirst(next_host(cursor)?),
        Some(FaultKind::Skew) => skew(cursor)?,
        Some(FaultKind::Drift) => drift(cursor)?,
        Some(FaultKind::Rebind) => HostFault::Rebind(next_host(cursor)?),
        Some(FaultKind::Reboot) => HostFault::Reboot(next_host(cursor)?),
        Some(FaultKind::Move) => moves(cursor)?,
        None if word.text == ISOLATE => HostFault::Isolate(next_host(cursor)?),
        _ => return Err(not_a_fault(cursor, word, &KINDS)),
    };
    Ok(vec![fault])
}

/// What follows `partition`.
fn partitions(cursor: &mut Cursor<'_>) -> Result<Vec<HostFault>, ParseError> {
    let first = cursor.word();
    if cursor.eat('>') {
        return Ok(vec![HostFault::PartitionOneWay(flow(cursor, first)?)]);
    }
    let ours = group(cursor, first)?;
    if !cursor.eat('|') {
        return Err(cursor.unexpected_next("'|' (both ways) or '>' (one way) and another host"));
    }
    let first = cursor.word();
    let theirs = group(cursor, first)?;
    let pair = |a: &String, b: &String| HostFault::Partition { a: a.clone(), b: b.clone() };
    Ok(ours.iter().flat_map(|a| theirs.iter().map(move |b| pair(a, b))).collect())
}

/// Hosts between commas.
fn group(cursor: &mut Cursor<'_>, first: Word<'_>) -> Result<Vec<String>, ParseError> {
    let mut hosts = vec![host(cursor, first)?];
    while cursor.eat(',') {
        hosts.push(next_host(cursor)?);
    }
    Ok(hosts)
}

/// What follows `skew`.
fn skew(cursor: &mut Cursor<'_>) -> Result<HostFault, ParseError> {
    let host = next_host(cursor)?;
    if cursor.eat('+') {
        return Ok(HostFault::Skew { host, ahead: Duration::from_nanos(span(cursor)?) });
    }
    let at = cursor.next_at();
    // A '-' may stand in a name, so it comes with the word.
    let Some(behind) = cursor.word().text.strip_prefix('-') else {
        return Err(cursor.unexpected(at, "'+' or '-' and a span of time"));
    };
    let behind = crate::fault::span::parse_nanos(behind);
    let behind = behind.map_err(|_| cursor.unexpected(at, "'-' and a span of time such as 40ms"))?;
    Ok(HostFault::Lag { host, behind: Duration::from_nanos(behind) })
}

/// What follows `drift`.
fn drift(cursor: &mut Cursor<'_>) -> Result<HostFault, ParseError> {
    let host = next_host(cursor)?;
    let word = cursor.word();
    let rate = word.text.strip_prefix('x').and_then(|rate| rate.parse::<Rate>().ok());
    let expected = "'x' and the rate of a clock from 0.5 to 2, such as x1.001";
    let rate = rate.ok_or_else(|| cursor.unexpected(word.at, expected))?;
    Ok(HostFault::Drift { host, rate })
}

/// What follows `move`.
fn moves(cursor: &mut Cursor<'_>) -> Result<HostFault, ParseError> {
    let host = next_host(cursor)?;
    let word = cursor.word();
    let to = word.text.parse().map_err(|_| cursor.unexpected(word.at, "an IPv4 address such as 10.0.1.7"))?;
    Ok(HostFault::Move { host, to })
}

/// What follows `crash` or `poweroff` at the start of an item.
pub(super) fn down(cursor: &mut Cursor<'_>, silent: bool) -> Result<Down, ParseError> {
    let host = next_host(cursor)?;
    let when = when(cursor)?;
    let back_after = if cursor.eat_word("for") { Some(Duration::from_nanos(span(cursor)?)) } else { None };
    Ok(Down { host, silent, when, back_after })
}

/// An event in the life of a host.
fn when(cursor: &mut Cursor<'_>) -> Result<When, ParseError> {
    let word = cursor.word();
    match word.text {
        "before" => {
            keyword(cursor, &["send"])?;
            Ok(When::BeforeSend(number(cursor)?))
        }
        "after" if cursor.eat_word("send") => Ok(When::AfterSend(number(cursor)?)),
        "after" if cursor.eat_word("recv") => Ok(When::AfterRecv(number(cursor)?)),
        "after" => {
            keyword(cursor, &["effect"])?;
            let effect = cursor.number("the number of an effect, from 1,", u32::MAX)?;
            keyword(cursor, &["of"])?;
            keyword(cursor, &["recv"])?;
            Ok(When::AfterEffect { effect, recv: number(cursor)? })
        }
        _ => {
            let error = cursor.unexpected(word.at, "'before send #N', 'after send #N' or 'after recv #N'");
            Err(error.hint("a moment comes first, as in at 2s crash a"))
        }
    }
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, ParseError> {
    if !cursor.eat('#') {
        return Err(cursor.unexpected_next("'#' and a number"));
    }
    cursor.number("a number", u64::MAX)
}
