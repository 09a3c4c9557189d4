//! The client of udp-remote.

use std::hash::{Hash, Hasher};

use super::seal::{Direction, Key};
use super::{ClientEvent, has_ids, messages};
use crate::host::Boot;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::parts::backoff::{Backoff, Waits};
use crate::systems::Options;
use crate::time::Instant;
use crate::wire::request_id::{self, RequestId};

/// Asks its requests one after another, each again and again until it is answered.
#[derive(Debug)]
pub struct Client {
    server: Peer,
    messages: &'static [&'static str],
    /// The id of the first request, if they have ids; each next one has the next.
    first_id: Option<u32>,
    /// What requests and replies are sealed with, if anything.
    key: Option<Key>,
    backoff: Backoff,
    state: State,
}

/// ```text
///                       ┌─ the deadline: send again ─┐
///                       ▼                            │
/// Idle ──start──► Waiting(request 0) ────────────────┘
///                       │ reply                ╲ out of attempts
///                       ▼                       ▼
///                 Waiting(request 1) … ──────► Over
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Waiting { request: usize, waits: Waits, resend_at: Instant },
    Over,
}

impl Client {
    /// A client of the server that asks these, with ids from `first_id` on if there is one.
    pub fn new(
        server: Peer,
        messages: &'static [&'static str],
        first_id: Option<u32>,
        backoff: Backoff,
    ) -> Self {
        Self { server, messages, first_id, key: None, backoff, state: State::Idle }
    }

    /// The same that seals its requests, and takes only replies that are sealed. A reply can be sent again by anybody,
    /// so its requests should have ids.
    #[must_use]
    pub fn sealed(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The client with these options, and this schedule.
    pub(crate) fn chosen(options: &Options, server: Peer, boot: Boot<'_>, backoff: Backoff) -> Self {
        let first_id = has_ids(options).then_some(boot.seed() as u32);
        Self { key: options.key.clone(), ..Self::new(server, messages(options), first_id, backoff) }
    }

    fn id_of(&self, request: usize) -> Option<RequestId> {
        self.first_id.map(|first| RequestId(first.wrapping_add(request as u32)))
    }

    /// Sends a request, for the first time or again, and waits; or gives up if all attempts are used.
    fn send(&mut self, request: usize, mut waits: Waits, now: Instant, out: &mut Outbox<ClientEvent>) {
        let Some(wait) = waits.next() else {
            self.state = State::Over;
            out.event(ClientEvent::GaveUp);
            out.done(Status::Failure);
            return;
        };
        let text = self.messages[request];
        match (&self.key, self.id_of(request)) {
            (Some(key), Some(id)) => {
                out.send(self.server, &key.sealed(Direction::Request, &format!("{id} {text}")));
            }
            (Some(key), None) => out.send(self.server, &key.sealed(Direction::Request, text)),
            (None, Some(id)) => out.send_fmt(self.server, format_args!("{id} {text}")),
            (None, None) => out.send(self.server, text.as_bytes()),
        }
        out.event(ClientEvent::Waiting(wait));
        self.state = State::Waiting { request, waits, resend_at: now + wait };
    }

    fn begin(&mut self, request: usize, now: Instant, out: &mut Outbox<ClientEvent>) {
        if request < self.messages.len() {
            self.send(request, self.backoff.waits(0), now, out);
        } else {
            self.state = State::Over;
            out.done(Status::Success);
        }
    }

    /// The text of a reply, if it answers this request, and is sealed where there is a key.
    fn answer<'a>(&self, request: usize, reply: &'a [u8]) -> Option<&'a [u8]> {
        let reply = match &self.key {
            Some(key) => key.opened(Direction::Reply, reply)?,
            None => reply,
        };
        match self.id_of(request) {
            None => Some(reply),
            Some(id) => match request_id::decode(reply) {
                Ok((of, text)) if of == id => Some(text),
                _ => None,
            },
        }
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ClientEvent;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<ClientEvent>) {
        match (&self.state, input) {
            (State::Idle, Input::Start { local }) => {
                out.event(ClientEvent::SocketName(local));
                self.begin(0, now, out);
            }
            (State::Waiting { request, .. }, Input::Datagram { peer, bytes, .. }) if peer == self.server => {
                let request = *request;
                if let Some(text) = self.answer(request, bytes) {
                    out.event(ClientEvent::Replied { request, text: text.to_vec() });
                    self.begin(request + 1, now, out);
                }
            }
            (State::Waiting { request, waits, resend_at }, Input::Timeout) if *resend_at <= now => {
                let (request, waits) = (*request, waits.clone());
                self.send(request, waits, now, out);
            }
            (_, Input::Stop) => {
                self.state = State::Over;
                out.done(Status::Success);
            }
            // A refusal is an unanswered try: its wait goes on to the end.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { resend_at, .. } => Some(resend_at),
            State::Idle | State::Over => None,
        }
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        match &self.state {
            State::Idle => to.write_u8(0),
            State::Waiting { request, waits, resend_at } => {
                to.write_u8(1);
                (*request, waits.len(), resend_at.since(now)).hash(&mut to);
            }
            State::Over => to.write_u8(2),
        }
        true
    }
}
