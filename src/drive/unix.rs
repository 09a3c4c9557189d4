//! Unix sockets in the file system's name space.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockAddr, SockRef};
use tokio::io::ReadBuf;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixDatagram, UnixListener, UnixStream};
use tracing::info;

use crate::machine::{Peer, UnixPath};

/// How long after a full queue the next try is made.
const CONNECT_PAUSE: Duration = Duration::from_millis(5);

/// How many datagrams are discarded at most when a peer is found again. Systems queue 10 or 512 unless told otherwise.
const MAX_QUEUE: usize = 4096;

/// The peer behind an address. Abstract names, and those that are longer than a [`UnixPath`], are shown as none.
pub(super) fn peer(addr: &SocketAddr) -> Peer {
    let path = addr.as_pathname().and_then(|path| UnixPath::new(path.as_os_str().as_bytes()).ok());
    Peer::Unix(path.unwrap_or(UnixPath::UNNAMED))
}

fn file_path(path: &UnixPath) -> &Path {
    Path::new(OsStr::from_bytes(path.as_bytes()))
}

/// Which file is at a path, so that another one in its place is told from it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn new(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Removes this file, if it is still what is at the path.
    fn remove(self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if Self::new(&metadata) == self => fs::remove_file(path),
            _ => Ok(()),
        }
    }
}

/// The file of a bound socket, which goes with it. It must go before the socket is closed: as long as that is open the
/// file's number belongs to no other, and nobody takes the file for a stale one.
struct Bound {
    path: UnixPath,
    file: Option<FileId>,
}

impl Bound {
    /// Binds a socket. A file of a socket that nobody holds any more, which a crash leaves behind, is removed first.
    fn new<T>(path: UnixPath, bind: impl Fn(&Path) -> io::Result<T>) -> io::Result<(Self, T)> {
        let at = file_path(&path);
        if path == UnixPath::UNNAMED {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path is missing; write unix:/path"));
        }
        let socket = match bind(at) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(at)?;
                info!(path = %at.display(), "replacing a stale socket");
                bind(at)?
            }
            bound => bound?,
        };
        let file = fs::symlink_metadata(at).ok().map(|metadata| FileId::new(&metadata));
        Ok((Self { path, file }, socket))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(file) = self.file {
            // What cannot be removed is found to be stale by the next who binds there.
            let _ = file.remove(file_path(&self.path));
        }
    }
}

/// Removes the file of a socket that nobody holds; what is anything else stays, and is an error.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        let text = "a file that is no socket is there; choose another path";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    // A datagram socket that connects sends nothing, so a server of either kind does not notice that it is asked for.
    match std::os::unix::net::UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => FileId::new(&metadata).remove(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// A listening socket.
pub(crate) struct Listener {
    // Dropped first.
    bound: Bound,
    socket: UnixListener,
}

impl Listener {
    pub(super) fn bind(path: UnixPath) -> io::Result<Self> {
        let (bound, socket) = Bound::new(path, |at| UnixListener::bind(at))?;
        Ok(Self { bound, socket })
    }

    pub(super) fn local(&self) -> Peer {
        Peer::Unix(self.bound.path)
    }

    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Peer)>> {
        self.socket.poll_accept(cx).map_ok(|(stream, addr)| (stream, peer(&addr)))
    }
}

/// Opens a stream. While the listener's queue is full it is tried again: the system, which waits for a TCP stream, does
/// not wait for this one.
pub(super) async fn connect(path: UnixPath) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(file_path(&path)).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(CONNECT_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// A datagram socket.
pub(crate) struct Datagram {
    // Dropped first.
    bound: Bound,
    socket: UnixDatagram,
    remote: Remote,
}

/// Whom a datagram socket is connected to.
///
/// ```text
///        connect          a send is refused: the peer has gone
///  Any ───────────► One ───────────────────────────────────────► Gone
///                    ▲                                            │
///                    └────────────────────────────────────────────┘
///                       a send finds that somebody is there again
/// ```
#[derive(Clone, Copy)]
enum Remote {
    /// To nobody: it takes datagrams from everybody.
    Any,
    One(UnixPath),
    /// The system has taken the connection back, so others would be heard, were what they say not dropped.
    Gone(UnixPath),
}

impl Datagram {
    pub(super) fn bind(path: UnixPath) -> io::Result<Self> {
        let (bound, socket) = Bound::new(path, |at| UnixDatagram::bind(at))?;
        Ok(Self { bound, socket, remote: Remote::Any })
    }

    pub(super) fn local(&self) -> Peer {
        Peer::Unix(self.bound.path)
    }

    /// Takes datagrams from this peer alone from now on.
    pub(super) fn connect(&mut self, path: UnixPath) -> io::Result<()> {
        self.socket.connect(file_path(&path))?;
        self.remote = Remote::One(path);
        Ok(())
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, Peer)>> {
        loop {
            let mut read = ReadBuf::new(buf);
            let addr = ready!(self.socket.poll_recv_from(cx, &mut read))?;
            let from = match self.remote {
                Remote::Any => peer(&addr),
                // The system sees to it that it is this one, though it may have bound another name of the same file.
                Remote::One(path) => Peer::Unix(path),
                Remote::Gone(_) => continue,
            };
            return Poll::Ready(Ok((read.filled().len(), from)));
        }
    }

    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: UnixPath,
    ) -> Poll<io::Result<()>> {
        match self.remote {
            Remote::One(path) if path == to => match ready!(self.socket.poll_send(cx, bytes)) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.remote = Remote::Gone(path);
                    self.poll_send_again(cx, bytes, path)
                }
                sent => Poll::Ready(sent.map(|_| ())),
            },
            Remote::Gone(path) if path == to => self.poll_send_again(cx, bytes, path),
            _ => Poll::Ready(self.send_to(bytes, to)),
        }
    }

    /// Sends to the peer that had gone, if somebody is there again.
    fn poll_send_again(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        path: UnixPath,
    ) -> Poll<io::Result<()>> {
        if self.connect(path).is_err() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        // What others have said meanwhile is still queued. From now on they cannot.
        for _ in 0..MAX_QUEUE {
            if (&*SockRef::from(&self.socket)).read(&mut [0]).is_err() {
                break;
            }
        }
        self.socket.poll_send(cx, bytes).map_ok(|_| ())
    }

    /// Sends to any peer. What does not fit into its queue is lost, as in UDP: nothing tells an unconnected socket when
    /// there is room again, and the other peers must not wait for this one. So the runtime, which would wait, is not
    /// asked.
    fn send_to(&self, bytes: &[u8], to: UnixPath) -> io::Result<()> {
        if to == UnixPath::UNNAMED {
            return Err(io::ErrorKind::NotFound.into());
        }
        SockRef::from(&self.socket).send_to(bytes, &SockAddr::unix(file_path(&to))?).map(|_| ())
    }
}
