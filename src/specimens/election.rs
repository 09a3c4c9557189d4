//! Bugs of election.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Specimen, System, planted};
use crate::host::{Boot, HostId};
use crate::machine::{Effect, Input, Machine, Outbox, Outlet, Peer};
use crate::scenario::{Host, Net};
use crate::systems::Options;
use crate::systems::election::messages::{Durable, Message, Sealed};
use crate::systems::election::{self, Member, MemberEvent, Timing};
use crate::time::Instant;

/// A member saves the term alone, and not whom it has voted for.
const VOTE_NOT_SAVED: &str = "vote-not-saved";
/// A member replies, and then saves. A file that is written without `fsync`, or after the answer "to be faster", is this.
const SAVES_AFTER_REPLY: &str = "saves-after-reply";
/// A candidate counts votes, and not who they are of: one that the network doubles, or that was asked for twice, is two.
const VOTES_NOT_VOTERS: &str = "votes-not-voters";
/// A member begins in term 0 after each start, and with what it had of the register.
const TERM_LOST_AT_RESTART: &str = "term-lost-at-restart";
/// A leader counts its lease from when it hears an answer. The promise began earlier, when the beat arrived.
const LEASE_FROM_RECEIPT: &str = "lease-from-receipt";
/// A leader answers reads as long as it knows of no later term, and it knows of none while it is cut off.
const STALE_READS: &str = "stale-reads";
/// All members wait equally long before they stand, and so stand together, and share the votes for ever.
const STORM_WITHOUT_JITTER: &str = "storm-without-jitter";
/// A candidate takes a vote that it was given in an earlier term.
const OLD_TERM_VOTE_COUNTS: &str = "old-term-vote-counts";

const SYSTEM: System = (election::ABOUT.name, election::net);
/// Of three members two are a majority, and the candidate's own vote is one of them: it takes five for others to be counted.
const SYSTEM_OF_FIVE: System =
    (election::ABOUT.name, |options| election::net(&Options { members: 5, ..options.clone() }));

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    // The third member stands first. The second, which was not asked, stands in the same term, and goes on asking until the
    // third, started again, votes for it as well.
    Specimen::new(
        SYSTEM,
        VOTE_NOT_SAVED,
        "a member saves the term, and not its vote in it",
        "seed 11237427238522754882; calm 12s; crash member-2 after send #0 for 1ms",
        |net, _| wrap(net, |_, right| vote_not_saved(right)),
    ),
    Specimen::new(
        SYSTEM,
        SAVES_AFTER_REPLY,
        "a member gives its vote, and then saves it",
        "seed 3775962213208117092; calm 12s; crash member-1 after send #0 for 1ms",
        |net, _| {
            wrap(net, |_, right| saves_after_reply(right));
        },
    ),
    Specimen::new(
        SYSTEM_OF_FIVE,
        VOTES_NOT_VOTERS,
        "a candidate counts a vote twice that comes twice",
        "seed 16198955456295509077; calm 12s; at 0s partition member-5>member-3; \
         at 1023ms partition member-4|member-5; member-4>member-3 #0 duplicate",
        |net, _| wrap(net, |_, right| votes_not_voters(right)),
    ),
    Specimen::new(
        SYSTEM,
        TERM_LOST_AT_RESTART,
        "a member that starts again begins in term 0",
        "seed 10096191981155018507; calm 12s; crash member-2 after send #0 for 1ms",
        term_lost_at_restart,
    ),
    Specimen::new(
        SYSTEM,
        LEASE_FROM_RECEIPT,
        "a leader counts its lease from the answer to a beat",
        "seed 10972480220198494466; calm 12s; at 1364ms isolate member-1; \
         member-3>member-1 #1 delay 312ms",
        |net, options| {
            let lease = Timing::of(options).lease;
            wrap(net, move |_, right| lease_from_receipt(right, lease));
        },
    ),
    Specimen::new(
        SYSTEM,
        STALE_READS,
        "a leader answers reads without a lease",
        "seed 5673017388479923533; calm 12s; at 0s partition member-2>member-1; \
         at 1136ms partition member-2|member-3",
        |net, _| wrap(net, |_, right| stale_reads(right)),
    ),
    Specimen::new(
        SYSTEM,
        STORM_WITHOUT_JITTER,
        "all members wait equally long before they stand",
        "",
        storm_without_jitter,
    ),
    Specimen::new(
        SYSTEM,
        OLD_TERM_VOTE_COUNTS,
        "a vote of an earlier term is counted",
        "seed 6604052601871698842; calm 12s; member-2>member-1 #0 delay 2500ms; \
         crash member-1 after recv #0 for 1ms; at 1016ms partition member-2>member-1",
        |net, _| wrap(net, |_, right| old_term_vote_counts(right)),
    ),
];

