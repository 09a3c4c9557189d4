//! Which addresses are private, as Python's `ipaddress` counts them: those that the IANA registries of special
//! addresses say are not globally reachable. Shared addresses (100.64.0.0/10, RFC 6598) are not private either.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The blocks of IPv4 that are private.
const V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),       // this network, RFC 791
    v4([10, 0, 0, 0], 8),      // private use, RFC 1918
    v4([127, 0, 0, 0], 8),     // loopback, RFC 1122
    v4([169, 254, 0, 0], 16),  // link-local, RFC 3927
    v4([172, 16, 0, 0], 12),   // private use, RFC 1918
    v4([192, 0, 0, 0], 24),    // protocol assignments, RFC 6890
    v4([192, 0, 2, 0], 24),    // documentation, RFC 5737
    v4([192, 168, 0, 0], 16),  // private use, RFC 1918
    v4([198, 18, 0, 0], 15),   // benchmarking, RFC 2544
    v4([198, 51, 100, 0], 24), // documentation, RFC 5737
    v4([203, 0, 113, 0], 24),  // documentation, RFC 5737
    v4([240, 0, 0, 0], 4),     // reserved, RFC 1112; its last is the limited broadcast, RFC 8190
];

/// What is globally reachable within them.
const V4_PUBLIC: &[Ipv4Net] = &[
    v4([192, 0, 0, 9], 32),  // port control anycast, RFC 7723
    v4([192, 0, 0, 10], 32), // relay anycast, RFC 8155
];

/// The blocks of IPv6 that are private. IPv4-mapped addresses are judged as IPv4.
const V6: &[Ipv6Net] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),         // unspecified, RFC 4291
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),         // loopback, RFC 4291
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),  // local translation, RFC 8215
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),      // discard-only, RFC 6666
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),     // protocol assignments, RFC 2928
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),     // 6to4, RFC 3056; the registry leaves it open
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation, RFC 9637
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),      // unique local, RFC 4193
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),     // link-local, RFC 4291
];

/// What is globally reachable within them.
const V6_PUBLIC: &[Ipv6Net] = &[
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128), // port control anycast, RFC 7723
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128), // relay anycast, RFC 8155
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),  // AMT, RFC 7450
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48), // AS112, RFC 7535
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), // ORCHIDv2, RFC 7343
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28), // drone remote identification, RFC 9374
];

/// Where IPv6 has all of IPv4.
const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);

const fn v4(octets: [u8; 4], prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix_len)
}

const fn v6(segments: [u16; 8], prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix_len)
}

/// Whether a network is private: one block holds it whole, and neither its first nor its last address is an exception.
/// An address is a network of its own.
pub(super) fn is_private(network: IpNet) -> bool {
    match network {
        IpNet::V4(network) => v4_is_private(network),
        IpNet::V6(network) => mapped(network).map_or_else(|| v6_is_private(network), v4_is_private),
    }
}

fn v4_is_private(network: Ipv4Net) -> bool {
    let excepted =
        |block: &Ipv4Net| block.contains(&network.network()) || block.contains(&network.broadcast());
    V4.iter().any(|block| block.contains(&network)) && !V4_PUBLIC.iter().any(excepted)
}

fn v6_is_private(network: Ipv6Net) -> bool {
    let excepted =
        |block: &Ipv6Net| block.contains(&network.network()) || block.contains(&network.broadcast());
    V6.iter().any(|block| block.contains(&network)) && !V6_PUBLIC.iter().any(excepted)
}

/// The network of IPv4 that a mapped one stands for.
fn mapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let prefix_len = network.prefix_len().checked_sub(MAPPED.prefix_len())?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, prefix_len).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn private(text: &str) -> bool {
        let network = text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        is_private(network.unwrap_or_else(|error| panic!("{text}: {error}")))
    }

    /// S94. Each block at its first and last address, and one beyond on either side.
    #[test]
    fn the_bounds_of_the_blocks_hold() {
        for (first, last, before, after) in [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.8", Some("191.255.255.255"), Some("192.0.0.9")),
            ("192.0.0.11", "192.0.0.255", Some("192.0.0.10"), Some("192.0.1.0")),
            ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
            ("240.0.0.0", "255.255.255.255", Some("239.255.255.255"), None),
            ("::", "::1", None, Some("::2")),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Some("64:ff9b::1"), Some("64:ff9b:2::")),
            ("100::", "100::ffff:ffff:ffff:ffff", Some("ff::"), Some("100:0:0:1::")),
            ("2001::", "2001:1::", Some("2000:ffff::"), Some("2001:1::1")),
            ("2001:1::3", "2001:2:ffff::", Some("2001:1::2"), Some("2001:3::")),
            ("2001:4::", "2001:4:111:ffff::", Some("2001:3:ffff::"), Some("2001:4:112::")),
            ("2001:4:113::", "2001:1f:ffff::", Some("2001:4:112:ffff::"), Some("2001:20::")),
            ("2001:40::", "2001:1ff:ffff::", Some("2001:3f:ffff::"), Some("2001:200::")),
            ("2001:db8::", "2001:db8:ffff::", Some("2001:db7:ffff::"), Some("2001:db9::")),
            ("2002::", "2002:ffff::", Some("2001:ffff::"), Some("2003::")),
            ("3fff::", "3fff:fff:ffff::", Some("3ffe:ffff::"), Some("3fff:1000::")),
            ("fc00::", "fdff:ffff::", Some("fbff:ffff::"), Some("fe00::")),
            ("fe80::", "febf:ffff::", Some("fe7f:ffff::"), Some("fec0::")),
        ] {
            assert!(private(first) && private(last), "{first} to {last}");
            for public in [before, after].into_iter().flatten() {
                assert!(!private(public), "{public}");
            }
        }
        assert!(!private("61.135.169.125") && !private("100.64.0.1") && !private("2606:4700::1"));
    }

    /// S94.
    #[test]
    fn a_mapped_address_is_judged_as_ipv4() {
        assert!(private("::ffff:10.0.0.1") && private("::ffff:10.0.0.0/104"));
        assert!(!private("::ffff:8.8.8.8") && !private("::ffff:8.8.8.0/120") && !private("::ffff:0:0/96"));
    }

    /// S95, C23.
    #[test]
    fn a_network_is_private_if_one_block_holds_it_whole() {
        for text in ["10.0.0.0/29", "10.0.0.0/8", "192.0.0.0/24", "fc00::/7", "::1/128", "2001::/23"] {
            assert!(private(text), "{text}");
        }
        for text in ["10.0.0.0/7", "0.0.0.0/0", "192.0.0.8/31", "192.0.0.9/32", "::/127", "::/0", "fc00::/6"]
        {
            assert!(!private(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// S94. The standard library knows the most of these blocks.
        #[test]
        fn what_the_standard_library_calls_private_is_private(bits: u32, block in 0..V4.len()) {
            let host = bits & u32::from(V4[block].hostmask());
            let address = Ipv4Addr::from(u32::from(V4[block].network()) | host);
            for address in [address, Ipv4Addr::from(bits)] {
                let known = address.is_private() || address.is_loopback() || address.is_link_local()
                    || address.is_documentation() || address.is_broadcast() || address.is_unspecified();
                prop_assert!(!known || private(&address.to_string()));
                prop_assert_eq!(private(&address.to_string()), private(&format!("::ffff:{address}")));
            }
        }
    }
}
