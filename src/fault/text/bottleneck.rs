//! A bottleneck in the text of a plan.

use super::{ParseError, keyword};
use crate::fault::cursor::Cursor;
use crate::fault::error::ParseProblem;
use crate::fault::{Bandwidth, Bottleneck, Discipline, ReadTrace};

/// What follows `bottleneck`: its name, its rate and queue, its discipline, and the flows that pass it.
pub(super) fn bottleneck(
    cursor: &mut Cursor<'_>,
    traces: ReadTrace<'_>,
) -> Result<Bottleneck<String>, ParseError> {
    let name = cursor.word();
    if name.text.is_empty() {
        return Err(cursor.unexpected(name.at, "the name of a bottleneck"));
    }
    let bandwidth = bandwidth(cursor, traces)?;
    let is_codel = cursor.eat_word("codel");
    let discipline = if is_codel { Discipline::Codel } else { Discipline::DropTail };
    if !cursor.eat_word("over") {
        let expected = if is_codel { "'over' and the flows" } else { "'codel', or 'over' and the flows" };
        return Err(cursor.unexpected_next(expected));
    }
    let mut bottleneck = Bottleneck::new(name.text, bandwidth).with(discipline);
    loop {
        let from = end(cursor)?;
        if !cursor.eat('>') {
            return Err(cursor.unexpected_next("'>' and the host that receives"));
        }
        bottleneck = bottleneck.way([from, end(cursor)?]);
        if !cursor.eat(',') {
            return Ok(bottleneck);
        }
    }
}

/// One end of a flow: a host, or any.
fn end(cursor: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    if cursor.eat('*') {
        return Ok(None);
    }
    let word = cursor.word();
    if word.text.is_empty() {
        return Err(cursor.unexpected(word.at, "the name of a host, or '*' for any"));
    }
    Ok(Some(word.text.to_owned()))
}

fn bandwidth(cursor: &mut Cursor<'_>, traces: ReadTrace<'_>) -> Result<Bandwidth, ParseError> {
    let start = cursor.next_at();
    if cursor.eat_word("trace") {
        if !cursor.eat('@') {
            return Err(cursor.unexpected_next("'@' and the file of a trace"));
        }
        let path = cursor.path();
        let trace = traces(path)
            .map_err(|why| cursor.error(start, ParseProblem::Trace { path: path.to_owned(), why }))?;
        return Ok(Bandwidth::trace(trace, queue_len(cursor)?));
    }
    if !cursor.eat_word("rate") {
        return Err(cursor.unexpected_next("'rate' and how many bits a second, or 'trace' and a file"));
    }
    let at = cursor.next_at();
    match cursor.number("how many bits a second", u64::MAX)? {
        0 => Err(cursor.unexpected(at, "at least one bit a second")),
        bits => Ok(Bandwidth::bits(bits, queue_len(cursor)?)),
    }
}

fn queue_len(cursor: &mut Cursor<'_>) -> Result<u32, ParseError> {
    keyword(cursor, &["queue"])?;
    cursor.number("how many bytes the queue holds", u32::MAX)
}
