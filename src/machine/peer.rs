//! Addresses.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The address of one end: internet or Unix.
///
/// Small enough to copy, with an order and a hash that do not depend on the process, so it can be a key.
///
/// Its text form is what the command line takes: `127.0.0.1:1060`, `[::1]:1060` or `unix:/tmp/socket`.
///
/// ```
/// use lossproof::Peer;
///
/// let peer: Peer = "127.0.0.1:1060".parse()?;
/// assert_eq!(peer.to_string(), "127.0.0.1:1060");
/// assert!("127.0.0.1".parse::<Peer>().is_err());
/// # Ok::<(), lossproof::machine::PeerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An IPv4 or IPv6 address with its port.
    Inet(SocketAddr),
    /// A Unix socket in the file system's name space, or one without a name.
    Unix(UnixPath),
}

impl Peer {
    /// The port, for an internet address.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(addr) => Some(addr.port()),
            Self::Unix(_) => None,
        }
    }

    /// The internet address, if it is one.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl From<(IpAddr, u16)> for Peer {
    fn from((ip, port): (IpAddr, u16)) -> Self {
        Self::Inet(SocketAddr::new(ip, port))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Neither `IP:PORT` nor `unix:PATH`.
    #[error("'{0}' is not an address: write IP:PORT, [IPV6]:PORT or unix:/path")]
    Syntax(String),
    /// The path of a Unix socket is empty, too long, or has a NUL byte.
    #[error("a unix socket's path has 1 to {max} bytes and no NUL, not {0} bytes", max = UnixPath::MAX_LEN)]
    Path(usize),
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        match text.strip_prefix("unix:") {
            Some(path) => UnixPath::new(path.as_bytes()).map(Self::Unix),
            None => text.parse().map(Self::Inet).map_err(|_| PeerError::Syntax(text.to_owned())),
        }
    }
}

/// The path of a Unix socket, held in place so that a [`Peer`] can be copied. Empty for a socket that was
/// never bound.
#[derive(Clone, Copy)]
pub struct UnixPath {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
}

impl UnixPath {
    /// The longest path of a socket, in bytes: `sun_path` without its closing NUL (unix(7)).
    pub const MAX_LEN: usize = 107;
    /// A socket without a name.
    pub const UNNAMED: Self = Self { len: 0, bytes: [0; Self::MAX_LEN] };

    /// A path of 1 to [`UnixPath::MAX_LEN`] bytes.
    ///
    /// # Errors
    /// [`PeerError::Path`] with the length if it is out of bounds or a byte is NUL.
    pub fn new(path: &[u8]) -> Result<Self, PeerError> {
        if path.is_empty() || path.len() > Self::MAX_LEN || path.contains(&0) {
            return Err(PeerError::Path(path.len()));
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..path.len()].copy_from_slice(path);
        Ok(Self { len: path.len() as u8, bytes })
    }

    /// The bytes of the path.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for UnixPath {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for UnixPath {}

impl PartialOrd for UnixPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UnixPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for UnixPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixPath({})", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_come_back() {
        for text in ["127.0.0.1:1060", "[::1]:0", "unix:/tmp/a socket"] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms_that_are() {
        let error = "localhost".parse::<Peer>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'localhost' is not an address: write IP:PORT, [IPV6]:PORT or unix:/path"
        );
    }

    #[test]
    fn a_path_may_have_its_full_length_and_not_one_byte_more() {
        let longest = "x".repeat(UnixPath::MAX_LEN);
        assert_eq!(UnixPath::new(longest.as_bytes()).unwrap().as_bytes(), longest.as_bytes());
        assert_eq!(UnixPath::new(&[b'x'; UnixPath::MAX_LEN + 1]), Err(PeerError::Path(108)));
        assert_eq!(UnixPath::new(b""), Err(PeerError::Path(0)));
        assert_eq!(UnixPath::new(b"a\0b"), Err(PeerError::Path(3)));
    }

    #[test]
    fn order_is_by_the_bytes_of_the_path() {
        let path = |text: &str| UnixPath::new(text.as_bytes()).unwrap();
        assert!(path("/a") < path("/aa") && path("/aa") < path("/b") && UnixPath::UNNAMED < path("/a"));
    }
}
