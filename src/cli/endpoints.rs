//! The sockets of a net's host, on real addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::drive::Endpoint;
use crate::host::HostId;
use crate::machine::Peer;
use crate::scenario::Scenario;

/// Those of a server whose first one is bound here: the others are where the net has them, on its host's real address.
pub(super) fn of_server(scenario: &Scenario, server: HostId, bind: Peer) -> Vec<Endpoint> {
    let spec = &scenario.spec().hosts[server.index()];
    let first = scenario.peer(server);
    let at = |local: Peer| if local == first { bind } else { beside(bind, local) };
    let datagrams = spec.datagrams.iter().map(|socket| Endpoint::datagram(at(socket.local)));
    datagrams.chain(spec.listeners.iter().map(|local| Endpoint::listener(at(*local)))).collect()
}

/// Those of a client that calls a server. Its datagram sockets are bound anywhere, the first in the server's family.
pub(super) fn of_client(
    scenario: &Scenario,
    (client, own): (HostId, Peer),
    (server, target): (HostId, Peer),
    broadcast: bool,
) -> Vec<Endpoint> {
    let spec = &scenario.spec().hosts[client.index()];
    let mut own = Some(own);
    let datagrams = spec.datagrams.iter().map(|socket| {
        let of_server = socket.connected.is_some_and(|peer| scenario.spec().host_at(&peer) == Some(server));
        let bind = own.take().unwrap_or_else(|| any(socket.local));
        Endpoint::Datagram { bind, connect: of_server.then_some(target), broadcast }
    });
    let datagrams: Vec<Endpoint> = datagrams.collect();
    let listeners = spec.listeners.iter().map(|local| Endpoint::listener(beside(target, *local)));
    datagrams.into_iter().chain(listeners).collect()
}

/// Any address of the same family.
fn any(local: Peer) -> Peer {
    match local {
        Peer::V4 { .. } => (IpAddr::from(Ipv4Addr::UNSPECIFIED), 0).into(),
        Peer::V6 { .. } => (IpAddr::from(Ipv6Addr::UNSPECIFIED), 0).into(),
        path @ Peer::Unix(_) => path,
    }
}

/// Where another socket of a host is whose first one is here: on the same address if that has its family, else on the
/// loopback beside a loopback, and everywhere beside anything else.
fn beside(bind: Peer, local: Peer) -> Peer {
    let is_near = bind.ip().is_none_or(|ip| ip.is_loopback());
    match (local, bind.ip()) {
        (Peer::V4 { port, .. }, Some(ip @ IpAddr::V4(_)))
        | (Peer::V6 { port, .. }, Some(ip @ IpAddr::V6(_))) => (ip, port).into(),
        (Peer::V4 { port, .. }, _) => {
            (IpAddr::from(if is_near { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED }), port).into()
        }
        (Peer::V6 { port, .. }, _) => {
            (IpAddr::from(if is_near { Ipv6Addr::LOCALHOST } else { Ipv6Addr::UNSPECIFIED }), port).into()
        }
        (path @ Peer::Unix(_), _) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sockets_are_beside_the_first() {
        for (bind, local, expected) in [
            ("127.0.0.1:9", "192.168.0.1:7", "127.0.0.1:7"),
            ("10.0.0.1:9", "192.168.0.1:7", "10.0.0.1:7"),
            ("127.0.0.1:9", "[fd00::1]:7", "[::1]:7"),
            ("10.0.0.1:9", "[fd00::1]:7", "[::]:7"),
            ("[::1]:9", "192.168.0.1:7", "127.0.0.1:7"),
            ("[::]:9", "192.168.0.1:7", "0.0.0.0:7"),
            ("unix:/a", "192.168.0.1:7", "127.0.0.1:7"),
            ("127.0.0.1:9", "unix:/b", "unix:/b"),
        ] {
            let [bind, local] = [bind, local].map(|text| text.parse().unwrap());
            assert_eq!(beside(bind, local).to_string(), expected, "{local} beside {bind}");
        }
    }
}
