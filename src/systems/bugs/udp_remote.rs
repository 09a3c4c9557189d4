//! Bugs of udp-remote.

use std::time::Duration;

use super::{Bug, planted};
use crate::machine::{Boot, BoxedMachine, Effect, Input, Machine, Outbox, Peer};
use crate::parts::backoff::Backoff;
use crate::systems::Options;
use crate::systems::udp_remote::{Client, Event, Server};
use crate::wire::request_id::{self, PREFIX_LEN, RequestId};

/// The client sends once more than its schedule says. A count of retries that is taken for one of tries is the usual
/// reason.
const ONE_TRY_TOO_MANY: &str = "one-try-too-many";
/// The client sends until it is answered. Name servers that were renamed are still asked years later by such clients.
const NEVER_GIVES_UP: &str = "never-gives-up";
/// The client takes every reply for the answer to what it asks now. Resolvers that did not compare ids were what DNS
/// spoofing began with.
const ACCEPTS_ANY_REPLY: &str = "accepts-any-reply";
/// The client gives all its requests one id. NFS clients with one transaction id after each start were given the cached
/// replies to what others had asked.
const REUSES_IDS: &str = "reuses-ids";
/// The client takes its ids from a hash set of free ones, whose order is another one in each process.
const IDS_IN_HASH_ORDER: &str = "ids-in-hash-order";
/// The client sets its timer when it sends because of that timer, and leaves it where it was when a reply makes it send.
/// A loop around `select` or `epoll_wait` then spins with a timeout of zero.
const LEAVES_ITS_TIMER_BEHIND: &str = "leaves-its-timer-behind";
/// The client stops its timer when anything comes, and does not start it again if that was no answer: a lost wake-up.
const SLEEPS_AFTER_A_LATE_REPLY: &str = "sleeps-after-a-late-reply";
/// The server takes the id out of a request before it looks how long the request is: in C what lies behind the request
/// would be read (Heartbleed, CVE-2014-0160, is of this family), in Rust it panics.
const TRUSTS_THE_LENGTH: &str = "trusts-the-length";

/// What leaves every request without an answer.
const CUT_OFF: &str = "at 0ms partition client>server";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[
    Bug::new(ONE_TRY_TOO_MANY, "a request is sent once more than the schedule says", CUT_OFF),
    Bug::new(NEVER_GIVES_UP, "a request is sent until it is answered", CUT_OFF),
    Bug::doubled(
        ACCEPTS_ANY_REPLY,
        "any reply is taken for the answer, whatever its id",
        "client>server #0 duplicate",
    )
    .with_ids(),
    Bug::doubled(REUSES_IDS, "all requests have the same id", "client>server #0 duplicate").with_ids(),
    Bug::new(IDS_IN_HASH_ORDER, "ids are given out in the order of a hash set", "").with_ids(),
    Bug::new(
        LEAVES_ITS_TIMER_BEHIND,
        "a request that follows a reply does not set the timer",
        "client>server #1 drop",
    )
    .with_ids(),
    Bug::doubled(
        SLEEPS_AFTER_A_LATE_REPLY,
        "a reply that is no answer stops the timer for good",
        "client>server #0 duplicate; client>server #1 drop",
    )
    .with_ids(),
    Bug::planned(
        TRUSTS_THE_LENGTH,
        "the id is cut out of requests that are too short for one",
        "client>server #0 truncate 4",
    )
    .with_ids(),
];

/// Whether a bug takes ids.
pub(in crate::systems) fn has_ids(bug: Option<&str>) -> bool {
    ALL.iter().any(|known| known.ids && Some(known.name) == bug)
}