/// The hosts of the members.
fn members(net: &Net) -> Vec<Host<Member>> {
    let names = (1..=election::MAX_MEMBERS).map(|number| format!("member-{number}"));
    names.filter(|name| net.has_host(name)).map(|name| net.find(&name)).collect()
}

fn wrap<W>(net: &Net, wrap: impl Fn(Boot<'_>, Member) -> W + Clone + Send + Sync + 'static)
where
    W: Machine<Command = (), Event = MemberEvent>,
{
    for member in members(net) {
        net.wrap(member, wrap.clone());
    }
}

/// Does what was put out as it stands, but for what is saved and told.
fn pass(effect: Effect<'_, MemberEvent>, out: &mut Outbox<MemberEvent>) {
    match effect {
        Effect::Send { local, peer, bytes, .. } => out.send_from(local, peer, bytes),
        Effect::Save { bytes } => out.save(bytes),
        Effect::Event(event) => out.event(event),
        Effect::Done(status) => out.done(status),
        _ => {}
    }
}

fn vote_not_saved(right: Member) -> impl Machine<Command = (), Event = MemberEvent> {
    let mut put_out = Outlet::new();
    planted(right, move |right, input, now, out| {
        put_out.open(out.sockets());
        put_out.feed(right, input, now);
        put_out.drain(|effect| match effect {
            Effect::Save { bytes } => {
                // What it has just saved can be read.
                let durable = Durable::decode(bytes).unwrap_or_default();
                out.save(&Durable { voted: None, ..durable }.encode());
            }
            effect => pass(effect, out),
        });
        right.deadline()
    })
}

fn saves_after_reply(right: Member) -> impl Machine<Command = (), Event = MemberEvent> {
    let mut put_out = Outlet::new();
    planted(right, move |right, input, now, out| {
        let mut saved = Vec::new();
        put_out.open(out.sockets());
        put_out.feed(right, input, now);
        put_out.drain(|effect| match effect {
            Effect::Save { bytes } => saved.push(bytes.to_vec()),
            Effect::Done(status) => {
                saved.drain(..).for_each(|bytes| out.save(&bytes));
                out.done(status);
            }
            effect => pass(effect, out),
        });
        for bytes in saved {
            out.save(&bytes);
        }
        right.deadline()
    })
}

/// Who is given a vote by one that has given it already, is told that another has.
fn votes_not_voters(right: Member) -> impl Machine<Command = (), Event = MemberEvent> {
    let (mut votes, mut in_term) = (BTreeSet::new(), 0);
    planted(right, move |right, input, now, out| {
        let input = match input {
            Input::Datagram { peer, local, bytes, ecn }
                if Message::decode(bytes) == Ok(Message::Vote { term: right.durable().term }) =>
            {
                if in_term != right.durable().term {
                    (votes, in_term) = (BTreeSet::new(), right.durable().term);
                }
                let others = right.peers().iter().copied().filter(|other| *other != local);
                let free = std::iter::once(peer).chain(others).find(|voter| !votes.contains(voter));
                let as_of = free.unwrap_or(peer);
                votes.insert(as_of);
                Input::Datagram { peer: as_of, local, bytes, ecn }
            }
            input => input,
        };
        out.pass_on(right, input, now);
        right.deadline()
    })
}

/// Has another machine play each member, made as the right one is, with something else in its hand.
fn replace(
    net: &Net,
    options: &Options,
    make: impl Fn(Boot<'_>, HostId, &[HostId], &Options) -> Member + Clone + Send + Sync + 'static,
) {
    let ids: Vec<HostId> = members(net).into_iter().map(HostId::from).collect();
    for member in members(net) {
        let (own, ids, options, make) = (member.into(), ids.clone(), options.clone(), make.clone());
        net.replace(member, move |boot| make(boot, own, &ids, &options));
    }
}

fn term_lost_at_restart(net: &Net, options: &Options) {
    replace(net, options, |boot, own, ids, options| {
        // What cannot be read is left for the member to tell of.
        let lost = Durable::decode(boot.disk()).map(|durable| Durable { term: 0, voted: None, ..durable });
        let disk = match lost {
            Ok(lost) if !boot.disk().is_empty() => lost.encode(),
            _ => boot.disk().to_vec(),
        };
        election::member(Boot { disk: &disk, ..boot }, own, ids, options, Timing::of(options))
    });
}

fn storm_without_jitter(net: &Net, options: &Options) {
    replace(net, options, |boot, own, ids, options| {
        let timing = Timing { jitter: Duration::ZERO, ..Timing::of(options) };
        election::member(boot, own, ids, options, timing)
    });
}

/// The lease is kept beside the right one, which is not used.
fn lease_from_receipt(right: Member, lease: Duration) -> impl Machine<Command = (), Event = MemberEvent> {
    let mut put_out = Outlet::new();
    // When each other member has answered last, and in which term.
    let (mut heard, mut in_term): (BTreeMap<Peer, Instant>, u64) = (BTreeMap::new(), 0);
    planted(right, move |right, input, now, out| {
        let message = match input {
            Input::Datagram { peer, bytes, .. } => Message::decode(bytes).ok().map(|message| (peer, message)),
            _ => None,
        };
        let term = right.durable().term;
        if in_term != term {
            (heard, in_term) = (BTreeMap::new(), term);
        }
        let needed = right.peers().len() / 2;
        let lease_until = |heard: &BTreeMap<Peer, Instant>| {
            let mut last: Vec<Instant> = heard.values().copied().collect();
            last.sort_unstable();
            last.len().checked_sub(needed).and_then(|index| last.get(index)).map(|at| *at + lease)
        };
        if let Some((peer, Message::Heard { term: of, .. })) = message
            && of == term
            && right.leads()
        {
            let before = lease_until(&heard);
            heard.insert(peer, now);
            if let Some(until) = lease_until(&heard).filter(|until| Some(*until) > before) {
                out.event(MemberEvent::LeaseHeld { term, left: until.since(now) });
            }
        }
        if let Some((_, Message::Get { id })) = message
            && right.is_settled()
            && lease_until(&heard).is_some_and(|until| now < until)
        {
            answer(right, id, out);
            return right.deadline();
        }
        put_out.open(out.sockets());
        put_out.feed(right, input, now);
        put_out.drain(|effect| match effect {
            Effect::Event(MemberEvent::LeaseHeld { .. }) => {}
            effect => pass(effect, out),
        });
        right.deadline()
    })
}

/// Answers a read with what the register holds here.
fn answer(right: &Member, id: u64, out: &mut Outbox<MemberEvent>) {
    let register = right.durable().register;
    out.event(MemberEvent::Read { value: register.value });
    let value = Message::Value { id, writer: register.writer, value: register.value };
    out.reply_fmt(format_args!("{}", Sealed(value)));
}

fn stale_reads(right: Member) -> impl Machine<Command = (), Event = MemberEvent> {
    planted(right, |right, input, now, out| {
        match input {
            Input::Datagram { bytes, .. } if right.is_settled() => match Message::decode(bytes) {
                Ok(Message::Get { id }) => answer(right, id, out),
                _ => out.pass_on(right, input, now),
            },
            input => out.pass_on(right, input, now),
        }
        right.deadline()
    })
}

fn old_term_vote_counts(right: Member) -> impl Machine<Command = (), Event = MemberEvent> {
    planted(right, |right, input, now, out| {
        let term = right.durable().term;
        match input {
            Input::Datagram { peer, local, bytes, ecn } => match Message::decode(bytes) {
                Ok(Message::Vote { term: of }) if of < term => {
                    let bytes = &Message::Vote { term }.encode();
                    out.pass_on(right, Input::Datagram { peer, local, bytes, ecn }, now);
                }
                _ => out.pass_on(right, input, now),
            },
            input => out.pass_on(right, input, now),
        }
        right.deadline()
    })
}
