//! What is shown of an address or a network.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::Serialize;

use super::private::is_private;

/// The most hosts that are shown one by one: all that an IPv4 network of 16 addresses has.
const MAX_HOSTS_SHOWN: usize = 14;
/// How many of more hosts are shown at either end.
const HOSTS_AT_AN_END: usize = 3;

/// An address in all its forms.
#[derive(Debug, Serialize)]
pub(super) struct AddressReport {
    address: IpAddr,
    version: u8,
    is_private: bool,
    packed: String,
    /// JSON bounds no number. Whoever reads it as a float loses the end of a long one, and has `packed`.
    integer: u128,
}

impl AddressReport {
    pub(super) fn new(address: IpAddr) -> Self {
        let packed = match address {
            IpAddr::V4(address) => format!("{:08x}", address.to_bits()),
            IpAddr::V6(address) => format!("{:032x}", address.to_bits()),
        };
        let (version, integer) = (version(address), bits(address));
        Self { address, version, is_private: is_private(address.into()), packed, integer }
    }
}

impl Display for AddressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.address)?;
        writeln!(f, "ip version: {}", self.version)?;
        writeln!(f, "is private: {}", python(self.is_private))?;
        writeln!(f, "packed form: b'{}'", self.packed)?;
        write!(f, "integer: {}", self.integer)
    }
}

/// A network and its hosts.
#[derive(Debug, Serialize)]
pub(super) struct NetworkReport {
    /// The network, without host bits.
    network: IpNet,
    /// What was given, where it has host bits.
    given: Option<IpNet>,
    version: u8,
    is_private: bool,
    network_address: IpAddr,
    netmask: IpAddr,
    /// IPv6 has none.
    broadcast: Option<Ipv4Addr>,
    last_address: IpAddr,
    hosts: Hosts,
}

/// The hosts of a network. Of many only the first and last are named.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Hosts {
    count: u128,
    first: Vec<IpAddr>,
    left_out: u128,
    last: Vec<IpAddr>,
}

impl NetworkReport {
    pub(super) fn new(given: IpNet) -> Self {
        let network = given.trunc();
        Self {
            network,
            given: Some(given).filter(|given| *given != network),
            version: version(network.addr()),
            is_private: is_private(network),
            network_address: network.network(),
            netmask: network.netmask(),
            broadcast: match network {
                IpNet::V4(network) => Some(network.broadcast()),
                IpNet::V6(_) => None,
            },
            last_address: network.broadcast(),
            hosts: Hosts::of(network),
        }
    }
}

impl Hosts {
    /// The addresses that a host can have. As in Python's `ipaddress` the first of an IPv6 network is left out, which
    /// all its routers share (RFC 4291, 2.6.1), but for the networks of one and of two addresses (RFC 6164).
    fn of(network: IpNet) -> Self {
        let mut hosts = network.hosts();
        if matches!(network, IpNet::V6(_)) && network.prefix_len() < 127 {
            hosts.next();
        }
        let count = hosts.clone().next().zip(hosts.clone().next_back());
        let count = count.map_or(0, |(first, last)| bits(last) - bits(first) + 1);
        let shown = usize::try_from(count).ok().filter(|count| *count <= MAX_HOSTS_SHOWN);
        let first: Vec<IpAddr> = hosts.by_ref().take(shown.unwrap_or(HOSTS_AT_AN_END)).collect();
        let mut last = Vec::new();
        if shown.is_none() {
            last.extend(hosts.rev().take(HOSTS_AT_AN_END));
            last.reverse();
        }
        let left_out = count - (first.len() + last.len()) as u128;
        Self { count, first, left_out, last }
    }
}

impl Display for NetworkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.network)?;
        if let Some(given) = self.given {
            writeln!(f, "given: {given}, an address in this network")?;
        }
        writeln!(f, "ip version: {}", self.version)?;
        writeln!(f, "is private: {}", python(self.is_private))?;
        writeln!(f, "network: {}", self.network_address)?;
        writeln!(f, "netmask: {}", self.netmask)?;
        match self.broadcast {
            Some(broadcast) => writeln!(f, "broadcast: {broadcast}")?,
            None => writeln!(f, "broadcast: none (the last address is {})", self.last_address)?,
        }
        let Hosts { count, first, left_out, last } = &self.hosts;
        write!(f, "hosts: {count}")?;
        first.iter().try_for_each(|host| write!(f, "\n  {host}"))?;
        if *left_out > 0 {
            write!(f, "\n  … {left_out} more")?;
        }
        last.iter().try_for_each(|host| write!(f, "\n  {host}"))
    }
}