/// The client with the chosen bug, if that is one of the client's.
pub(in crate::systems) fn client(
    options: &Options,
    server: Peer,
    boot: Boot<'_>,
    backoff: Backoff,
) -> Option<BoxedMachine<(), Event>> {
    let first_id = boot.seed as u32;
    let with = |backoff| Client::chosen(options, server, boot, backoff);
    Some(match options.bug? {
        ONE_TRY_TOO_MANY => Box::new(with(tries(backoff, backoff.attempts() + 1))),
        NEVER_GIVES_UP => Box::new(with(tries(backoff, u32::MAX))),
        ACCEPTS_ANY_REPLY => renamed(with(backoff), |id| id, |_, _| true),
        REUSES_IDS => renamed(with(backoff), move |_| RequestId(first_id), |got, wanted| got == wanted),
        IDS_IN_HASH_ORDER => {
            let free = free_ids();
            let given = move |RequestId(id)| RequestId(free[id.wrapping_sub(first_id) as usize]);
            renamed(with(backoff), given, |got, wanted| got == wanted)
        }
        LEAVES_ITS_TIMER_BEHIND => leaves_its_timer_behind(with(backoff)),
        SLEEPS_AFTER_A_LATE_REPLY => sleeps_after_a_late_reply(with(backoff)),
        _ => return None,
    })
}

/// The server with the chosen bug, if that is one of the server's.
pub(in crate::systems) fn server(bug: Option<&str>, right: Server) -> BoxedMachine<(), Event> {
    if bug != Some(TRUSTS_THE_LENGTH) {
        return Box::new(right);
    }
    planted(right, |right, input, now, out| {
        if let Input::Datagram { bytes, .. } = input {
            let (_id, _text) = bytes.split_at(PREFIX_LEN);
        }
        right.handle(input, now, out);
        right.deadline()
    })
}

/// The same schedule with so many tries.
fn tries(backoff: Backoff, attempts: u32) -> Backoff {
    let ceiling: Duration = backoff.ceiling();
    // Never refused: all but the number of tries comes from a schedule.
    Backoff::new(backoff.initial(), backoff.factor(), ceiling, attempts).unwrap_or(backoff)
}

/// A client whose requests have other ids on the wire than it knows of. What comes is given to it as the answer if
/// `is_answer` says so of its id and the one on the wire.
fn renamed(
    right: Client,
    mut on_wire: impl FnMut(RequestId) -> RequestId + 'static,
    is_answer: fn(RequestId, RequestId) -> bool,
) -> BoxedMachine<(), Event> {
    let mut sent = Outbox::default();
    // What the client calls its request, and what the wire does.
    let mut asked = (RequestId(0), RequestId(0));
    planted(right, move |right, input, now, out| {
        let mut renamed = Vec::new();
        let input = match input {
            Input::Datagram { peer, bytes } => match request_id::decode(bytes) {
                Ok((id, text)) if is_answer(id, asked.1) => {
                    request_id::encode(asked.0, text, &mut renamed);
                    Input::Datagram { peer, bytes: &renamed }
                }
                _ => return right.deadline(),
            },
            input => input,
        };
        right.handle(input, now, &mut sent);
        sent.drain(|effect| match effect {
            Effect::Send { peer, bytes } => {
                if let Ok((id, text)) = request_id::decode(bytes) {
                    asked = (id, on_wire(id));
                    out.send_fmt(peer, format_args!("{} {}", asked.1, String::from_utf8_lossy(text)));
                }
            }
            Effect::Event(event) => out.event(event),
            Effect::Done(status) => out.done(status),
            _ => {}
        });
        right.deadline()
    })
}

/// The ids that are free, in the order in which the set has them.
#[expect(clippy::disallowed_types, reason = "this is the bug")]
fn free_ids() -> Vec<u32> {
    let free: std::collections::HashSet<u32> = (0..4096).collect();
    free.into_iter().collect()
}

fn leaves_its_timer_behind(right: Client) -> BoxedMachine<(), Event> {
    let mut due_at = None;
    planted(right, move |right, input, now, out| {
        let (came, before) = (matches!(input, Input::Datagram { .. }), out.effects().len());
        right.handle(input, now, out);
        if !came && out.effects().len() > before {
            due_at = right.deadline();
        }
        due_at
    })
}

fn sleeps_after_a_late_reply(right: Client) -> BoxedMachine<(), Event> {
    let mut is_asleep = false;
    planted(right, move |right, input, now, out| {
        if is_asleep && matches!(input, Input::Timeout) {
            return None;
        }
        let (came, before) = (matches!(input, Input::Datagram { .. }), out.effects().len());
        right.handle(input, now, out);
        if came {
            is_asleep = out.effects().len() == before;
        }
        right.deadline().filter(|_| !is_asleep)
    })
}
