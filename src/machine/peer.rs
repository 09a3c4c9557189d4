//! Addresses.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// The address of one end: internet or Unix.
///
/// At most 24 bytes, so it is copied freely. Its order and its hash do not depend on the process, so it can be a key.
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
    /// An IPv4 address with its port.
    V4 {
        /// The address.
        ip: Ipv4Addr,
        /// The port.
        port: u16,
    },
    /// An IPv6 address with its port. A flow label does not name a peer, so there is none.
    V6 {
        /// The address.
        ip: Ipv6Addr,
        /// The zone of a link-local address, or 0.
        scope: u32,
        /// The port.
        port: u16,
    },
    /// A Unix socket in the file system's name space, or one without a name.
    Unix(UnixPath),
}

// Two of them and a slice make an input of 64 bytes.
const _: () = assert!(size_of::<Peer>() <= 24);

impl Peer {
    /// The port, for an internet address.
    pub const fn port(&self) -> Option<u16> {
        match *self {
            Self::V4 { port, .. } | Self::V6 { port, .. } => Some(port),
            Self::Unix(_) => None,
        }
    }

    /// The IP address, for an internet address.
    pub const fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::V4 { ip, .. } => Some(IpAddr::V4(ip)),
            Self::V6 { ip, .. } => Some(IpAddr::V6(ip)),
            Self::Unix(_) => None,
        }
    }

    /// The internet address, if it is one.
    pub const fn inet(&self) -> Option<SocketAddr> {
        match *self {
            Self::V4 { ip, port } => Some(SocketAddr::new(IpAddr::V4(ip), port)),
            Self::V6 { ip, scope, port } => Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope))),
            Self::Unix(_) => None,
        }
    }

    /// The same address with another port; a Unix socket has none, and stays.
    #[must_use]
    pub const fn with_port(self, port: u16) -> Self {
        match self {
            Self::V4 { ip, .. } => Self::V4 { ip, port },
            Self::V6 { ip, scope, .. } => Self::V6 { ip, scope, port },
            Self::Unix(path) => Self::Unix(path),
        }
    }

    /// The address of the same family that stands for any: of a datagram that nobody has bound a socket for.
    pub(crate) const fn unspecified(self) -> Self {
        match self {
            Self::V4 { .. } => Self::V4 { ip: Ipv4Addr::UNSPECIFIED, port: 0 },
            Self::V6 { .. } => Self::V6 { ip: Ipv6Addr::UNSPECIFIED, scope: 0, port: 0 },
            Self::Unix(_) => Self::Unix(UnixPath::UNNAMED),
        }
    }

    /// Whether both are of one family: IPv4, IPv6 or Unix.
    pub const fn is_like(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::V4 { .. }, Self::V4 { .. })
                | (Self::V6 { .. }, Self::V6 { .. })
                | (Self::Unix(_), Self::Unix(_))
        )
    }

    /// Whether a socket that is bound here has `local` as its own address: the same one, or any of a wildcard's.
    pub fn covers(&self, local: &Self) -> bool {
        let is_any = || self.ip().is_some_and(|ip| ip.is_unspecified());
        self == local || (is_any() && self.is_like(local) && self.port() == local.port())
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => Self::V4 { ip: *addr.ip(), port: addr.port() },
            SocketAddr::V6(addr) => Self::V6 { ip: *addr.ip(), scope: addr.scope_id(), port: addr.port() },
        }
    }
}

impl From<(IpAddr, u16)> for Peer {
    fn from((ip, port): (IpAddr, u16)) -> Self {
        SocketAddr::new(ip, port).into()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.inet()) {
            // The most frequent ones by far, in transcripts, logs and messages.
            (Self::V4 { ip, port }, _) if f.width().is_none() && f.precision().is_none() => {
                let mut text = [0; "255.255.255.255:65535".len()];
                f.write_str(v4_text(ip.octets(), *port, &mut text))
            }
            (_, Some(addr)) => addr.fmt(f),
            (Self::Unix(path), _) => path.fmt(f),
            _ => Ok(()),
        }
    }
}

