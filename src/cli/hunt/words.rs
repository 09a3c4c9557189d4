//! The values of the options of `hunt`.

use std::collections::BTreeSet;

use crate::cli::output::quoted;
use crate::fault::FaultKind;
use crate::proxy::Trouble;

/// Kinds of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Kinds(pub(in crate::cli) BTreeSet<FaultKind>);

/// A program and its words, as the option has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Words(pub(in crate::cli) Vec<String>);

/// Why a text is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum WordsError {
    /// It is no kind that can be drawn.
    #[error("'{0}' is no kind of fault that can be drawn: write some of {all}", all = names().join(","))]
    Kind(String),
    /// It is no command.
    #[error("'{0}' is no command: write a program and its words, quoted as for a shell")]
    Command(String),
}

fn names() -> Vec<&'static str> {
    let all = Trouble::ALL.into_iter().chain([FaultKind::Crash]);
    all.map(FaultKind::name).collect()
}

/// Reads kinds of fault with commas between them.
pub(in crate::cli) fn kinds(text: &str) -> Result<Kinds, WordsError> {
    let kind = |word: &str| {
        let known = names().contains(&word).then(|| FaultKind::named(word)).flatten();
        known.ok_or_else(|| WordsError::Kind(word.to_owned()))
    };
    text.split(',').map(|word| kind(word.trim())).collect::<Result<_, _>>().map(Kinds)
}

/// Reads a command.
pub(in crate::cli) fn command(text: &str) -> Result<Words, WordsError> {
    let words = shlex::split(text).filter(|words| !words.is_empty());
    words.map(Words).ok_or_else(|| WordsError::Command(text.to_owned()))
}

impl Words {
    /// The words as one text that a shell reads as they are.
    pub(in crate::cli) fn shown(&self) -> String {
        shown(&self.0)
    }
}

/// Words as one text for a shell. A word in braces is one there, if it has neither a comma nor two points.
pub(in crate::cli) fn shown(words: &[String]) -> String {
    let shown = |word: &String| {
        let bare = word.replace(['{', '}'], "");
        let is_plain =
            !bare.is_empty() && quoted(&bare) == bare && !word.contains(',') && !word.contains("..");
        if is_plain { word.clone() } else { quoted(word) }
    };
    words.iter().map(shown).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_commands_are_read() {
        assert_eq!(kinds("drop, pause").unwrap().0, BTreeSet::from([FaultKind::Drop, FaultKind::Pause]));
        assert!(kinds("drop,skew").unwrap_err().to_string().starts_with("'skew' is no kind"));
        assert_eq!(command("a 'b c'").unwrap().0, ["a", "b c"]);
        assert_eq!(command("a 'b c'").unwrap().shown(), "a 'b c'");
        assert_eq!(command("a {port} '{a,b}' {}").unwrap().shown(), "a {port} '{a,b}' '{}'");
        for text in ["", " ", "a 'b"] {
            assert!(command(text).unwrap_err().to_string().contains("write a program"), "{text}");
        }
    }
}
