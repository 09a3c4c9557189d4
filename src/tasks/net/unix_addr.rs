//! Where a Unix socket is.

use std::path::Path;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use crate::machine::Peer;

/// The address of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketAddr(pub(super) Peer);

impl SocketAddr {
    /// Its path, if it has one.
    pub fn as_pathname(&self) -> Option<&Path> {
        match &self.0 {
            Peer::Unix(path) if !path.as_bytes().is_empty() => {
                Some(Path::new(OsStr::from_bytes(path.as_bytes())))
            }
            _ => None,
        }
    }

    /// Whether it has no path.
    pub fn is_unnamed(&self) -> bool {
        self.as_pathname().is_none()
    }
}
