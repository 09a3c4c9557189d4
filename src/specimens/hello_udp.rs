//! Bugs of hello-udp.

use super::{Bug, planted};
use crate::machine::{BoxedMachine, Effect, Input, Machine, Outbox};
use crate::systems::hello_udp::{Client, Event};

/// The client counts an answer that comes again as one more.
const COUNTS_DOUBLES: &str = "counts-doubles";
/// The client takes every timeout for the one that it waits for. `select` may say so early, and condition variables do.
const TRUSTS_EVERY_TIMEOUT: &str = "trusts-every-timeout";
/// The client keeps each try until it is answered, and sends all that it keeps: a queue without a bound. Resolvers and
/// message queues that were cut off for long have flooded their servers so.
const KEEPS_EVERY_TRY: &str = "keeps-every-try";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[
    Bug::doubled(COUNTS_DOUBLES, "an answer that comes twice counts twice", "client>server #0 duplicate"),
    Bug::new(TRUSTS_EVERY_TIMEOUT, "a timeout that comes early is taken for the one that is due", ""),
    Bug::new(
        KEEPS_EVERY_TRY,
        "each try is queued until it is answered, and the whole queue is sent",
        "client>server #0 drop",
    ),
];

/// The client with the chosen bug, if there is one.
pub(in crate::systems) fn client(bug: Option<&str>, right: Client) -> BoxedMachine<(), Event> {
    match bug {
        Some(COUNTS_DOUBLES) => counts_doubles(right),
        Some(TRUSTS_EVERY_TIMEOUT) => planted(right, |right, input, now, out| {
            let now = match input {
                Input::Timeout => right.deadline().map_or(now, |due_at| due_at.max(now)),
                _ => now,
            };
            right.handle(input, now, out);
            right.deadline()
        }),
        Some(KEEPS_EVERY_TRY) => keeps_every_try(right),
        _ => Box::new(right),
    }
}

fn counts_doubles(right: Client) -> BoxedMachine<(), Event> {
    let mut last = None;
    planted(right, move |right, input, now, out| {
        match (&last, input) {
            (Some(Event::Answered { name, text }), Input::Datagram { bytes, .. })
                if text.as_bytes() == bytes =>
            {
                out.event(Event::Answered { name: *name, text: text.clone() });
            }
            _ => {
                let before = out.effects().len();
                right.handle(input, now, out);
                for effect in out.effects().skip(before) {
                    if let Effect::Event(answered @ Event::Answered { .. }) = effect {
                        last = Some(answered.clone());
                    }
                }
            }
        }
        right.deadline()
    })
}

fn keeps_every_try(right: Client) -> BoxedMachine<(), Event> {
    let (mut sent, mut queue) = (Outbox::default(), Vec::new());
    planted(right, move |right, input, now, out| {
        right.handle(input, now, &mut sent);
        sent.drain(|effect| match effect {
            Effect::Send { peer, bytes } => {
                queue.push(bytes.to_vec());
                for bytes in &queue {
                    out.send(peer, bytes);
                }
            }
            Effect::Event(event) => {
                if let Event::Answered { .. } = event {
                    queue.clear();
                }
                out.event(event);
            }
            Effect::Done(status) => out.done(status),
            _ => {}
        });
        right.deadline()
    })
}
