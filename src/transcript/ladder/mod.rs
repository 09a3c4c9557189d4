//! The transcript as a ladder in text: time at the left, a vertical line for each host, an arrow for each message.
//!
//! What travels leaves its host in one row and arrives in another. Between them it waits on a dotted track beside its
//! receiver, so that flights which overlap, overtake one another or come twice can be followed.

mod canvas;
mod draw;
mod room;
pub(super) mod words;

use super::Transcript;
use super::story::Story;
use draw::Drawing;
use words::width;

/// The least distance between two hosts, in columns.
const MIN_GAP: usize = 8;
/// The least room for what a single host has to say.
const MIN_TEXT: usize = 8;

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How many columns there are.
    pub width: usize,
    /// Whether nothing but ASCII is used.
    pub ascii: bool,
}

impl Default for Look {
    /// Eighty columns of Unicode.
    fn default() -> Self {
        Self { width: 80, ascii: false }
    }
}

/// A ladder that needs more columns than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ladder of {hosts} hosts takes {needed} columns, and there are {width}: widen it, or read the text"
)]
pub struct TooNarrow {
    /// How many hosts there are.
    pub hosts: usize,
    /// How many columns they take.
    pub needed: usize,
    /// How many there are.
    pub width: usize,
}

impl Transcript<'_> {
    /// A sequence diagram in text. No line is longer than the width; long texts are broken or cut.
    ///
    /// Marks on a host's line: `●` an event, `▸` a command, `○` what else happens there, `■` its end, `╳` a crash, `!`
    /// a fault. An arrow that ends in `×`: the message was lost, or never read. A `!` beside the time marks every
    /// fault, a `✗` what does not hold. In ASCII these are `*`, `>`, `o`, `#`, `X`, `!`, `x` and `X`.
    ///
    /// If it is known when the run was lost, each row has one more mark: the larger the part of the runs that go on from
    /// there at random and fail, the higher the bar, from `·` for none to `█` for nearly all; in ASCII tens of percents, with
    /// `#` for all.
    ///
    /// # Errors
    /// [`TooNarrow`] if the hosts do not fit.
    ///
    /// ```
    /// # #[cfg(feature = "systems")] {
    /// use lossproof::engine::{Engine, Settings};
    /// use lossproof::Scenario;
    /// use lossproof::systems::{Options, udp_local};
    /// use lossproof::transcript::Look;
    ///
    /// let scenario = Scenario::from(udp_local::net(&Options::default()));
    /// let mut engine = Engine::new(&scenario);
    /// engine.run(&Settings::default());
    /// let ladder = engine.transcript().ladder(Look { width: 60, ascii: true })?;
    /// assert!(ladder.lines().all(|line| line.is_ascii() && line.len() <= 60));
    /// # }
    /// # Ok::<(), lossproof::transcript::TooNarrow>(())
    /// ```
    pub fn ladder(&self, look: Look) -> Result<String, TooNarrow> {
        let story = Story::new(self);
        let hosts = story.names.len();
        let time_width =
            story.rows.iter().map(|row| width(&row.at.to_string())).max().unwrap_or(0).max("time".len());
        // The time, a blank, a mark, a blank, and how many runs fail if that is known.
        let first = time_width + if story.has_shares() { 5 } else { 3 };
        let needed = first + (hosts.saturating_sub(1) * MIN_GAP).max(MIN_TEXT) + 1;
        if look.width < needed {
            return Err(TooNarrow { hosts, needed, width: look.width });
        }
        let span = look.width - 1 - first;
        let gaps = hosts.saturating_sub(1).max(1);
        let columns = (0..hosts).map(|index| first + span * index / gaps).collect();
        Ok(Drawing::new(&story, look, time_width, columns).text())
    }

    /// The same, but where the hosts do not fit it is twice as wide as they need.
    pub(crate) fn ladder_or_wider(&self, look: Look) -> String {
        let wider = |narrow: TooNarrow| self.ladder(Look { width: 2 * narrow.needed, ..look });
        // That is enough.
        self.ladder(look).or_else(wider).unwrap_or_default()
    }
}
