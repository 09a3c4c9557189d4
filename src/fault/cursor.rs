//! A place in the text of a plan, and the words and signs read from there.

use std::fmt::Display;
use std::str::FromStr;

use super::error::{ParseError, ParseProblem};
use super::is_host_char;

/// A text and how much of it has been read.
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// A byte offset, always at the start of a character.
    at: usize,
}

/// A run of the characters that names, numbers and spans of time are made of; empty where there is none.
#[derive(Clone, Copy)]
pub(super) struct Word<'t> {
    /// The byte offset at which it starts.
    pub(super) at: usize,
    pub(super) text: &'t str,
}

impl<'t> Cursor<'t> {
    /// A byte-order mark at the start, which some editors put there, belongs to the file and not to its text.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(skipped).len();
    }

    /// Skips blanks; a newline is none, since it ends an item.
    fn skip_blanks(&mut self) {
        self.skip(|c| c.is_whitespace() && c != '\n');
    }

    /// Skips to the start of the next item, and returns its byte offset; `None` at the end of the text. A comment, from a
    /// `#` in place of an item to the end of the line, is skipped.
    pub(super) fn next_item(&mut self) -> Option<usize> {
        self.skip(|c| c.is_whitespace() || c == ';');
        while self.rest().starts_with('#') {
            self.skip(|c| c != '\n');
            self.skip(|c| c.is_whitespace() || c == ';');
        }
        (!self.rest().is_empty()).then_some(self.at)
    }

    /// The byte offset of what comes next.
    pub(super) fn next_at(&mut self) -> usize {
        self.skip_blanks();
        self.at
    }

    /// Reads the word that comes next.
    pub(super) fn word(&mut self) -> Word<'t> {
        self.skip_blanks();
        let at = self.at;
        self.skip(is_host_char);
        Word { at, text: &self.text[at..self.at] }
    }

    /// Reads a path of a file that comes next: all up to a blank or the end of the item.
    pub(super) fn path(&mut self) -> &'t str {
        let at = self.at;
        self.skip(|c| !c.is_whitespace() && c != ';');
        &self.text[at..self.at]
    }

    /// Reads `sign` if it comes next, and says whether it did.
    pub(super) fn eat(&mut self, sign: char) -> bool {
        self.skip_blanks();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len_utf8();
        }
        is_next
    }

    /// Reads `word` if it is the word that comes next, and says whether it was.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_next = self.word().text == word;
        if !is_next {
            self.at = before;
        }
        is_next
    }

    /// Reads the whole number that comes next. `expected` names it; `max` is the largest that fits.
    pub(super) fn number<T: Copy + FromStr + Display>(
        &mut self,
        expected: &str,
        max: T,
    ) -> Result<T, ParseError> {
        let word = self.word();
        if word.text.is_empty() || !word.text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.unexpected(word.at, expected));
        }
        word.text.parse().map_err(|_| self.unexpected(word.at, format!("{expected} of at most {max}")))
    }

    /// Checks that nothing but the end of an item comes next.
    pub(super) fn end_of_item(&mut self) -> Result<(), ParseError> {
        self.skip_blanks();
        match self.rest().chars().next() {
            None | Some(';' | '\n') => Ok(()),
            Some(_) => Err(self.unexpected_next("';' or the end of the item")),
        }
    }

    /// The error that something else was expected than what comes next.
    pub(super) fn unexpected_next(&mut self, expected: impl Into<String>) -> ParseError {
        let at = self.next_at();
        self.unexpected(at, expected)
    }

    /// The error that something else was expected than what stands at the byte offset `at`.
    pub(super) fn unexpected(&self, at: usize, expected: impl Into<String>) -> ParseError {
        let (found, is_foreign) = describe(&self.text[at..]);
        let hint = is_foreign.then(|| "names have ASCII letters, digits, '_', '-' and '.' only".to_owned());
        self.error(at, ParseProblem::Unexpected { expected: expected.into(), found, hint })
    }

    /// The error that there is `problem` at the byte offset `at`.
    pub(super) fn error(&self, at: usize, problem: impl Into<ParseProblem>) -> ParseError {
        let column = self.text[..at].chars().count() + 1;
        ParseError { column, problem: problem.into() }
    }
}

/// What stands at the start of `text`, on one line and not too long, and whether it is a word with letters
/// beyond ASCII.
fn describe(text: &str) -> (String, bool) {
    const LONGEST: usize = 40;
    let is_letter = |c: char| is_host_char(c) || c.is_alphanumeric();
    let Some(first) = text.chars().next() else {
        return ("the end".to_owned(), false);
    };
    if first == '\n' {
        return ("the end of the line".to_owned(), false);
    }
    if !is_letter(first) {
        return (format!("'{}'", first.escape_debug()), false);
    }
    let end = text.find(|c| !is_letter(c)).unwrap_or(text.len());
    let word = &text[..end];
    let shown = match word.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("'{}...'", word[..cut].escape_debug()),
        None => format!("'{}'", word.escape_debug()),
    };
    (shown, !word.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs_are_read_past_blanks_but_not_past_a_newline() {
        let mut cursor = Cursor::new(" a-1\t> b\n> c");
        assert_eq!(cursor.word().text, "a-1");
        assert!(cursor.eat('>'));
        assert_eq!(cursor.word().text, "b");
        assert!(!cursor.eat('>'));
        assert_eq!(cursor.word().text, "");
        assert!(cursor.end_of_item().is_ok());
        assert_eq!(cursor.next_item(), Some(9));
        assert!(cursor.end_of_item().is_err());
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let mut cursor = Cursor::new("\u{3000}\u{3000}é");
        assert_eq!(cursor.unexpected_next("a word").column, 3);
    }

    #[test]
    fn what_was_found_stays_short_and_on_one_line() {
        assert_eq!(describe(""), ("the end".to_owned(), false));
        assert_eq!(describe("\n"), ("the end of the line".to_owned(), false));
        assert_eq!(describe("\u{7}x"), ("'\\u{7}'".to_owned(), false));
        assert_eq!(describe("clié>b"), ("'clié'".to_owned(), true));
        assert_eq!(describe(&"9".repeat(1_000)).0, format!("'{}...'", "9".repeat(40)));
        assert_eq!(describe(&"é".repeat(1_000)).0, format!("'{}...'", "é".repeat(40)));
    }
}
