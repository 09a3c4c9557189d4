//! Reproducible choices: a pure function from seeds to bits.

/// `SplitMix64` at position `n` of the stream that `seed` names (Steele, Lea, Flood: "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014). Stateless, so that the n-th choice does not depend on how many
/// were made before, and fixed by its algorithm, so that a seed means the same for ever.
pub(crate) const fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number below `bound`, from 64 random bits: the high half of the product, whose bias is under
/// `bound` / 2^64 (Lemire: "Fast Random Integer Generation in an Interval", 2019). Zero if `bound` is zero.
pub(crate) const fn below(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// One of these, by 64 random bits.
///
/// # Panics
/// If there is none.
pub(crate) fn pick<T: Copy>(bits: u64, all: &[T]) -> T {
    all[below(bits, all.len() as u64) as usize]
}

/// The choices of one run, each with a number of its own.
pub(crate) struct Draw(u64);

impl Draw {
    /// The choices of this kind in the run of a seed.
    pub(crate) const fn new(seed: u64, kind: u64) -> Self {
        Self(mix(seed, kind))
    }

    /// The bits of a choice.
    pub(crate) const fn bits(&self, n: u64) -> u64 {
        mix(self.0, n)
    }

    /// The bits for something that is in every second run.
    pub(crate) fn half(&self, n: u64) -> Option<u64> {
        self.share(n, 2)
    }

    /// The bits for something that is in one run of four.
    pub(crate) fn quarter(&self, n: u64) -> Option<u64> {
        self.share(n, 4)
    }

    fn share(&self, n: u64, of: u64) -> Option<u64> {
        let bits = self.bits(n);
        bits.is_multiple_of(of).then(|| mix(bits, 0))
    }
}

/// A number of 64 bits for a text: equal texts have the same, always, and others have others but for chance. Each byte is
/// mixed into what came before it, so that order and length count.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(mix(0, bytes.len() as u64), |state, byte| mix(state, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs of SplitMix64 for seed 1234567, as in the reference implementation's test vectors.
        let outputs = [0, 1, 2].map(|n| mix(1_234_567, n));
        assert_eq!(
            outputs,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn below_reaches_both_ends_and_not_beyond() {
        assert_eq!((below(0, 7), below(u64::MAX, 7), below(u64::MAX, 0)), (0, 6, 0));
    }

    /// It names files and seeds, so it may never change.
    #[test]
    fn the_number_of_a_text_is_fixed_and_its_own() {
        let texts = ["", "\0", "\0\0", "2026-01-02", "2026-01-03", "2026-02-01"];
        let numbers: std::collections::BTreeSet<u64> =
            texts.iter().map(|text| of_bytes(text.as_bytes())).collect();
        assert_eq!(numbers.len(), texts.len());
        assert_eq!(of_bytes(b"2026-01-02"), 3_863_506_831_877_887_494);
    }
}
