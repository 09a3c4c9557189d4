//! election: one of several members leads under a lease, by votes that are kept on disks.
//!
//! ```text
//! member-2 ── ask 1 0 0 ───────────► member-1, member-3      after 1 to 2 s without a leader
//! member-2 ◄──────────── vote 1 ──── member-1, member-3
//! member-2 ── beat 1 0 1 0 0 0 ────► member-1, member-3      at once, and every 0.2 s
//! member-2 ◄──── heard 1 0 1 0 ───── member-1, member-3
//! client-1 ── get 77 ──────────────► member-2                client-1 ◄── value 77 0 0 ── member-2
//! client-1 ── set 77 0 5 ──────────► member-2                client-1 ◄── done 77 ─────── member-2
//! ```
//!
//! The voting is that of Raft (Ongaro and Ousterhout: "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014),
//! without its log. A term has at most one leader, since a member gives one vote in a term, and saves it before it replies.
//! In place of a log there is one register, which each beat carries whole. A write is acknowledged once a majority has saved
//! it, and a member votes for nobody who has an earlier version of it. So a new leader has every acknowledged write, and
//! writes it anew in its own term before it answers anybody.
//!
//! # The lease
//!
//! Whoever hears a beat promises to vote for nobody for [`PROMISE`], counted from its receipt. A leader whose beat a majority
//! has heard may answer reads by itself for [`LEASE`], counted from when it *sent* that beat: so its lease is over before the
//! first promise is. A member that is started again does not know what it promised, and votes for nobody for [`PROMISE`].
//!
//! The lease is shorter than the promise because clocks drift. Each member's clock may run up to 5% too fast or too slow:
//! at the worst the lease lasts 0.9 s / 0.95 = 0.948 s, and the promise 1 s / 1.05 = 0.952 s. What the protocol does *not*
//! withstand is a clock that jumps by more than a few milliseconds while its member runs, as a `skew` in a plan has it: a
//! promise then ends early, two members hold leases, and reads are stale. Leader, votes and writes stay right even so.
//!
//! # Real sockets
//!
//! `lossproof serve election ADDR --peers A,B --state FILE` runs one member, and `lossproof call election ADDR` takes lines
//! `get` and `set N`. All members must be given the same addresses, each its own as ADDR: who they are never changes. Without
//! `--peers` a member is alone, and leads at once. The port is 7946 unless told otherwise.

mod client;
mod group;
mod member;
pub mod messages;
mod properties;
mod reign;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use client::{Client, PATIENCE};
pub use member::Member;
pub use reign::MAX_ROUNDS;

use self::messages::{MAX_MESSAGE_LEN, Message};
use super::{About, Options, Transport, Typed};
use crate::fault::FaultKind;
use crate::host::{Boot, HostId};
use crate::lawful::Promises;
use crate::machine::Peer;
use crate::scenario::{Host, Net, Place};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About {
    one_server: true,
    keeps_state: true,
    options: &["members", "peers"],
    ..About::new(
        "election",
        7946,
        Transport::Udp,
        "members elect one that leads under a lease, and answers for a register",
    )
};

/// How often a leader tells that it is there, and a candidate asks again.
pub const BEAT: Duration = Duration::from_millis(200);
/// How long a member that has heard a beat votes for nobody.
pub const PROMISE: Duration = Duration::from_secs(1);
/// How long a leader answers reads after it has sent a beat that a majority hears.
pub const LEASE: Duration = Duration::from_millis(900);
/// How long a member waits for a leader beyond [`PROMISE`] at most before it stands; drawn each time. A candidate waits up to
/// four times as long beyond it for its votes. A network whose round trips come near to this makes elections slow.
pub const JITTER: Duration = Duration::from_secs(1);
/// How many members there are at most.
pub const MAX_MEMBERS: usize = 7;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// As [`BEAT`].
    pub beat: Duration,
    /// As [`PROMISE`].
    pub promise: Duration,
    /// As [`LEASE`].
    pub lease: Duration,
    /// As [`JITTER`].
    pub jitter: Duration,
}

impl Timing {
    /// The protocol's own, scaled.
    pub fn of(options: &Options) -> Self {
        let [beat, promise, lease, jitter] = [BEAT, PROMISE, LEASE, JITTER].map(|span| options.scaled(span));
        Self { beat, promise, lease, jitter }
    }
}

