//! The address after `serve` and `call`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

use super::error::CliError;
use crate::machine::Peer;

/// What is to be known of a system for its addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// What it is called.
    pub(super) system: &'static str,
    /// The server's first socket in the net.
    pub(super) server: Peer,
    /// Whether it has Unix sockets.
    pub(super) unix: bool,
    /// Whether its client sends broadcasts; IPv4 only.
    pub(super) broadcasts: bool,
    /// Whether its client takes the server's name instead of an address, with or without a port.
    pub(super) takes_names: bool,
}

impl Reach {
    fn port(&self) -> u16 {
        self.server.port().unwrap_or_default()
    }
}

/// Where a server is, and what the user calls it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its address.
    pub(super) server: Peer,
    /// Its other addresses, where a name has several.
    pub(super) fallbacks: Vec<Peer>,
    /// Its host, as it was written.
    pub(super) host: String,
}

/// Reads the address to serve at, or the default.
pub(super) fn bind(reach: &Reach, addr: Option<&str>) -> Result<Peer, CliError> {
    match (addr, reach.server) {
        (Some(text), _) => numeric(reach, text),
        (None, path @ Peer::Unix(_)) => Ok(path),
        (None, Peer::V6 { port, .. }) => Ok((IpAddr::from(Ipv6Addr::LOCALHOST), port).into()),
        (None, Peer::V4 { port, .. }) => {
            let ip = if reach.broadcasts { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
            Ok((IpAddr::from(ip), port).into())
        }
    }
}

/// Reads the address to call, or the default.
pub(super) fn target(reach: &Reach, addr: Option<&str>) -> Result<Target, CliError> {
    let alone = |server: Peer| {
        let host = server.inet().map_or_else(|| server.to_string(), |addr| bracketed(addr.ip()));
        Target { server, fallbacks: Vec::new(), host }
    };
    match addr {
        None if reach.broadcasts => Ok(alone((IpAddr::from(Ipv4Addr::BROADCAST), reach.port()).into())),
        None => bind(reach, None).map(alone),
        Some(text) if reach.takes_names && !text.starts_with("unix:") => named(reach, text),
        Some(text) => numeric(reach, text).map(alone),
    }
}

fn numeric(reach: &Reach, text: &str) -> Result<Peer, CliError> {
    let peer = text.parse().map_err(|error| CliError::Address(format!("{error}")))?;
    match peer {
        Peer::Unix(_) if !reach.unix => Err(CliError::NoUnix { system: reach.system, addr: text.to_owned() }),
        Peer::V6 { .. } if reach.broadcasts => {
            let why = format!("'{text}' is IPv6, which has no broadcast: write IPV4:PORT");
            Err(CliError::Address(why))
        }
        peer => Ok(peer),
    }
}

/// Reads a name or an address, with or without a port, and looks the name up.
fn named(reach: &Reach, text: &str) -> Result<Target, CliError> {
    let (host, port) = split(text, reach.port())?;
    let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
    let found = (unbracketed, port).to_socket_addrs();
    let found = found.map_err(|source| CliError::NoHost { name: host.to_owned(), source })?;
    let mut found = found.map(Peer::from);
    let server = found.next().ok_or_else(|| CliError::NoHost {
        name: host.to_owned(),
        source: std::io::Error::other("it has none"),
    })?;
    let host = unbracketed.parse().map_or_else(|_| host.to_owned(), bracketed);
    Ok(Target { server, fallbacks: found.collect(), host })
}

/// Parts a host from its port.
fn split(text: &str, default_port: u16) -> Result<(&str, u16), CliError> {
    let syntax =
        || CliError::Address(format!("'{text}' is not an address: write HOST, HOST:PORT or [IPV6]:PORT"));
    let whole_is_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match text.rsplit_once(':') {
        _ if whole_is_v6 || text.ends_with(']') => (text, default_port),
        Some((host, port)) => (host, port.parse().map_err(|_| syntax())?),
        None => (text, default_port),
    };
    let open = host.starts_with('[') == host.ends_with(']');
    let fine = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()) && open;
    if fine { Ok((host, port)) } else { Err(syntax()) }
}

/// An address as a URL has it (RFC 3986, 3.2.2).
fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(system: &'static str, port: u16) -> Reach {
        let server = Peer::V4 { ip: Ipv4Addr::new(192, 168, 0, 1), port };
        Reach { system, server, unix: false, broadcasts: false, takes_names: false }
    }

    const PLAIN: Reach = at("plain", 7);
    const NAMED: Reach = Reach { takes_names: true, ..at("named", 80) };
    const WIDE: Reach = Reach { broadcasts: true, ..at("wide", 9) };

    #[test]
    fn without_an_address_it_is_the_default() {
        assert_eq!(bind(&PLAIN, None).unwrap().to_string(), "127.0.0.1:7");
        assert_eq!(bind(&WIDE, None).unwrap().to_string(), "0.0.0.0:9");
        let six = Reach { server: "[fd00::1]:7".parse().unwrap(), ..PLAIN };
        assert_eq!(bind(&six, None).unwrap().to_string(), "[::1]:7");
        assert_eq!(target(&WIDE, None).unwrap().server.to_string(), "255.255.255.255:9");
    }

    #[test]
    fn a_host_may_come_without_a_port() {
        for (text, server, host) in [
            ("127.0.0.1", "127.0.0.1:80", "127.0.0.1"),
            ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1"),
            ("::1", "[::1]:80", "[::1]"),
            ("[::1]", "[::1]:80", "[::1]"),
            ("[::1]:8080", "[::1]:8080", "[::1]"),
        ] {
            let target = target(&NAMED, Some(text)).unwrap();
            assert_eq!((target.server.to_string().as_str(), target.host.as_str()), (server, host));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_write() {
        for text in ["", ":80", "a b", "host:", "host:x", "host:65536", "[::1", "::1]:80", "unix:/x"] {
            let error = target(&NAMED, Some(text)).unwrap_err().to_string();
            assert!(error.contains("write "), "{text:?}: {error}");
        }
        for text in ["", "127.0.0.1", "localhost:7", "unix:/x"] {
            assert!(target(&PLAIN, Some(text)).unwrap_err().to_string().contains("write "), "{text:?}");
        }
        let error = target(&WIDE, Some("[::1]:9")).unwrap_err().to_string();
        assert_eq!(error, "ADDR: '[::1]:9' is IPv6, which has no broadcast: write IPV4:PORT");
    }
}
