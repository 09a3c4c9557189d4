//! A number in the order of this host's bytes and of the network's.

use std::fmt::{self, Display};

use serde::Serialize;

/// The four conversions of a number. Those of 16 bits are there if the number has no more.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ByteOrder {
    number: u32,
    htons: Option<u16>,
    htonl: u32,
    ntohs: Option<u16>,
    ntohl: u32,
}

impl ByteOrder {
    /// Converts a number.
    pub(super) fn of(number: u32) -> Self {
        let short = u16::try_from(number).ok();
        Self {
            number,
            htons: short.map(u16::to_be),
            htonl: number.to_be(),
            ntohs: short.map(u16::from_be),
            ntohl: u32::from_be(number),
        }
    }
}

impl Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |converted: Option<u16>| {
            converted.map_or_else(|| "it has more than 16 bits".to_owned(), |converted| converted.to_string())
        };
        writeln!(f, "number: {}", self.number)?;
        writeln!(f, "host to network, 16 bits (htons): {}", short(self.htons))?;
        writeln!(f, "host to network, 32 bits (htonl): {}", self.htonl)?;
        writeln!(f, "network to host, 16 bits (ntohs): {}", short(self.ntohs))?;
        write!(f, "network to host, 32 bits (ntohl): {}", self.ntohl)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// C13. Whatever the order of this host's bytes is, in memory the network's has the high byte first.
    #[test]
    fn the_networks_order_has_the_high_byte_first() {
        let order = ByteOrder::of(20_000);
        assert_eq!(order.htons.map(u16::to_ne_bytes), Some([0x4e, 0x20]));
        assert_eq!(order.htonl.to_ne_bytes(), [0, 0, 0x4e, 0x20]);
        if cfg!(target_endian = "little") {
            assert_eq!((order.htons, order.htonl), (Some(8_270), 541_982_720));
        }
    }

    /// C13. The largest number of 16 bits, and one beyond.
    #[test]
    fn more_than_16_bits_have_no_short_form() {
        assert_eq!(ByteOrder::of(65_535).ntohs, Some(65_535));
        let order = ByteOrder::of(65_536);
        assert_eq!((order.htons, order.ntohs), (None, None));
        assert!(order.to_string().contains("(ntohs): it has more than 16 bits"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// C13.
        #[test]
        fn there_and_back_is_the_number(number: u32) {
            let order = ByteOrder::of(number);
            prop_assert_eq!(ByteOrder::of(order.htonl).ntohl, number);
            let short = order.htons.and_then(|short| ByteOrder::of(short.into()).ntohs);
            prop_assert_eq!(short, u16::try_from(number).ok());
        }
    }
}