/// What a client is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// To read.
    Get,
    /// To write this.
    Set(u64),
    /// Something that it does not know.
    Unknown,
    /// To leave.
    Leave,
}

/// What a member tells the application. Members are numbered by their addresses, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberEvent {
    /// It is bound here, and one of so many.
    Started {
        /// Where.
        local: Peer,
        /// Of how many members it is one.
        members: u64,
    },
    /// What it has saved cannot be read, and it takes no part.
    Unreadable,
    /// It stands for election.
    Stood {
        /// In this term.
        term: u64,
    },
    /// It has given its vote, which is saved.
    Voted {
        /// In this term.
        term: u64,
        /// To whom.
        candidate: u64,
    },
    /// It was elected.
    BecameLeader {
        /// In this term.
        term: u64,
    },
    /// It led, and has heard of a later term.
    SteppedDown {
        /// That term.
        term: u64,
    },
    /// It has heard another leader's first beat.
    Follows {
        /// The term.
        term: u64,
        /// Whose.
        leader: u64,
    },
    /// It may answer reads. A terminal does not show it.
    LeaseHeld {
        /// In this term.
        term: u64,
        /// For so long, from now.
        left: Duration,
    },
    /// A majority keeps what it has written, or has found when it was elected.
    Wrote {
        /// In this term.
        term: u64,
        /// What the register holds.
        value: u64,
    },
    /// It has answered a read.
    Read {
        /// What the register holds.
        value: u64,
    },
}

/// What a client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// It takes the next line. A terminal does not show it.
    Ready,
    /// An operation begins. A terminal does not show it.
    Asked {
        /// The operation's number, which no other has.
        id: u64,
        /// What is to be written; nothing for a read.
        value: Option<u64>,
    },
    /// It asks another member, who is said to lead.
    SentOn {
        /// That member.
        leader: Peer,
    },
    /// An operation is done.
    Answered {
        /// Which.
        id: u64,
        /// What the register holds by it.
        value: u64,
    },
    /// Another write came before the answer, and whether this one was done before that nobody knows.
    Overtaken {
        /// Which operation.
        id: u64,
    },
    /// Nobody has answered in time, and whether the operation was done, or will be, nobody knows.
    GaveUp {
        /// Which operation.
        id: u64,
    },
    /// A line that it does not understand.
    Unknown,
}

impl fmt::Display for MemberEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { local, members } => write!(f, "Member at {local}, one of {members}"),
            Self::Unreadable => f.write_str("cannot read what was saved: give another file, or take it away"),
            Self::Stood { term } => write!(f, "Stands in term {term}"),
            Self::Voted { term, candidate } => write!(f, "Votes for member {} in term {term}", candidate + 1),
            Self::BecameLeader { term } => write!(f, "Leads in term {term}"),
            Self::SteppedDown { term } => write!(f, "Leads no more: there is term {term}"),
            Self::Follows { term, leader } => write!(f, "Follows member {} in term {term}", leader + 1),
            Self::LeaseHeld { left, .. } => write!(f, "Holds the lease for {} s", left.as_secs_f64()),
            Self::Wrote { term, value } => write!(f, "The register is {value} in term {term}"),
            Self::Read { value } => write!(f, "Reads {value}"),
        }
    }
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("Ready for a line"),
            Self::Asked { value: None, .. } => f.write_str("Asks for the register"),
            Self::Asked { value: Some(value), .. } => write!(f, "Asks to write {value}"),
            Self::SentOn { leader } => write!(f, "{leader} leads"),
            Self::Answered { value, .. } => write!(f, "The register is {value}"),
            Self::Overtaken { .. } => f.write_str("overtaken by another write: look what the register is"),
            Self::GaveUp { .. } => f.write_str("no leader answers: it may have been done, or not"),
            Self::Unknown => f.write_str("write 'get' or 'set NUMBER'"),
        }
    }
}

/// Which operations of the two clients of a simulated run write, over and over; the others read.
const WRITES: [&[bool]; 2] = [&[true, false], &[false, false, true]];
/// When the first operation begins: a leader was elected by then, if nothing goes wrong.
const FIRST: Duration = Duration::from_millis(2_500);
/// How far apart the operations of one client begin.
const EVERY: Duration = Duration::from_millis(500);
/// When the last operation begins at the latest.
const LAST: Duration = Duration::from_secs(12);
/// How long a run goes on.
const END: Duration = Duration::from_secs(27);
/// How long it takes at most until somebody leads, once nothing goes wrong.
const SETTLED_WITHIN: Duration = Duration::from_secs(15);

