//! What can be connected to: the addresses of a host and the ports of a service, as Python's `getaddrinfo` shows them.

use std::fmt::{self, Display};
use std::net::SocketAddr;

use serde::Serialize;

use super::resolver::Candidate;
use super::services::Service;
use crate::systems::Transport;

/// One of the ways to reach a service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Socket {
    family: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: i32,
    /// The first has the name; with the others it is empty.
    canonical_name: String,
    address: SocketAddr,
    /// The numbers of family and type on this system.
    #[serde(skip)]
    numbers: (i32, i32),
}

/// Every address of the host with every port of the service, where the transport is the same.
pub(super) fn of_services(candidates: &[Candidate], services: &[Service]) -> Vec<Socket> {
    let mut canonical_name = candidates.iter().find_map(|candidate| candidate.canonical_name.clone());
    let pairs =
        candidates.iter().flat_map(|candidate| services.iter().map(move |service| (candidate, service)));
    let pairs = pairs.filter(|(candidate, service)| candidate.transport == Some(service.protocol));
    let socket = |(candidate, service): (&Candidate, &Service)| {
        let mut address = candidate.address;
        address.set_port(service.port);
        Socket {
            family: if address.is_ipv4() { "AF_INET" } else { "AF_INET6" },
            kind: match service.protocol {
                Transport::Tcp => "SOCK_STREAM",
                Transport::Udp => "SOCK_DGRAM",
            },
            protocol: candidate.protocol,
            canonical_name: canonical_name.take().unwrap_or_default(),
            address,
            numbers: candidate.numbers,
        }
    };
    pairs.map(socket).collect()
}

impl Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, kind, protocol, canonical_name, address, numbers } = self;
        write!(
            f,
            "(<AddressFamily.{family}: {}>, <SocketKind.{kind}: {}>, {protocol}, ",
            numbers.0, numbers.1
        )?;
        write!(f, "'{}', ('{}', {}", canonical_name.escape_debug(), address.ip(), address.port())?;
        match address {
            SocketAddr::V4(_) => write!(f, "))"),
            SocketAddr::V6(address) => write!(f, ", {}, {}))", address.flowinfo(), address.scope_id()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(protocol: i32, address: &str, canonical_name: Option<&str>) -> Candidate {
        let address: SocketAddr = address.parse().expect("it is an address");
        let (transport, kind) = match protocol {
            6 => (Some(Transport::Tcp), 1),
            17 => (Some(Transport::Udp), 2),
            _ => (None, 3),
        };
        let family = if address.is_ipv4() { 2 } else { 10 };
        let canonical_name = canonical_name.map(str::to_owned);
        Candidate { numbers: (family, kind), protocol, transport, canonical_name, address }
    }

    fn service(port: u16, protocol: Transport) -> Service {
        Service { name: "any".to_owned(), port, protocol }
    }

    fn host() -> Vec<Candidate> {
        vec![
            candidate(6, "[fe80::1%3]:0", Some("host.example")),
            candidate(17, "[fe80::1%3]:0", None),
            candidate(0, "[fe80::1%3]:0", None),
            candidate(6, "10.0.0.1:0", None),
            candidate(17, "10.0.0.1:0", None),
        ]
    }

    fn texts(sockets: &[Socket]) -> Vec<String> {
        sockets.iter().map(ToString::to_string).collect()
    }

    /// S98.
    #[test]
    fn every_address_is_shown_with_every_transport_of_the_service() {
        let both = [service(443, Transport::Tcp), service(443, Transport::Udp)];
        let expected = [
            "(<AddressFamily.AF_INET6: 10>, <SocketKind.SOCK_STREAM: 1>, 6, 'host.example', ('fe80::1', 443, 0, 3))",
            "(<AddressFamily.AF_INET6: 10>, <SocketKind.SOCK_DGRAM: 2>, 17, '', ('fe80::1', 443, 0, 3))",
            "(<AddressFamily.AF_INET: 2>, <SocketKind.SOCK_STREAM: 1>, 6, '', ('10.0.0.1', 443))",
            "(<AddressFamily.AF_INET: 2>, <SocketKind.SOCK_DGRAM: 2>, 17, '', ('10.0.0.1', 443))",
        ];
        assert_eq!(texts(&of_services(&host(), &both)), expected);
    }

    /// S98.
    #[test]
    fn the_first_that_is_shown_has_the_canonical_name() {
        let sockets = of_services(&host(), &[service(53, Transport::Udp)]);
        let names: Vec<&str> = sockets.iter().map(|socket| socket.canonical_name.as_str()).collect();
        assert_eq!(names, ["host.example", ""]);
        assert!(sockets.iter().all(|socket| socket.kind == "SOCK_DGRAM" && socket.address.port() == 53));
        assert_eq!(of_services(&host()[2..3], &[service(53, Transport::Udp)]), []);
    }
}
