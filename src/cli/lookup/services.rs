//! Services by name and by port: a small table of well-known ones, and the system's beyond it.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};

use crate::systems::Transport;

/// Where the system has its services.
const SYSTEM_FILE: &str = "/etc/services";

const TCP: &[Transport] = &[Transport::Tcp];
const BOTH: &[Transport] = &[Transport::Tcp, Transport::Udp];

/// The services that need no file, with what carries them.
const WELL_KNOWN: &[(&str, u16, &[Transport])] = &[
    ("http", 80, TCP),
    ("https", 443, BOTH),
    ("ftp", 21, TCP),
    ("smtp", 25, TCP),
    ("nntp", 119, TCP),
    ("pop3", 110, TCP),
    ("imap", 143, TCP),
    ("telnet", 23, TCP),
    ("gopher", 70, TCP),
    ("doom", 666, BOTH),
];

/// A service over one transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Service {
    /// Its name.
    pub(super) name: String,
    /// Its port.
    pub(super) port: u16,
    /// What carries it.
    #[serde(serialize_with = "transport")]
    pub(super) protocol: Transport,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn transport<S: Serializer>(transport: &Transport, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(transport)
}

impl Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.name, self.port, self.protocol)
    }
}

/// All services that are known.
#[derive(Debug)]
pub(super) struct Services {
    system: Vec<Entry>,
}

/// A line of the system's file.
#[derive(Debug)]
struct Entry {
    service: Service,
    aliases: Vec<String>,
}

impl Services {
    /// The well-known ones and those of the system, if it has any.
    pub(super) fn of_this_host() -> Self {
        let file = std::fs::read(SYSTEM_FILE).unwrap_or_default();
        Self::new(&String::from_utf8_lossy(&file))
    }

    /// The well-known ones and those of a text as `/etc/services` has it. What is not carried by TCP or UDP, or is no
    /// service at all, is left out.
    fn new(system: &str) -> Self {
        Self { system: system.lines().filter_map(entry).collect() }
    }

    /// The service of this name or alias, over each transport that it has. The system is asked about a name that is
    /// not well-known.
    pub(super) fn by_name(&self, name: &str) -> Vec<Service> {
        self.find(|known, _, aliases| known == name || aliases.iter().any(|alias| alias == name))
    }

    /// The services that have this port. The system is asked about a port that is not well-known.
    pub(super) fn by_port(&self, port: u16) -> Vec<Service> {
        self.find(|_, known, _| known == port)
    }

    /// All names and aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let system = self
            .system
            .iter()
            .flat_map(|entry| [&entry.service.name].into_iter().chain(&entry.aliases).map(String::as_str));
        WELL_KNOWN.iter().map(|(name, _, _)| *name).chain(system)
    }

    fn find(&self, wanted: impl Fn(&str, u16, &[String]) -> bool) -> Vec<Service> {
        let known = WELL_KNOWN.iter().filter(|(name, port, _)| wanted(name, *port, &[]));
        let known: Vec<Service> = known
            .flat_map(|(name, port, protocols)| {
                protocols.iter().map(|protocol| Service {
                    name: (*name).into(),
                    port: *port,
                    protocol: *protocol,
                })
            })
            .collect();
        if !known.is_empty() {
            return known;
        }
        let system = self
            .system
            .iter()
            .filter(|entry| wanted(&entry.service.name, entry.service.port, &entry.aliases));
        system.map(|entry| entry.service.clone()).collect()
    }
}

/// Reads a line such as `domain 53/udp nameserver # a comment`.
fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split('#').next()?.split_whitespace();
    let name = words.next()?.to_owned();
    let (port, protocol) = words.next()?.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return None,
    };
    let service = Service { name, port: port.parse().ok()?, protocol };
    Some(Entry { service, aliases: words.map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM: &str = "\
# A comment, and an empty line.

domain\t53/tcp\t\tnameserver ns # DNS
domain 53/udp nameserver
http 8080/tcp www   # not where it is well known to be
odd 70000/tcp
odd 7/ddp
odd tcp
odd
gopher+ 70/udp
";

    fn texts(services: &[Service]) -> Vec<String> {
        services.iter().map(ToString::to_string).collect()
    }

    /// S97, S99, C22.
    #[test]
    fn the_well_known_services_need_no_file() {
        let services = Services::new("");
        for (name, port) in [
            ("http", 80),
            ("https", 443),
            ("ftp", 21),
            ("smtp", 25),
            ("nntp", 119),
            ("pop3", 110),
            ("imap", 143),
            ("telnet", 23),
            ("gopher", 70),
            ("doom", 666),
        ] {
            let found = services.by_name(name);
            assert_eq!(found, services.by_port(port));
            assert!(!found.is_empty() && found.iter().all(|known| known.name == name && known.port == port));
        }
        assert!(services.by_name("domain").is_empty() && services.by_port(53).is_empty());
    }

    /// S97.
    #[test]
    fn the_well_known_services_come_before_the_systems() {
        let services = Services::new(SYSTEM);
        assert_eq!(texts(&services.by_name("http")), ["http 80/tcp"]);
        assert_eq!(texts(&services.by_port(70)), ["gopher 70/tcp"]);
        assert_eq!(texts(&services.by_name("https")), ["https 443/tcp", "https 443/udp"]);
    }

    /// S97.
    #[test]
    fn the_systems_services_are_found_by_name_alias_and_port() {
        let services = Services::new(SYSTEM);
        let domain = ["domain 53/tcp", "domain 53/udp"];
        assert_eq!(texts(&services.by_name("domain")), domain);
        assert_eq!(texts(&services.by_name("nameserver")), domain);
        assert_eq!(texts(&services.by_port(53)), domain);
        assert_eq!(texts(&services.by_name("ns")), domain[..1]);
        assert_eq!(texts(&services.by_name("www")), ["http 8080/tcp"]);
        for name in ["odd", "DNS", "#", ""] {
            assert!(services.by_name(name).is_empty(), "{name}");
        }
        assert!(services.names().any(|name| name == "doom") && services.names().any(|name| name == "www"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_file_is_too_odd(text in "([a-c# \t\n/]|1|/tcp){0,40}|.{0,40}") {
            let services = Services::new(&text);
            prop_assert!(services.system.len() <= text.lines().count());
        }

        /// S97.
        #[test]
        fn a_line_that_is_written_is_read(name in "[a-z][a-z0-9-]{0,10}", port: u16, udp: bool) {
            let protocol = if udp { Transport::Udp } else { Transport::Tcp };
            let service = Service { name, port, protocol };
            let read = entry(&service.to_string()).map(|entry| entry.service);
            prop_assert_eq!(read, Some(service));
        }
    }
}
