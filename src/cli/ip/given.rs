//! Reading an address or a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// How many hex digits a packed IPv4 address has.
const V4_DIGITS: usize = 8;
/// How many hex digits a packed IPv6 address has.
const V6_DIGITS: usize = 32;

/// What the user gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// An address.
    Address(IpAddr),
    /// A network. Its address may be any in it, not just the first.
    Network(IpNet),
}

/// Why a text is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GivenError {
    /// It is in no form that is known.
    #[error(
        "'{0}' is not an address: write IPv4 or IPv6, an integer, 0x and {V4_DIGITS} or {V6_DIGITS} hex digits, \
         or a network such as 10.0.0.0/29"
    )]
    Form(String),
    /// The integer has more than 128 bits.
    #[error("'{0}' is too large for an address: write an integer below 2^128")]
    Large(String),
    /// The hex digits are not those of an address.
    #[error(
        "'{0}' is not a packed address: write 0x and {V4_DIGITS} hex digits for IPv4, {V6_DIGITS} for IPv6"
    )]
    Packed(String),
    /// What follows the `/` is not the length of a prefix.
    #[error("'{text}' is not a network: after '/', write a length from 0 to {max}{}", netmask(*.max))]
    Prefix {
        /// The text.
        text: String,
        /// The longest that a prefix may be.
        max: u8,
    },
    /// The address has a zone, which is of one host only.
    #[error("'{0}' has a zone: leave out the '%' and what follows it")]
    Zone(String),
}

/// IPv4 has another form.
const fn netmask(max: u8) -> &'static str {
    if max == 32 { ", or a netmask such as 255.255.255.248" } else { "" }
}

impl FromStr for Given {
    type Err = GivenError;

    fn from_str(text: &str) -> Result<Self, GivenError> {
        if let Some((address, prefix)) = text.split_once('/') {
            return network(text, address, prefix).map(Self::Network);
        }
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let packed = packed(digits).ok_or_else(|| GivenError::Packed(text.to_owned()))?;
            return Ok(Self::Address(packed));
        }
        if is_digits(text) {
            let integer = text.parse().map_err(|_| GivenError::Large(text.to_owned()))?;
            return Ok(Self::Address(from_integer(integer)));
        }
        address(text).map(Self::Address)
    }
}

fn address(text: &str) -> Result<IpAddr, GivenError> {
    text.parse().map_err(|_| {
        let zone = text.split_once('%').is_some_and(|(before, _)| before.parse::<Ipv6Addr>().is_ok());
        if zone { GivenError::Zone(text.to_owned()) } else { GivenError::Form(text.to_owned()) }
    })
}

/// An integer below 2^32 is IPv4, as in Python's `ip_address`.
fn from_integer(integer: u128) -> IpAddr {
    u32::try_from(integer)
        .map_or_else(|_| Ipv6Addr::from(integer).into(), |integer| Ipv4Addr::from(integer).into())
}

fn packed(digits: &str) -> Option<IpAddr> {
    // Without this a sign would pass.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        V4_DIGITS => u32::from_str_radix(digits, 16).ok().map(|bits| Ipv4Addr::from(bits).into()),
        V6_DIGITS => u128::from_str_radix(digits, 16).ok().map(|bits| Ipv6Addr::from(bits).into()),
        _ => None,
    }
}