/// Members that elect one of them, and two clients of theirs.
pub fn net(options: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(options.scaled(END));
    // Leases rest on clocks that drift no more than so much, and do not jump.
    net.rules_out([FaultKind::Skew]);
    net.decode(|bytes| Message::decode(bytes).ok().map(|message| message.to_string()));
    let few = Promises::DEFAULT.max_messages(MAX_MEMBERS + 1).max_bytes((MAX_MEMBERS + 1) * MAX_MESSAGE_LEN);
    let count = options.members.clamp(1, MAX_MEMBERS);
    let places: Vec<_> = (1..=count)
        .map(|number| net.host(format!("member-{number}")).udp(ABOUT.port).promises(few))
        .collect();
    let ids: Vec<HostId> = places.iter().map(Place::id).collect();
    let members: Vec<Host<Member>> = places
        .into_iter()
        .map(|place| {
            let (own, ids, options) = (place.id(), ids.clone(), options.clone());
            place.machine(move |boot| member(boot, own, &ids, &options, Timing::of(&options)))
        })
        .collect();
    let clients = [0, 1].map(|number: usize| {
        let (ids, options) = (ids.clone(), options.clone());
        let place = net.host(format!("client-{}", number + 1)).udp(0).promises(few);
        place.machine(move |boot| {
            let own = boot.peer(ids[0]);
            let all = match &options.peers {
                None => ids.iter().map(|id| boot.peer(*id)).collect(),
                Some(peers) => [&[own], peers.as_slice()].concat(),
            };
            Client::new(all, number, options.timeout, boot)
        })
    });
    for member in &members {
        net.show(*member, |event, f| write!(f, "{event}"));
    }
    for (client, writes) in clients.into_iter().zip(WRITES) {
        net.show(client, |event, f| write!(f, "{event}"));
        // They do not begin at one moment, and write other numbers.
        let is_first = client.peer() == clients[0].peer();
        let first = FIRST + if is_first { Duration::ZERO } else { EVERY / 2 };
        for (number, is_write) in (0_u32..).zip(writes.iter().cycle()) {
            let after = first + EVERY * number;
            if after > LAST {
                break;
            }
            let value = u64::from(number) * 2 + if is_first { 1 } else { 2 };
            let command = if *is_write { Command::Set(value) } else { Command::Get };
            net.command(Instant::START + options.scaled(after), client, command);
        }
    }
    properties::of_members(&net, &members, options.scaled(SETTLED_WITHIN));
    properties::of_clients(&net, clients);
    net
}

/// The member of a host: in simulation one of those of the net, on real sockets one of those that were given.
pub(crate) fn member(
    boot: Boot<'_>,
    own: HostId,
    ids: &[HostId],
    options: &Options,
    timing: Timing,
) -> Member {
    let own = boot.peer(own);
    match &options.peers {
        Some(peers) => Member::new(own, peers, timing, boot),
        None => Member::new(own, &ids.iter().map(|id| boot.peer(*id)).collect::<Vec<_>>(), timing, boot),
    }
}

/// What a client is asked when this was typed.
pub fn typed(typed: Typed) -> Command {
    let Typed::Line(line) = typed else { return Command::Leave };
    let text = String::from_utf8_lossy(&line);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words[..] {
        ["get"] => Command::Get,
        ["set", value] => value.parse().map_or(Command::Unknown, Command::Set),
        _ => Command::Unknown,
    }
}

/// Whether a client takes the next line after this event.
pub fn wants_line(event: &ClientEvent) -> bool {
    *event == ClientEvent::Ready
}

/// Writes what a terminal shows of an event of a member.
///
/// # Errors
/// As `to` fails.
pub fn print_member(event: &MemberEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        MemberEvent::LeaseHeld { .. } => Ok(()),
        event => writeln!(to, "{event}"),
    }
}

/// Writes what a terminal shows of an event of a client.
///
/// # Errors
/// As `to` fails.
pub fn print_client(event: &ClientEvent, to: &mut dyn fmt::Write) -> fmt::Result {
    match event {
        ClientEvent::Ready | ClientEvent::Asked { .. } => Ok(()),
        event => writeln!(to, "{event}"),
    }
}
