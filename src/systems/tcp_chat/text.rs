//! What was said, in memory that is used again once nobody has it any more.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// How many texts are kept at most, to be used again.
const MAX_TEXTS: usize = 1024;

/// What a member said. A clone has the same memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Arc<String>);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Arc::new(text.to_owned()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The texts that were made last, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Texts(VecDeque<Text>);

impl Texts {
    /// A text, in the memory of the oldest one if nobody has that any more.
    pub(super) fn make(&mut self, text: &str) -> Text {
        let mut oldest = None;
        if let Some(Text(shared)) = self.0.front_mut()
            && let Some(free) = Arc::get_mut(shared)
        {
            free.clear();
            free.push_str(text);
            oldest = self.0.pop_front();
        }
        let made = oldest.unwrap_or_else(|| Text::from(text));
        if self.0.len() == MAX_TEXTS {
            self.0.pop_front();
        }
        self.0.push_back(made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_has_it() {
        let mut texts = Texts::default();
        let (one, two) = (texts.make("one"), texts.make("two"));
        assert_eq!((&*one, &*two, texts.0.len()), ("one", "two", 2), "both are there still");
        drop(two);
        let three = texts.make("three");
        assert_eq!((&*one, &*three, texts.0.len()), ("one", "three", 3), "the oldest is not free");
        drop(one);
        let four = texts.make("four");
        assert_eq!((&*three, &*four, texts.0.len()), ("three", "four", 3));
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let mut texts = Texts::default();
        let had: Vec<Text> = (0..=MAX_TEXTS).map(|number| texts.make(&number.to_string())).collect();
        assert_eq!((texts.0.len(), &*had[0], &*texts.0[0]), (MAX_TEXTS, "0", "1"));
    }
}
