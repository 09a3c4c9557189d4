//! What a fault can make of a datagram.
//!
//! One rule holds for all systems. A protocol whose datagrams carry no checksum of their own takes what it hears for what
//! was said: it does not claim to withstand [changed bytes](UNCHECKED), and its net rules them out. Where they are asked
//! for all the same, `check` says so. Some of its properties may bear one change nevertheless, and are strict but for that.
//! What is sealed or checked claims to withstand them. Streams have the checksums of TCP, so no fault changes their bytes.

use crate::fault::FaultKind;

/// The kinds of fault that a protocol without a checksum does not claim to withstand.
pub(super) const UNCHECKED: [FaultKind; 2] = [FaultKind::Flip, FaultKind::Truncate];

/// Whether `heard` is what was said, or what one fault can make of it: an end that is cut off, or one changed byte.
/// So a property stays true, and strict, on a network that changes bytes.
pub(super) fn is_at_most_altered(heard: &[u8], said: &[u8]) -> bool {
    said.starts_with(heard)
        || (heard.len() == said.len() && heard.iter().zip(said).filter(|(a, b)| a != b).count() == 1)
}

#[cfg(test)]
mod tests {
    use super::is_at_most_altered;

    #[test]
    fn one_fault_is_accepted_and_two_are_not() {
        for heard in ["abc", "ab", "", "abX", "Xbc"] {
            assert!(is_at_most_altered(heard.as_bytes(), b"abc"), "{heard}");
        }
        for heard in ["abcd", "XYc", "Xb", "bc"] {
            assert!(!is_at_most_altered(heard.as_bytes(), b"abc"), "{heard}");
        }
    }
}