fn network(text: &str, before: &str, after: &str) -> Result<IpNet, GivenError> {
    let address = address(before).map_err(|error| match error {
        GivenError::Zone(_) => GivenError::Zone(text.to_owned()),
        _ => GivenError::Form(text.to_owned()),
    })?;
    let length = if is_digits(after) { after.parse().ok() } else { None };
    let mask = after.parse::<Ipv4Addr>().ok().filter(|_| address.is_ipv4());
    let network = match (length, mask) {
        (Some(length), _) => IpNet::new(address, length).ok(),
        (None, Some(mask)) => IpNet::with_netmask(address, mask.into()).ok(),
        (None, None) => None,
    };
    let max = if address.is_ipv4() { 32 } else { 128 };
    network.ok_or_else(|| GivenError::Prefix { text: text.to_owned(), max })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match text.parse() {
            Ok(Given::Address(address)) => address.to_string(),
            Ok(Given::Network(network)) => network.to_string(),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    /// S95.
    #[test]
    fn an_address_has_three_forms() {
        for (text, address) in [
            ("61.135.169.125", "61.135.169.125"),
            ("1032300925", "61.135.169.125"),
            ("0x3d87a97d", "61.135.169.125"),
            ("0X3D87A97D", "61.135.169.125"),
            ("0", "0.0.0.0"),
            ("4294967295", "255.255.255.255"),
            ("4294967296", "::1:0:0"),
            ("340282366920938463463374607431768211455", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("0x20010db8000000000000000000000001", "2001:db8::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ] {
            assert_eq!(read(text), address, "{text}");
        }
    }

    /// S95, C23.
    #[test]
    fn a_network_keeps_the_address_that_it_was_given_by() {
        for (text, network) in [
            ("10.0.0.0/29", "10.0.0.0/29"),
            ("10.0.0.1/29", "10.0.0.1/29"),
            ("10.0.0.0/255.255.255.248", "10.0.0.0/29"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4/32", "1.2.3.4/32"),
            ("2001:db8::/128", "2001:db8::/128"),
        ] {
            assert_eq!(read(text), network, "{text}");
        }
    }

    /// S95.
    #[test]
    fn what_is_neither_is_refused_with_what_to_write() {
        let form = |text: &str| GivenError::Form(text.to_owned());
        let packed = |text: &str| GivenError::Packed(text.to_owned());
        let prefix = |text: &str, max| GivenError::Prefix { text: text.to_owned(), max };
        for text in
            ["", "x", "-1", "+1", " 1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "010.0.0.1", "1.5", "::1::"]
        {
            assert_eq!(text.parse::<Given>(), Err(form(text)));
        }
        for text in ["/8", "x/8", "1/8", "0x3d87a97d/8"] {
            assert_eq!(text.parse::<Given>(), Err(form(text)));
        }
        for text in ["0x", "0x1", "0x3d87a97", "0x3d87a97d0", "0x+d87a97d", "0x3d87a97g", "0xé87a97"] {
            assert_eq!(text.parse::<Given>(), Err(packed(text)));
        }
        for text in ["0x2001_0db8_0000_0000_0000_0000_001", &format!("0x{}", "0".repeat(33))] {
            assert_eq!(text.parse::<Given>(), Err(packed(text)));
        }
        for text in
            ["1.2.3.4/", "1.2.3.4/33", "1.2.3.4/256", "1.2.3.4/+8", "1.2.3.4/8/8", "1.2.3.4/255.0.255.0"]
        {
            assert_eq!(text.parse::<Given>(), Err(prefix(text, 32)));
        }
        for text in ["::/129", "::/-1", "::/255.0.0.0", "::/ffff::"] {
            assert_eq!(text.parse::<Given>(), Err(prefix(text, 128)));
        }
        let beyond = "340282366920938463463374607431768211456";
        assert_eq!(beyond.parse::<Given>(), Err(GivenError::Large(beyond.to_owned())));
        for text in ["fe80::1%eth0", "fe80::1%eth0/64"] {
            let refused = text.parse::<Given>().unwrap_err().to_string();
            assert!(refused.contains("write") || refused.contains("leave out the '%'"), "{refused}");
        }
        assert_eq!("x%y".parse::<Given>(), Err(form("x%y")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// S95.
        #[test]
        fn all_forms_of_an_ipv4_address_are_read_as_it(bits: u32) {
            let address = Ok(Given::Address(Ipv4Addr::from(bits).into()));
            prop_assert_eq!(Ipv4Addr::from(bits).to_string().parse(), address.clone());
            prop_assert_eq!(format!("{bits}").parse(), address.clone());
            prop_assert_eq!(format!("0x{bits:08x}").parse(), address);
        }

        /// S95.
        #[test]
        fn all_forms_of_an_ipv6_address_are_read_as_it(bits: u128) {
            let address = Ok(Given::Address(Ipv6Addr::from(bits).into()));
            prop_assert_eq!(Ipv6Addr::from(bits).to_string().parse(), address.clone());
            prop_assert_eq!(format!("0x{bits:032x}").parse(), address.clone());
            if bits > u128::from(u32::MAX) {
                prop_assert_eq!(format!("{bits}").parse(), address);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in "(0x)?[0-9a-f:./%]{0,40}|.{0,20}") {
            let _ = text.parse::<Given>();
        }
    }
}
