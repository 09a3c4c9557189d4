//! The reply to a line, which has no end of its own.

use super::SUFFIX;

/// Finds the end of the reply to one line.
///
/// The server answers each of its reads, and nobody knows how the line was cut into reads: the reply is the line with
/// a suffix somewhere in it, perhaps several, and always one at its end. It is whole as soon as it can be.
///
/// The line may have the suffix in it, too. So every way to read the reply is followed at once; there are few.
///
/// ```
/// use lossproof::systems::suffix_echo::Reply;
///
/// let mut reply = Reply::new("hello");
/// assert_eq!(reply.push("hel 我收到了l".as_bytes()), Ok(false));
/// assert_eq!(reply.push("o 我收到了".as_bytes()), Ok(true));
/// assert_eq!(reply.bytes(), "hel 我收到了lo 我收到了".as_bytes());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    line: Vec<u8>,
    got: Vec<u8>,
    /// The ways to read what has come, without duplicates.
    ways: Vec<Way>,
}

/// One way to read what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// How much of the line has come back.
    echoed_len: usize,
    /// How much of a suffix has come after it. A whole one, too, before the first byte of the line: no read is empty.
    suffix_len: usize,
}

/// What has come is no reply to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply is not what was sent")]
pub struct Mismatch;

impl Reply {
    /// The reply to this line, of which nothing has come.
    pub fn new(line: impl Into<Vec<u8>>) -> Self {
        let start = Way { echoed_len: 0, suffix_len: SUFFIX.len() };
        Self { line: line.into(), got: Vec::new(), ways: vec![start] }
    }

    /// Takes what came; says whether the reply is whole. What comes after that is not looked at.
    ///
    /// # Errors
    /// [`Mismatch`] if no reply to the line begins so.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, Mismatch> {
        let whole = Way { echoed_len: self.line.len(), suffix_len: SUFFIX.len() };
        let mut next = Vec::new();
        for byte in bytes {
            self.got.push(*byte);
            next.extend(self.ways.drain(..).flat_map(|way| way.after(*byte, &self.line)).flatten());
            next.sort_unstable();
            next.dedup();
            std::mem::swap(&mut self.ways, &mut next);
            if self.ways.is_empty() {
                return Err(Mismatch);
            }
            if self.ways.contains(&whole) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What has come, up to the end of the reply.
    pub fn bytes(&self) -> &[u8] {
        &self.got
    }
}

impl Way {
    /// The ways to go on with this byte: as the line's, as the suffix's.
    fn after(self, byte: u8, line: &[u8]) -> [Option<Self>; 2] {
        let Self { echoed_len, suffix_len } = self;
        let is_between = suffix_len == 0 || suffix_len == SUFFIX.len();
        let as_line = is_between && line.get(echoed_len) == Some(&byte);
        let as_suffix = SUFFIX.as_bytes().get(suffix_len) == Some(&byte);
        [
            as_line.then_some(Self { echoed_len: echoed_len + 1, suffix_len: 0 }),
            as_suffix.then_some(Self { echoed_len, suffix_len: suffix_len + 1 }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// What the server answers, if it reads the line so.
    fn answer(line: &str, cuts: &[Index]) -> Vec<u8> {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| 1 + cut.index(line.len())).collect();
        ends.push(line.len());
        ends.sort_unstable();
        ends.dedup();
        let (mut reply, mut start) = (Vec::new(), 0);
        for end in ends {
            reply.extend_from_slice(&line.as_bytes()[start..end]);
            reply.extend_from_slice(SUFFIX.as_bytes());
            start = end;
        }
        reply
    }

    #[test]
    fn a_line_that_has_the_suffix_in_it_is_echoed_whole() {
        for line in ["a 我收到了", " 我收到了", " 我收到了 我收到了", "a 我", " "] {
            let mut reply = Reply::new(line);
            assert_eq!(reply.push(line.as_bytes()), Ok(false), "{line}");
            assert_eq!(reply.push(SUFFIX.as_bytes()), Ok(true), "{line}");
        }
    }

    #[test]
    fn what_is_no_echo_is_seen_at_its_first_byte() {
        for (line, reply) in [("ab", "ac"), ("ab", "aa"), ("ab", " "), ("ab", "ab!"), ("ab", "a 我收到了 ")]
        {
            let (right, wrong) = reply.split_at(reply.len() - 1);
            let mut expected = Reply::new(line);
            assert_eq!(expected.push(right.as_bytes()), Ok(false), "{line}: {reply}");
            assert_eq!(expected.push(wrong.as_bytes()), Err(Mismatch), "{line}: {reply}");
            assert_eq!(expected.bytes(), reply.as_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_end_is_found_however_the_server_reads(
            line in "[ab 你]{1,30}",
            cuts in prop::collection::vec(any::<Index>(), 0..6),
        ) {
            let answer = answer(&line, &cuts);
            let mut reply = Reply::new(line.as_str());
            let (before, last) = answer.split_at(answer.len() - 1);
            prop_assert_eq!(reply.push(before), Ok(false));
            prop_assert_eq!(reply.push(last), Ok(true));
            prop_assert_eq!(reply.bytes(), answer);
        }

        /// Where the line has the suffix in it, the end may come too early, never too late.
        #[test]
        fn no_way_is_missed(line in "[a 我收到了]{1,20}", cuts in prop::collection::vec(any::<Index>(), 0..6)) {
            let answer = answer(&line, &cuts);
            prop_assert_eq!(Reply::new(line.as_str()).push(&answer), Ok(true));
        }
    }
}
