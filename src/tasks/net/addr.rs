//! Names and addresses, as sockets take them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::tasks::registry::{here, with_hub};

/// What can be made one or several socket addresses, as [`tokio::net::ToSocketAddrs`] is. Names are those of the hosts of
/// the net; `localhost` is the host itself.
///
/// [`tokio::net::ToSocketAddrs`]: https://docs.rs/tokio/latest/tokio/net/trait.ToSocketAddrs.html
pub trait ToSocketAddrs {
    /// The addresses, in the order in which they are tried.
    ///
    /// # Errors
    /// `NotFound` if no host has this name, `InvalidInput` if the text is no address.
    fn addresses(&self) -> io::Result<Vec<SocketAddr>>;
}

/// Looks a name up: `server:80`, where `server` is a host of the net.
///
/// # Errors
/// As those of [`ToSocketAddrs::addresses`].
pub async fn lookup_host<T: ToSocketAddrs>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>> {
    Ok(host.addresses()?.into_iter())
}

/// The address of a host of the net.
fn by_name(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if name == "localhost" {
        return Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]);
    }
    let found = with_hub(here()?, |hub| {
        let index = hub.facts.names.iter().position(|known| known == name)?;
        hub.facts.peers.get(index)?.ip()
    });
    match found.flatten() {
        Some(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        None => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("no host of this net is called {name:?}")))
        }
    }
}

impl ToSocketAddrs for str {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.parse() {
            return Ok(vec![address]);
        }
        let parts = self.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
        let Some((name, port)) = parts else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{self:?} is no socket address: write a host and a port, as in 'server:80'"),
            ));
        };
        by_name(name, port)
    }
}

impl ToSocketAddrs for String {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_str().addresses()
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        by_name(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        by_name(&self.0, self.1)
    }
}

impl ToSocketAddrs for SocketAddr {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![*self])
    }
}

impl ToSocketAddrs for SocketAddrV4 {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::V4(*self)])
    }
}

impl ToSocketAddrs for SocketAddrV6 {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::V6(*self)])
    }
}

impl ToSocketAddrs for (IpAddr, u16) {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(*self)])
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).addresses()
    }
}
