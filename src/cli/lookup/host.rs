//! What is shown of a host, beside this host's own name and address.

use std::fmt::{self, Display};
use std::net::IpAddr;

use serde::Serialize;

use super::resolver::{self, Candidate, LookupError};

/// Where the system has the names that it knows without asking.
const HOSTS_FILE: &str = "/etc/hosts";

/// This host, and the one that was asked for.
#[derive(Debug, Serialize)]
pub(super) struct HostReport {
    /// What this host calls itself.
    host_name: Option<String>,
    /// This host's address.
    host_address: Option<IpAddr>,
    /// What was asked for.
    name: String,
    /// Its address.
    address: Option<IpAddr>,
    canonical_name: String,
    aliases: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl HostReport {
    /// Asks the resolver. The canonical name of an address is that which the resolver has for it.
    ///
    /// # Errors
    /// If the name has no address, or the resolver cannot say.
    pub(super) fn of(name: &str) -> Result<Self, LookupError> {
        let candidates = resolver::resolve(name)?;
        let canonical_name = match name.parse() {
            Ok(address) => resolver::name_of(address),
            Err(_) => candidates.iter().find_map(|candidate| candidate.canonical_name.clone()),
        };
        let canonical_name = canonical_name.unwrap_or_else(|| name.to_owned());
        let addresses = distinct(&candidates);
        let hosts = std::fs::read(HOSTS_FILE).unwrap_or_default();
        let host_name = resolver::host_name();
        let own = host_name.as_deref().and_then(|name| resolver::resolve(name).ok());
        Ok(Self {
            host_address: own.and_then(|own| main_address(&distinct(&own))),
            host_name,
            address: main_address(&addresses),
            aliases: aliases(&String::from_utf8_lossy(&hosts), name, &canonical_name, &addresses),
            name: name.to_owned(),
            canonical_name,
            addresses,
        })
    }
}

/// The addresses, each once, in the resolver's order.
fn distinct(candidates: &[Candidate]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for address in candidates.iter().map(|candidate| candidate.address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// The address to show where there is room for one: as with `gethostbyname` IPv4, if there is any.
fn main_address(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}

/// The other names of a host. `getaddrinfo` tells none, so they are those that `/etc/hosts` has in the line with the
/// canonical name, and the name that was asked for, if it is another.
fn aliases(hosts: &str, name: &str, canonical_name: &str, addresses: &[IpAddr]) -> Vec<String> {
    let is_canonical = |other: &str| other.eq_ignore_ascii_case(canonical_name);
    let is_address = name.parse::<IpAddr>().is_ok();
    let mut aliases: Vec<String> = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        let names: Vec<&str> = words.collect();
        let asked = is_address || names.iter().any(|other| other.eq_ignore_ascii_case(name));
        let same_host = address.is_some_and(|address| addresses.contains(&address))
            && names.first().is_some_and(|first| is_canonical(first));
        if asked && same_host {
            aliases.extend(names[1..].iter().map(|&other| other.to_owned()));
        }
    }
    if !is_address {
        aliases.push(name.to_owned());
    }
    let mut distinct: Vec<String> = Vec::new();
    for alias in aliases.into_iter().filter(|alias| !is_canonical(alias)) {
        if !distinct.iter().any(|other| other.eq_ignore_ascii_case(&alias)) {
            distinct.push(alias);
        }
    }
    distinct
}

impl Display for HostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |address: Option<IpAddr>| {
            address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
        };
        let own = self.host_name.as_deref().unwrap_or("unknown");
        writeln!(f, "host name: {}", own.escape_debug())?;
        writeln!(f, "host address: {}", address(self.host_address))?;
        writeln!(f, "address of {}: {}", self.name.escape_debug(), address(self.address))?;
        let aliases = quoted(self.aliases.iter().map(|alias| alias.escape_debug()));
        let addresses = quoted(self.addresses.iter());
        write!(f, "('{}', [{aliases}], [{addresses}])", self.canonical_name.escape_debug())
    }
}

/// Items as Python writes those of a list.
fn quoted(items: impl Iterator<Item = impl Display>) -> String {
    items.map(|item| format!("'{item}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "\
127.0.0.1 localhost lo  Lo # the loop
::1 localhost ip6-loopback
10.0.0.9 apu.example apu
10.0.0.9 localhost other
10.0.0.8 apu.example apu8
odd
";

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("it is an address")).collect()
    }

    /// S96.
    #[test]
    fn aliases_are_the_other_names_in_the_line() {
        let loopback = ips(&["127.0.0.1", "::1"]);
        let nine = ips(&["10.0.0.9"]);
        for (name, canonical_name, addresses, expected) in [
            ("localhost", "localhost", &loopback, &["lo", "ip6-loopback"][..]),
            ("LO", "localhost", &loopback, &["lo"]),
            ("127.0.0.1", "localhost", &loopback, &["lo", "ip6-loopback"]),
            ("apu", "apu.example", &nine, &["apu"]),
            ("apu.example", "apu.example", &nine, &["apu"]),
            ("Localhost", "localhost", &ips(&["127.0.0.2"]), &[]),
            ("www.example", "server.example", &nine, &["www.example"]),
            ("10.0.0.7", "10.0.0.7", &ips(&["10.0.0.7"]), &[]),
        ] {
            assert_eq!(aliases(HOSTS, name, canonical_name, addresses), expected, "{name}");
        }
    }

    /// S96.
    #[test]
    fn a_host_is_shown_with_its_triple() {
        let mut report = HostReport {
            host_name: Some("here".to_owned()),
            host_address: None,
            name: "apu".to_owned(),
            address: main_address(&ips(&["fd00::9", "10.0.0.9"])),
            canonical_name: "apu.example".to_owned(),
            aliases: vec!["apu".to_owned(), "a\u{1b}u".to_owned()],
            addresses: ips(&["fd00::9", "10.0.0.9"]),
        };
        let text = "host name: here\nhost address: unknown\naddress of apu: 10.0.0.9\n\
                    ('apu.example', ['apu', 'a\\u{1b}u'], ['fd00::9', '10.0.0.9'])";
        assert_eq!(report.to_string(), text);
        report.address = main_address(&ips(&["fd00::9", "fd00::a"]));
        assert!(report.to_string().contains("address of apu: fd00::9\n"));
    }
}