const fn version(address: IpAddr) -> u8 {
    if address.is_ipv4() { 4 } else { 6 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A truth as Python writes it.
const fn python(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::super::given::Given;
    use super::*;

    fn network(text: &str) -> NetworkReport {
        NetworkReport::new(text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
    }

    /// The hosts of a network: how many, and how many of them are not named.
    fn hosts(text: &str) -> (u128, u128) {
        let hosts = network(text).hosts;
        assert_eq!((hosts.first.len() + hosts.last.len()) as u128 + hosts.left_out, hosts.count, "{text}");
        (hosts.count, hosts.left_out)
    }

    /// S95, C23.
    #[test]
    fn a_network_without_room_for_more_than_hosts_has_only_them() {
        for (text, count) in [
            ("10.0.0.0/32", 1),
            ("10.0.0.0/31", 2),
            ("10.0.0.0/30", 2),
            ("10.0.0.0/29", 6),
            ("fd00::/128", 1),
            ("fd00::/127", 2),
            ("fd00::/126", 3),
        ] {
            assert_eq!(hosts(text), (count, 0), "{text}");
        }
        let text = network("10.0.0.0/30").to_string();
        assert!(text.ends_with("hosts: 2\n  10.0.0.1\n  10.0.0.2"), "{text}");
    }

    /// S95. `MAX_HOSTS_SHOWN` and one beyond.
    #[test]
    fn of_many_hosts_the_first_and_last_are_shown() {
        assert_eq!(hosts("10.0.0.0/28"), (MAX_HOSTS_SHOWN as u128, 0));
        assert_eq!(hosts("fd00::/124"), (MAX_HOSTS_SHOWN as u128 + 1, 9));
        let text = network("10.0.0.0/8").to_string();
        let shown = "hosts: 16777214\n  10.0.0.1\n  10.0.0.2\n  10.0.0.3\n  … 16777208 more\n  10.255.255.252\n  \
                     10.255.255.253\n  10.255.255.254";
        assert!(text.ends_with(shown), "{text}");
        assert_eq!(hosts("0.0.0.0/0"), (u128::from(u32::MAX) - 1, u128::from(u32::MAX) - 7));
        assert_eq!(hosts("::/0"), (u128::MAX, u128::MAX - 6));
    }

    /// S95.
    #[test]
    fn ipv6_has_no_broadcast() {
        let report = network("2001:db8::/126");
        let text = report.to_string();
        assert!(text.contains("\nbroadcast: none (the last address is 2001:db8::3)\n"), "{text}");
        assert!(text.contains("\nnetmask: ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc\n"), "{text}");
        assert_eq!(report.broadcast, None);
    }

    /// S95.
    #[test]
    fn host_bits_give_the_network_that_they_lie_in() {
        let text = network("10.0.0.1/29").to_string();
        assert!(text.starts_with("10.0.0.0/29\ngiven: 10.0.0.1/29, an address in this network\n"), "{text}");
        assert!(!network("10.0.0.0/29").to_string().contains("given"));
    }

    /// Reads every form of an address out of its report, and what it is said to be.
    fn read_back(address: IpAddr) {
        let text = AddressReport::new(address).to_string();
        let lines: Vec<&str> = text.lines().collect();
        let after = |line: usize, label: &str| lines[line].strip_prefix(label).expect("it has this label");
        let packed = after(3, "packed form: b'").strip_suffix('\'').expect("it ends in a quote");
        let integer = after(4, "integer: ");
        let expected = Ok(Given::Address(address));
        assert_eq!((lines[0].parse(), format!("0x{packed}").parse()), (expected.clone(), expected));
        assert_eq!(integer.parse::<u128>().ok(), u128::from_str_radix(packed, 16).ok());
        assert_eq!(after(1, "ip version: "), if packed.len() == 8 { "4" } else { "6" });
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// S94, S95.
        #[test]
        fn what_is_shown_of_an_address_is_read_as_it(v4: u32, v6: u128, shift in 0_u32..128) {
            read_back(Ipv4Addr::from(v4).into());
            read_back(Ipv6Addr::from(v6 >> shift).into());
        }

        /// S95, C23.
        #[test]
        fn every_host_that_is_shown_lies_in_its_network(bits: u128, prefix_len in 0_u8..=128, v4: bool) {
            let address = if v4 { IpAddr::from(Ipv4Addr::from(bits as u32)) } else { Ipv6Addr::from(bits).into() };
            let given = IpNet::new(address, if v4 { prefix_len / 4 } else { prefix_len }).expect("it is short enough");
            let report = NetworkReport::new(given);
            prop_assert!(report.network.contains(&address));
            let shown: Vec<&IpAddr> = report.hosts.first.iter().chain(&report.hosts.last).collect();
            prop_assert!(!shown.is_empty() && shown.len() <= MAX_HOSTS_SHOWN);
            prop_assert!(shown.iter().all(|host| given.contains(*host)) && shown.is_sorted());
        }
    }
}
