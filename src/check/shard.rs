//! A part of the runs of a search, so that several computers share it.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the parts that runs are shared out to: part `number` of `of`, counted from 1. Parts are contiguous ranges of run
/// numbers, in order, so no two have a seed in common, and of the tallies of all parts, merged in order, comes the
/// [`Tally`](super::Tally) of the whole.
///
/// ```
/// use lossproof::check::Shard;
///
/// let shard: Shard = "2/3".parse()?;
/// assert_eq!((shard.range(10), shard.to_string()), (3..6, "2/3".to_owned()));
/// # Ok::<(), lossproof::check::ShardError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Shard {
    number: u64,
    of: u64,
}

/// A text that names no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a shard: write K/N with K from 1 to N, such as 3/8")]
pub struct ShardError(String);

impl Shard {
    /// The only part.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Part `number` of `of` parts, counted from 1; `None` if there is no such part.
    pub const fn new(number: u64, of: u64) -> Option<Self> {
        if number >= 1 && number <= of { Some(Self { number, of }) } else { None }
    }

    /// Which part it is, from 1.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// How many parts there are.
    pub const fn of(self) -> u64 {
        self.of
    }

    /// The numbers of the runs that this part makes of `runs` runs. Each run is in one part. If there are fewer runs than
    /// parts, some parts have none.
    pub fn range(self, runs: u64) -> Range<u64> {
        // Not more than `runs`.
        let until = |number: u64| (u128::from(runs) * u128::from(number) / u128::from(self.of)) as u64;
        until(self.number - 1)..until(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let whole = |part: &str| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_number)
        };
        let parts = text.split_once('/').and_then(|(number, of)| Some((whole(number)?, whole(of)?)));
        parts.and_then(|(number, of)| Self::new(number, of)).ok_or_else(|| ShardError(text.to_owned()))
    }
}

/// A shard as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    number: u64,
    of: u64,
}

impl TryFrom<Written> for Shard {
    type Error = ShardError;

    fn try_from(Written { number, of }: Written) -> Result<Self, ShardError> {
        Self::new(number, of).ok_or_else(|| ShardError(format!("{number}/{of}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_every_run_once() {
        for (runs, of) in [(10, 3), (2, 7), (u64::MAX, 7)] {
            let mut next = 0;
            for number in 1..=of {
                let range = Shard::new(number, of).unwrap().range(runs);
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, runs);
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in
            ["0/3", "4/3", "3", "1/0", "-1/3", "+1/3", "x/y", "1/2/3", "", "/", "1/18446744073709551616"]
        {
            assert_eq!(text.parse::<Shard>(), Err(ShardError(text.to_owned())));
        }
        assert_eq!("3/3".parse::<Shard>().ok(), Shard::new(3, 3));
        let read = |text| serde_json::from_str::<Shard>(text).ok();
        assert_eq!(read(r#"{"number":3,"of":3}"#), Shard::new(3, 3));
        assert_eq!((read(r#"{"number":4,"of":3}"#), read(r#"{"number":0,"of":0}"#)), (None, None));
    }
}
