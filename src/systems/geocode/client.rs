//! The client of geocode.

use std::time::Duration;

use super::answer::{self, Answer};
use super::{ClientEvent, MAX_ANSWER_LEN, query};
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::systems::http::fetch::{Ended, Fetch};
use crate::systems::http::{self, check_host};
use crate::time::Instant;

/// Asks where one place is, at the first of its addresses that can be connected to, and tells it once the whole answer is
/// there.
#[derive(Debug)]
pub struct Client {
    fetch: Fetch,
    /// Whether it is told as JSON.
    json: bool,
}

impl Client {
    /// A client that asks `host` for `place`, at the first of the addresses that it can connect to, and waits so long to be
    /// connected to each, and again for each next piece of the answer.
    ///
    /// # Panics
    /// If there is no address, or `host` does not [fit](http::fits_request).
    pub fn new(addresses: Vec<Peer>, host: &str, place: &str, timeout: Duration) -> Self {
        assert!(!addresses.is_empty(), "a client needs an address to call");
        check_host(host);
        let request = query::request(host, place);
        Self { fetch: Fetch::new(addresses, request, MAX_ANSWER_LEN, timeout), json: false }
    }

    /// The same that tells its answer as an object of JSON.
    #[must_use]
    pub fn json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    fn end(&self, (event, _): Ended, out: &mut Outbox<ClientEvent>) {
        let body = match event {
            http::ClientEvent::Body(body) => body,
            event => return fail(event.into(), out),
        };
        match answer::read(&body) {
            Ok(Answer::Found { location, count }) => {
                if count > 1 {
                    out.event(ClientEvent::Several(count));
                }
                out.event(ClientEvent::Found { location, json: self.json });
                out.done(Status::Success);
            }
            Ok(Answer::Nowhere) => fail(ClientEvent::Nowhere, out),
            Ok(Answer::Status(status)) => fail(ClientEvent::OtherStatus(status), out),
            Err(error) => fail(ClientEvent::NoAnswer(error), out),
        }
    }
}

fn fail(event: ClientEvent, out: &mut Outbox<ClientEvent>) {
    out.event(event);
    out.done(Status::Failure);
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        if matches!(input, Input::Stop) {
            self.fetch.stop(out);
            out.done(Status::Success);
            return;
        }
        let before = self.fetch.status();
        let ended = self.fetch.handle(input, now, out);
        match self.fetch.status() {
            // Whatever comes behind such a head is no answer, so nobody waits for it.
            Some(status) if before.is_none() && status != 200 => {
                self.fetch.stop(out);
                fail(ClientEvent::BadStatus(status), out);
            }
            _ => {
                if let Some(ended) = ended {
                    self.end(ended, out);
                }
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.fetch.deadline()
    }
}
