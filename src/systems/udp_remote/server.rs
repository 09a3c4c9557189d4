//! The server of udp-remote.

use std::fmt;
use std::hash::Hasher;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

use super::seal::{Direction, Key};
use super::{ServerEvent, has_ids};
use crate::fault::Chance;
use crate::host::Boot;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::systems::Options;
use crate::time::Instant;
use crate::wire::request_id;

/// Answers a request with its length, unless it pretends that the request was lost.
#[derive(Debug)]
pub struct Server {
    drop: Chance,
    ids: bool,
    /// What requests and replies are sealed with, if anything.
    key: Option<Key>,
    rng: Pcg32,
}

impl Server {
    /// A server that drops requests with this probability, as `seed` decides.
    pub fn new(drop: Chance, ids: bool, seed: u64) -> Self {
        Self { drop, ids, key: None, rng: Pcg32::seed_from_u64(seed) }
    }

    /// The same that answers only requests that are sealed, and seals its replies.
    #[must_use]
    pub fn sealed(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The server with these options.
    pub(super) fn chosen(options: &Options, boot: Boot<'_>) -> Self {
        let plain = Self::new(options.drop, has_ids(options), boot.seed());
        Self { key: options.key.clone(), ..plain }
    }

    fn answer(&self, peer: Peer, request: &[u8], out: &mut Outbox<ServerEvent>) {
        let opened = match &self.key {
            Some(key) => key.opened(Direction::Request, request),
            None => Some(request),
        };
        let Some(request) = opened else {
            out.event(ServerEvent::NotAuthentic(peer));
            return;
        };
        if !self.ids {
            out.event(ServerEvent::Asked { peer, text: request.to_vec() });
            self.reply(format_args!("Your data was {} bytes long", request.len()), out);
            return;
        }
        match request_id::decode(request) {
            Ok((id, text)) => {
                out.event(ServerEvent::Asked { peer, text: text.to_vec() });
                self.reply(format_args!("{id} Your data was {} bytes long", text.len()), out);
            }
            Err(_) => out.event(ServerEvent::WithoutId(peer)),
        }
    }

    fn reply(&self, reply: fmt::Arguments<'_>, out: &mut Outbox<ServerEvent>) {
        match &self.key {
            Some(key) => out.reply(&key.sealed(Direction::Reply, &reply.to_string())),
            None => out.reply_fmt(reply),
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Start { local } => out.event(ServerEvent::Listening(local)),
            Input::Datagram { peer, .. }
                if self.drop != Chance::NEVER && self.drop.happens(self.rng.next_u64()) =>
            {
                out.event(ServerEvent::Dropping(peer));
            }
            Input::Datagram { peer, bytes, .. } => self.answer(peer, bytes, out),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn fingerprint(&self, _now: Instant, to: &mut dyn Hasher) -> bool {
        // Without drops the generator is never used, and nothing else changes.
        to.write_u8(u8::from(self.ids));
        self.drop == Chance::NEVER
    }
}
