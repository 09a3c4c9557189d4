//! Bugs of udp-remote.

use std::time::Duration;

use super::{Specimen, System, planted};
use crate::host::Boot;
use crate::machine::{Effect, Input, Machine, Outlet, Peer};
use crate::parts::backoff::Backoff;
use crate::scenario::{Host, Net};
use crate::systems::Options;
use crate::systems::udp_remote::seal::{Direction, Key, SEALED_LEN};
use crate::systems::udp_remote::{self, Client, ClientEvent, Server, backoff};
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
/// would be read (Heartbleed, CVE-2014-0160, is of this family), in Rust it panics. The check that draws everything does
/// not find it, since it cuts no datagram short: behind a checksum that is a loss. Guests and impostors send such requests,
/// and plans and `--corrupt` have them.
const TRUSTS_THE_LENGTH: &str = "trusts-the-length";

/// The client looks for a seal and not at it: what ends with as many digits as a seal has is taken. Libraries of web
/// tokens took such as named no algorithm, or one that needs no key (CVE-2015-9235). The check that draws everything
/// does not find this one either, for it changes no bytes: plans and `--corrupt` do.
const TAKES_ANY_SEAL: &str = "takes-any-seal";

/// What leaves every request without an answer.
const CUT_OFF: &str = "at 0ms partition client>server";

const SYSTEM: System = (udp_remote::ABOUT.name, udp_remote::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        ONE_TRY_TOO_MANY,
        "a request is sent once more than the schedule says",
        CUT_OFF,
        |net, options| {
            with_backoff(net, options, |backoff| tries(backoff, backoff.attempts() + 1));
        },
    ),
    Specimen::new(
        SYSTEM,
        NEVER_GIVES_UP,
        "a request is sent until it is answered",
        CUT_OFF,
        |net, options| {
            with_backoff(net, options, |backoff| tries(backoff, u32::MAX));
        },
    ),
    Specimen::new(
        SYSTEM,
        ACCEPTS_ANY_REPLY,
        "any reply is taken for the answer, whatever its id",
        "client>server #0 duplicate",
        |net, _| net.wrap(client(net), |_, right| renamed(right, |id| id, |_, _| true)),
    )
    .with_ids(),
    Specimen::new(
        SYSTEM,
        REUSES_IDS,
        "all requests have the same id",
        "client>server #0 duplicate",
        |net, _| {
            net.wrap(client(net), |boot, right| {
                let first_id = boot.seed() as u32;
                renamed(right, move |_| RequestId(first_id), |got, wanted| got == wanted)
            });
        },
    )
    .with_ids(),
    Specimen::new(SYSTEM, IDS_IN_HASH_ORDER, "ids are given out in the order of a hash set", "", |net, _| {
        net.wrap(client(net), |boot, right| {
            let (first_id, free) = (boot.seed() as u32, free_ids());
            let given = move |RequestId(id)| RequestId(free[id.wrapping_sub(first_id) as usize]);
            renamed(right, given, |got, wanted| got == wanted)
        });
    })
    .with_ids(),
    Specimen::new(
        SYSTEM,
        LEAVES_ITS_TIMER_BEHIND,
        "a request that follows a reply does not set the timer",
        "client>server #1 drop",
        |net, _| net.wrap(client(net), |_, right| leaves_its_timer_behind(right)),
    )
    .with_ids(),
    Specimen::new(
        SYSTEM,
        SLEEPS_AFTER_A_LATE_REPLY,
        "a reply that is no answer stops the timer for good",
        "client>server #0 duplicate; client>server #1 drop",
        |net, _| net.wrap(client(net), |_, right| sleeps_after_a_late_reply(right)),
    )
    .with_ids(),
    Specimen::new(
        SYSTEM,
        TRUSTS_THE_LENGTH,
        "the id is cut out of requests that are too short for one",
        "client>server #0 truncate 4",
        |net, _| net.wrap(net.find::<Server>("server"), |_, right| trusts_the_length(right)),
    )
    .with_ids(),
    Specimen::new(
        SYSTEM,
        TAKES_ANY_SEAL,
        "a reply is taken that has a seal, whatever the seal is",
        "server>client #0 flip 9:0x01",
        |net, options| {
            let options = options.clone();
            net.wrap(client(net), move |_, right| takes_any_seal(right, options.key.clone()));
        },
    )
    .with_key(),
];

fn client(net: &Net) -> Host<Client> {
    net.find("client")
}

/// Has the client keep another schedule.
fn with_backoff(net: &Net, options: &Options, wrong: fn(Backoff) -> Backoff) {
    let (options, server) = (options.clone(), net.find::<Server>("server"));
    net.replace(client(net), move |boot: Boot<'_>| {
        let server: Peer = boot.peer(server);
        Client::chosen(&options, server, boot, wrong(backoff(&options)))
    });
}

fn takes_any_seal(right: Client, key: Option<Key>) -> impl Machine<Command = (), Event = ClientEvent> {
    planted(right, move |right, input, now, out| {
        let sealed = match (input, &key) {
            (Input::Datagram { bytes, .. }, Some(key)) if bytes.len() > SEALED_LEN => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len() - SEALED_LEN]);
                Some(key.sealed(Direction::Reply, &text))
            }
            _ => None,
        };
        let input = match (input, &sealed) {
            (Input::Datagram { peer, local, ecn, .. }, Some(bytes)) => {
                Input::Datagram { peer, local, bytes, ecn }
            }
            (input, _) => input,
        };
        out.pass_on(right, input, now);
        right.deadline()
    })
}

fn trusts_the_length(right: Server) -> impl Machine<Command = (), Event = udp_remote::ServerEvent> {
    planted(right, |right, input, now, out| {
        if let Input::Datagram { bytes, .. } = input {
            let (_id, _text) = bytes.split_at(PREFIX_LEN);
        }
        out.pass_on(right, input, now);
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
) -> impl Machine<Command = (), Event = ClientEvent> {
    let mut sent = Outlet::new();
    // What the client calls its request, and what the wire does.
    let mut asked = (RequestId(0), RequestId(0));
    planted(right, move |right, input, now, out| {
        let mut renamed = Vec::new();
        let input = match input {
            Input::Datagram { peer, local, bytes, ecn } => match request_id::decode(bytes) {
                Ok((id, text)) if is_answer(id, asked.1) => {
                    request_id::encode(asked.0, text, &mut renamed);
                    Input::Datagram { peer, local, bytes: &renamed, ecn }
                }
                _ => return right.deadline(),
            },
            input => input,
        };
        sent.feed(right, input, now);
        sent.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => {
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

fn leaves_its_timer_behind(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    let mut due_at = None;
    planted(right, move |right, input, now, out| {
        let (came, before) = (matches!(input, Input::Datagram { .. }), out.len());
        out.pass_on(right, input, now);
        if !came && out.len() > before {
            due_at = right.deadline();
        }
        due_at
    })
}

fn sleeps_after_a_late_reply(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    let mut is_asleep = false;
    planted(right, move |right, input, now, out| {
        if is_asleep && matches!(input, Input::Timeout) {
            return None;
        }
        let (came, before) = (matches!(input, Input::Datagram { .. }), out.len());
        out.pass_on(right, input, now);
        if came {
            is_asleep = out.len() == before;
        }
        right.deadline().filter(|_| !is_asleep)
    })
}
