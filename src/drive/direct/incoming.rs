//! What happens on sockets, as the machine is told of it.

use std::io;

use tracing::{debug, trace};

use super::Direct;
use crate::drive::DriveError;
use crate::drive::driver::{Core, Port as _};
use crate::drive::inbox::Inbox;
use crate::drive::links::{Link, Standing};
use crate::drive::net::Packet;
use crate::drive::sockets::Raw;
use crate::machine::{CloseReason, Conn, ConnectError, Input, Peer, limits};

impl Direct {
    /// Tells the machine what happened on a socket, if it is something to tell; says how many inputs that made.
    pub(super) fn translate(&mut self, core: &mut Core<'_>, raw: Raw) -> Option<Result<u32, DriveError>> {
        let input = match raw {
            Raw::Datagrams => {
                // The machine reads straight from the sockets' buffer, which is theirs again afterwards.
                let inbox = self.sockets.lend_inbox();
                let fed = self.feed_datagrams(core, &inbox);
                self.sockets.take_back_inbox(inbox);
                return Some(fed);
            }
            Raw::Refused { peer, local } => Input::Unreachable { peer, local },
            Raw::Crowded { listener } => {
                if self.make_room(core) {
                    self.sockets.accept_again(listener);
                }
                return None;
            }
            Raw::Accepted { id, peer, local } => return self.accepted(core, id, peer, local).map(one),
            Raw::Dialed { id, result } => return self.dialed(core, id, result).map(one),
            Raw::Read { id, len } => {
                let conn = self.links.conn(id)?;
                if self.links.get_mut(conn)?.is_lingering() {
                    if !self.links.discard(conn, len) {
                        self.end(conn, CloseReason::LingerExpired);
                    }
                    return None;
                }
                let now = self.elapsed();
                self.links.silence.heard(conn, now);
                let buffer = self.sockets.lend();
                let fed = self.feed(core, Input::Received { conn, bytes: &buffer[..len] });
                self.sockets.take_back(buffer);
                return Some(one(fed));
            }
            Raw::Eof { id } => {
                let conn = self.links.conn(id)?;
                let lingering = self.links.get_mut(conn)?.is_lingering();
                self.direction_ended(conn, |link| link.eof = true);
                if lingering {
                    return None;
                }
                Input::Eof { conn }
            }
            Raw::Wrote { id, len } => {
                let conn = self.links.conn(id)?;
                if !core.effects().credit(conn, len as u32) {
                    return None;
                }
                Input::Writable { conn }
            }
            Raw::ShutDown { id } => {
                let conn = self.links.conn(id)?;
                self.direction_ended(conn, |link| link.shut_down = true);
                return None;
            }
            Raw::Broken { id } => {
                let conn = self.links.conn(id)?;
                self.end(conn, CloseReason::Reset);
                return None;
            }
        };
        Some(one(self.feed(core, input)))
    }

    /// Hands in datagrams that have come together, and sends what they cause together.
    fn feed_datagrams(&mut self, core: &mut Core<'_>, inbox: &Inbox) -> Result<u32, DriveError> {
        let now = self.elapsed();
        for Packet { local, peer, bytes, ecn } in inbox.datagrams() {
            if core.done.is_some() || core.effects().is_done() {
                break;
            }
            trace!(%peer, len = bytes.len(), "received");
            core.handle(Input::Datagram { peer, local, bytes, ecn }, now);
        }
        self.settle(core, now)?;
        Ok(inbox.len() as u32)
    }

    fn accepted(
        &mut self,
        core: &mut Core<'_>,
        id: u32,
        peer: Peer,
        local: Option<Peer>,
    ) -> Option<Result<(), DriveError>> {
        // The system has to be asked only where the listener takes streams at several addresses. One that was reset
        // meanwhile has lost its peer's address, but not its own.
        let Ok(local) = local.map_or_else(|| self.sockets.stream_local(id), Ok) else {
            self.sockets.remove(id);
            return None;
        };
        if self.is_crowded() && !self.make_room(core) {
            debug!(%peer, "turned away: all others are busy");
            self.sockets.remove(id);
            return None;
        }
        debug!(%peer, "accepted");
        let conn = core.effects().accept(limits::SEND_BUFFER_LEN as u32);
        self.links.begin(id, conn, peer, Standing::Open);
        let now = self.elapsed();
        self.links.silence.begin(conn, now);
        self.stream_opened(id, conn, peer);
        Some(self.feed(core, Input::Connected { conn, peer, local }))
    }

    fn dialed(
        &mut self,
        core: &mut Core<'_>,
        id: u32,
        result: io::Result<()>,
    ) -> Option<Result<(), DriveError>> {
        let conn = self.links.conn(id)?;
        let peer = self.links.get_mut(conn)?.peer;
        let input = match result.and_then(|()| self.sockets.stream_local(id)) {
            Ok(local) => {
                let link = self.links.get_mut(conn)?;
                let is_shut = link.standing == Standing::Dialing { shut: true };
                link.standing = Standing::Open;
                debug!(%peer, %local, "connected");
                core.effects().connected(conn, limits::SEND_BUFFER_LEN as u32);
                self.stream_opened(id, conn, peer);
                if is_shut {
                    self.shutdown(conn, self.elapsed());
                }
                Input::Connected { conn, peer, local }
            }
            Err(error) => {
                debug!(%peer, %error, "connect failed");
                self.sockets.remove(id);
                self.links.forget(conn);
                core.effects().release(conn);
                Input::ConnectFailed { conn, peer, reason: connect_error(&error) }
            }
        };
        Some(self.feed(core, input))
    }

    /// Notes that one direction of a stream has come to its end, and with the other the stream.
    fn direction_ended(&mut self, conn: Conn, note: impl FnOnce(&mut Link)) {
        let Some(link) = self.links.get_mut(conn) else { return };
        note(link);
        if link.eof && link.shut_down {
            self.end(conn, CloseReason::Finished);
        }
    }

    fn stream_opened(&mut self, id: u32, conn: Conn, peer: Peer) {
        let now = self.elapsed();
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.opened(now, id, conn, peer);
        }
    }
}

/// What came of one input.
fn one(fed: Result<(), DriveError>) -> Result<u32, DriveError> {
    fed.map(|()| 1)
}

fn connect_error(error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        // Not found is the path of a Unix socket.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::NotFound => {
            ConnectError::Refused
        }
        _ => ConnectError::Unreachable,
    }
}
