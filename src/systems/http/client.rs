//! The client: one request, one response, to the end of its body.

use std::time::Duration;

use super::fetch::Fetch;
use super::{ClientEvent, check};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::time::Instant;
use crate::wire::http::MAX_BODY_LEN;

/// How many interim responses (1xx) the client reads over.
pub const MAX_INTERIM: u32 = 16;
/// How many of its waits the whole response may take, however lively it drips.
pub const MAX_WAITS: u32 = 60;

/// Asks for one page, at the first of its addresses that can be connected to.
#[derive(Debug)]
pub struct Client(Fetch);

impl Client {
    /// A client that asks `host` for `path`, at `server` or at the next of the other addresses, and waits so long to be
    /// connected to each, and again for each next piece of the answer.
    ///
    /// # Panics
    /// If `host` or `path` does not [fit](super::fits_request).
    pub fn new(server: Peer, fallbacks: &[Peer], host: &str, path: &str, timeout: Duration) -> Self {
        check(host, path);
        let addresses = [&[server], fallbacks].concat();
        Self(Fetch::new(addresses, request(host, path), MAX_BODY_LEN, timeout))
    }
}

/// Whether a status says that the request was not answered as it was meant (4xx, 5xx).
pub(super) const fn is_refusal(status: u16) -> bool {
    status >= 400
}

/// The bytes of a request.
fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        if matches!(input, Input::Stop) {
            self.0.stop(out);
            out.done(Status::Success);
        } else if let Some((event, status)) = self.0.handle(input, now, out) {
            // A page that says what went wrong is read and saved as any other, and is not what was asked for.
            let is_refused = self.0.status().is_some_and(is_refusal);
            out.event(event);
            out.done(if is_refused { Status::Failure } else { status });
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }
}
