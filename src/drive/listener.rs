//! The listening socket of a machine.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tracing::debug;

use super::net::{Listen, Pending};
use crate::machine::Peer;

/// How long no connection is accepted after the system could not hand one over, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The numbers of the errors that say that there is no descriptor left, for the process or for the system.
const CROWDED: [i32; 2] = [nix::errno::Errno::EMFILE as i32, nix::errno::Errno::ENFILE as i32];

/// A listening socket, which rests for a while when the system cannot hand a connection over.
pub(crate) struct Listener<L> {
    socket: L,
    local: Option<Peer>,
    pause: Option<Pending<()>>,
}

impl<L: Listen> Listener<L> {
    pub(crate) fn new(socket: L) -> Self {
        let local = socket.local_addr().ok();
        Self { socket, local, pause: None }
    }

    /// Where it is bound.
    pub(crate) const fn local(&self) -> Option<Peer> {
        self.local
    }

    /// The address of this end of all that it accepts, if it is one.
    pub(super) fn only_local(&self) -> Option<Peer> {
        self.local.filter(|local| local.inet().is_none_or(|addr| !addr.ip().is_unspecified()))
    }

    /// Makes no pause any more: there is room now.
    pub(super) fn go_on(&mut self) {
        self.pause = None;
    }

    /// The next connection; none if there is no descriptor left for it. Then it is asked again after a pause.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(L::Stream, Peer)>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.socket.poll_accept(cx)) {
                Ok(accepted) => return Poll::Ready(Some(accepted)),
                // The client has gone before it was its turn: nothing is lost.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    debug!(%error, "accept paused");
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_PAUSE)));
                    if error.raw_os_error().is_some_and(|number| CROWDED.contains(&number)) {
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }
}
