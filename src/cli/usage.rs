//! What clap has to say about wrong words, in one line.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::program::Program;

/// One line for an error, with where help is to be had.
pub(super) fn line(error: &Error, program: &Program, args: &[OsString]) -> String {
    match (error.kind(), argument(error), error.source(), word(error, ContextKind::InvalidValue)) {
        // The value's own error says what it should be.
        (ErrorKind::ValueValidation, Some(name), Some(why), _) => format!("{name}: {why}"),
        (ErrorKind::InvalidValue, Some(name), _, Some(value)) => {
            let valid = words(error, ContextKind::ValidValue).join(" or ");
            format!("{name}: cannot use '{value}': write {valid}")
        }
        _ => {
            let (message, help) = (message(error), format!("try '{} --help'", command(program, args)));
            match suggestion(error) {
                Some(near) => format!("{message}; did you mean '{near}'? ({help})"),
                None => format!("{message}; {help}"),
            }
        }
    }
}

/// The name of the option, or of the operand, that is wrong.
fn argument(error: &Error) -> Option<String> {
    let name = word(error, ContextKind::InvalidArg)?;
    let name = name.split_whitespace().next()?;
    Some(name.trim_matches(['[', ']', '<', '>']).to_owned())
}

fn word(error: &Error, kind: ContextKind) -> Option<String> {
    words(error, kind).into_iter().next().filter(|word| !word.is_empty())
}

fn words(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    }
}

/// Clap's first paragraph, on one line.
fn message(error: &Error) -> String {
    let text = error.to_string();
    let first = text.strip_prefix("error: ").unwrap_or(&text).split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The word that may have been meant.
fn suggestion(error: &Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    kinds.into_iter().find_map(|kind| word(error, kind))
}

/// The command that was given, as far as it is one.
fn command(program: &Program, args: &[OsString]) -> String {
    let clap = program.command();
    let given = args.get(1).and_then(|word| word.to_str()).and_then(|word| clap.find_subcommand(word));
    given.map_or_else(|| clap.get_name().to_owned(), |sub| format!("{} {}", clap.get_name(), sub.get_name()))
}