/// Writes an IPv4 address and a port at the beginning of a buffer, without the machinery of formatting.
fn v4_text(octets: [u8; 4], port: u16, to: &mut [u8; 21]) -> &str {
    let mut len = 0;
    let mut put = |byte| {
        to[len] = byte;
        len += 1;
    };
    let numbers = octets.map(u16::from).into_iter().chain([port]);
    for (number, before) in numbers.zip([None, Some(b'.'), Some(b'.'), Some(b'.'), Some(b':')]) {
        before.map(&mut put);
        let mut unit = [10_000, 1_000, 100, 10].into_iter().find(|unit| *unit <= number).unwrap_or(1);
        while unit > 0 {
            put(b'0' + (number / unit % 10) as u8);
            unit /= 10;
        }
    }
    std::str::from_utf8(&to[..len]).unwrap_or_default()
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// Neither `IP:PORT` nor `unix:PATH`.
    Syntax(String),
    /// The path of a Unix socket is empty, too long, or has a NUL byte: its length.
    Path(usize),
    /// This process has named [`UnixPath::MAX_PATHS`] different paths, and this would be one more.
    TooManyPaths,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(f, "'{text}' is not an address: write IP:PORT, [IPV6]:PORT or unix:/path")
            }
            Self::Path(len) => {
                let max = UnixPath::MAX_LEN;
                write!(f, "a unix socket's path has 1 to {max} bytes and no NUL, not {len} bytes")
            }
            Self::TooManyPaths => {
                let max = UnixPath::MAX_PATHS;
                write!(f, "a process names at most {max} paths of unix sockets; use fewer of them")
            }
        }
    }
}

impl Error for PeerError {}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return UnixPath::new(path.as_bytes()).map(Self::Unix);
        }
        let addr: SocketAddr = text.parse().map_err(|_| PeerError::Syntax(text.to_owned()))?;
        Ok(addr.into())
    }
}

/// The path of a Unix socket. Each path is kept once for the whole process, so that its name is small and can be
/// copied; it is ordered and hashed by its bytes. Empty for a socket that was never bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixPath(&'static [u8]);

impl UnixPath {
    /// The longest path of a socket, in bytes: `sun_path` without its closing NUL (unix(7)).
    pub const MAX_LEN: usize = 107;
    /// How many different paths one process can name: each client of a Unix datagram server brings one, and none is
    /// forgotten.
    pub const MAX_PATHS: usize = 65_536;
    /// A socket without a name.
    pub const UNNAMED: Self = Self(&[]);

    /// A path of 1 to [`UnixPath::MAX_LEN`] bytes.
    ///
    /// # Errors
    /// [`PeerError::Path`] with the length if it is out of bounds or a byte is NUL; [`PeerError::TooManyPaths`] for the
    /// first new path beyond [`UnixPath::MAX_PATHS`].
    pub fn new(path: &[u8]) -> Result<Self, PeerError> {
        static KNOWN: Mutex<Paths> = Mutex::new(Paths(BTreeSet::new()));
        if path.is_empty() || path.len() > Self::MAX_LEN || path.contains(&0) {
            return Err(PeerError::Path(path.len()));
        }
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).keep(path, Self::MAX_PATHS).map(Self)
    }

    /// The bytes of the path.
    pub const fn as_bytes(&self) -> &'static [u8] {
        self.0
    }
}

/// Paths that were named before.
struct Paths(BTreeSet<&'static [u8]>);

impl Paths {
    fn keep(&mut self, path: &[u8], max_paths: usize) -> Result<&'static [u8], PeerError> {
        if let Some(known) = self.0.get(path) {
            return Ok(known);
        }
        if self.0.len() >= max_paths {
            return Err(PeerError::TooManyPaths);
        }
        let kept: &'static [u8] = path.to_vec().leak();
        self.0.insert(kept);
        Ok(kept)
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

    #[test]
    fn one_path_more_than_the_bound_is_refused_and_known_ones_are_not() {
        let mut paths = Paths(BTreeSet::new());
        let (first, second) = (paths.keep(b"/a", 2).unwrap(), paths.keep(b"/b", 2).unwrap());
        assert_eq!(paths.keep(b"/c", 2), Err(PeerError::TooManyPaths));
        assert_eq!((paths.keep(b"/a", 2), paths.keep(b"/b", 2)), (Ok(first), Ok(second)));
        assert!(std::ptr::eq(first, paths.keep(b"/a", 2).unwrap()), "it is kept once");
    }

    #[test]
    fn a_v4_address_is_shown_as_the_standard_library_shows_it() {
        for ip in ["0.0.0.0", "1.20.255.9", "255.255.255.255", "10.100.0.99"] {
            for port in [0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 65_535] {
                let addr: SocketAddr = format!("{ip}:{port}").parse().unwrap();
                assert_eq!(Peer::from(addr).to_string(), addr.to_string());
                assert_eq!(format!("{:>24}|", Peer::from(addr)), format!("{addr:>24}|"));
            }
        }
    }

    #[test]
    fn a_wildcard_covers_every_address_of_its_family_and_port() {
        let peer = |text: &str| text.parse::<Peer>().unwrap();
        assert!(peer("0.0.0.0:7").covers(&peer("127.0.0.2:7")));
        assert!(!peer("0.0.0.0:7").covers(&peer("127.0.0.2:8")));
        assert!(!peer("0.0.0.0:7").covers(&peer("[::1]:7")));
        assert!(peer("[::]:7").covers(&peer("[::1]:7")));
        assert!(!peer("127.0.0.1:7").covers(&peer("127.0.0.2:7")));
    }
}
