//! What a proxy relays: from where, to where, and what both are called in plans.

use crate::machine::Peer;

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Datagrams: UDP.
    Datagrams,
    /// Streams: TCP, or Unix sockets.
    Streams,
}

/// A pair of addresses: whoever talks to the first is relayed to the second.
///
/// ```
/// use lossproof::proxy::Route;
///
/// let route = Route::udp("127.0.0.1:0".parse()?, "127.0.0.1:1060".parse()?);
/// let named = route.named("phone", "exchange");
/// assert_eq!(named.to.to_string(), "127.0.0.1:1060");
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it relays.
    pub carrier: Carrier,
    /// Where the proxy listens; port 0 for any.
    pub listen: Peer,
    /// Where the server is.
    pub to: Peer,
    /// What plans call whoever talks to the proxy: this, a dash, and a number in order of appearance from 1.
    pub client: String,
    /// What plans call the server; `None` for `server`, or where there are several `server-2` and so on.
    pub server: Option<String>,
}

/// What clients are called unless they have another name.
pub const CLIENT: &str = "client";
/// What the server is called unless it has another name.
pub const SERVER: &str = "server";

impl Route {
    /// Relays UDP datagrams.
    pub fn udp(listen: Peer, to: Peer) -> Self {
        Self { carrier: Carrier::Datagrams, listen, to, client: CLIENT.to_owned(), server: None }
    }

    /// Relays streams: TCP, or Unix sockets, or the one to the other.
    pub fn tcp(listen: Peer, to: Peer) -> Self {
        Self { carrier: Carrier::Streams, ..Self::udp(listen, to) }
    }

    /// The same, with other names in plans.
    #[must_use]
    pub fn named(self, client: impl Into<String>, server: impl Into<String>) -> Self {
        Self { client: client.into(), server: Some(server.into()), ..self }
    }
}

/// What the servers of these routes are called. One address is one server, whatever carries messages to it.
pub(super) fn servers(routes: &[Route]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(routes.len());
    let mut unnamed = 0;
    for (index, route) in routes.iter().enumerate() {
        let same = routes[..index].iter().position(|other| other.to == route.to);
        let name = match (&route.server, same) {
            (Some(name), _) => name.clone(),
            (None, Some(same)) => names[same].clone(),
            (None, None) => {
                unnamed += 1;
                if unnamed == 1 { SERVER.to_owned() } else { format!("{SERVER}-{unnamed}") }
            }
        };
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_one_server() {
        let peer = |text: &str| text.parse::<Peer>().unwrap();
        let route = |to: &str| Route::udp(peer("127.0.0.1:0"), peer(to));
        let routes = [
            route("127.0.0.1:1"),
            Route::tcp(peer("127.0.0.1:0"), peer("127.0.0.1:1")),
            route("127.0.0.1:2"),
            route("127.0.0.1:3").named("phone", "exchange"),
        ];
        assert_eq!(servers(&routes), ["server", "server", "server-2", "exchange"]);
    }
}
