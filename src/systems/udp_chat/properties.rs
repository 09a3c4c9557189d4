//! What is true of every run of the scenario.
//!
//! That nobody is dropped too early goes by the server's own clock, so that it stays true where a fault sets that clock
//! forward.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Client, ClientEvent, Note, Server, ServerEvent};
use crate::escaped::Escaped;
use crate::fault::FaultKind;
use crate::machine::Peer;
use crate::scenario::{Host, Net};
use crate::systems::altered::{UNCHECKED, is_at_most_altered};
use crate::time::Instant;

/// What holds of what the server tells.
pub(super) fn of_server(net: &Net, server: Host<Server>, expiry: Duration, to_speaker: bool) {
    of_notes(net, server, "no live member is expired", move |members, when, note| match note {
        Note::Expired(peer) => match members.last(*peer).map(|last| when.up.saturating_sub(last.up)) {
            Some(age) if age > expiry => Ok(()),
            Some(age) => Err(format!("{peer} has expired {age:?} after its last ping")),
            None => Err(format!("{peer} has expired and was no member")),
        },
        _ => Ok(()),
    });
    let name = "no dead member is kept beyond one event, or a millisecond";
    of_notes(net, server, name, move |members, when, note| {
        let kept = if let Note::Expired(peer) = note {
            // A clock that is set forward ends a wait no later.
            let age = members.last(*peer).map(|last| when.at.since(last.at));
            age.filter(|age| *age > expiry + Duration::from_millis(1)).map(|age| (*peer, age))
        } else {
            let ages = members.0.iter().map(|(peer, last)| (*peer, when.up.saturating_sub(last.up)));
            ages.into_iter().find(|(_, age)| *age > expiry)
        };
        kept.map_or(Ok(()), |(peer, age)| Err(format!("{peer} was a member {age:?} after its last ping")))
    });
    let name = "who pings joins if it is no member, and only who is one leaves";
    of_notes(net, server, name, |members, _, note| {
        let (peer, is_to_be_one) = match note {
            Note::Joined(peer) | Note::Ignored { peer, .. } => (peer, false),
            Note::Pinged(peer) | Note::Left(peer) | Note::MadeWay(peer) => (peer, true),
            Note::Expired(_) | Note::Said { .. } => return Ok(()),
        };
        match (members.last(*peer).is_some(), is_to_be_one) {
            (true, false) => Err(format!("'{note}', and it was one before")),
            (false, true) => Err(format!("'{note}', and it was none before")),
            _ => Ok(()),
        }
    });
    let name = "what is said goes to every member, and to nobody else";
    of_notes(net, server, name, move |members, _, note| match note {
        Note::Said { peer, told, .. } => {
            let hearers = members.hearers(*peer, to_speaker).count();
            if *told == hearers { Ok(()) } else { Err(format!("'{note}', and it is for {hearers}")) }
        }
        _ => Ok(()),
    });
}

/// What holds of what the clients tell.
pub(super) fn of_clients(
    net: &Net,
    server: Host<Server>,
    clients: [Host<Client>; 3],
    ping_every: Duration,
    to_speaker: bool,
) {
    // Pings and expiry go by the hosts' own clocks, and these bounds by the time.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net.rules_out(UNCHECKED);
    // When each client pinged last.
    let pings = || [None::<Instant>; 3];
    let mut pinged = net.fold("who speaks or hears has pinged in the last five seconds", pings);
    for (index, client) in clients.into_iter().enumerate() {
        pinged = pinged.on(client, move |pings, event, at| {
            if *event == ClientEvent::Pinging {
                pings[index] = Some(at);
            }
            match pings[index].map(|last_at| at.since(last_at)) {
                Some(age) if age <= ping_every => Ok(()),
                Some(age) => Err(format!("{} told {age:?} after its last ping: {event:?}", client.peer())),
                None => Err(format!("{} told before its first ping: {event:?}", client.peer())),
            }
        });
    }
    let heard = net.fold("a member hears what was said while it was one", Spoken::default);
    let heard = heard.on(server, |spoken, event, at| {
        spoken.members.follow(event, at);
        true
    });
    // By what it sends: it may crash before it has told whom it told.
    let mut heard = heard.on_send(server, move |spoken, sent, _| {
        spoken.tell(sent.peer, sent.bytes, to_speaker);
        true
    });
    for client in clients {
        heard = heard.on(client, move |spoken: &mut Spoken, event, _| match event {
            ClientEvent::Heard(heard) if !spoken.was_told(client.peer(), heard) => {
                Err(format!("{} has heard '{}', which was not said to it", client.peer(), Escaped(heard)))
            }
            _ => Ok(()),
        });
    }
}

/// Judges each note, in the light of the members before it.
fn of_notes(
    net: &Net,
    server: Host<Server>,
    name: &str,
    judge: impl Fn(&Members, When, &Note) -> Result<(), String> + Send + Sync + 'static,
) {
    net.fold(name, Members::default).on(server, move |members, event, at| {
        let judged = match event {
            ServerEvent::Noted { up, note } => judge(members, When { up: *up, at }, note),
            ServerEvent::Listening(_) => Ok(()),
        };
        members.follow(event, at);
        judged
    });
}

/// When something was noted: by the server's own clock, and by that of the run.
#[derive(Clone, Copy, Hash)]
struct When {
    up: Duration,
    at: Instant,
}

/// The members by what the server has told, each with its last ping.
#[derive(Default, Hash)]
struct Members(BTreeMap<Peer, When>);

impl Members {
    fn follow(&mut self, event: &ServerEvent, at: Instant) {
        match event {
            // It has started anew and knows nobody.
            ServerEvent::Listening(_) => self.0.clear(),
            ServerEvent::Noted { up, note: Note::Joined(peer) | Note::Pinged(peer) } => {
                self.0.insert(*peer, When { up: *up, at });
            }
            ServerEvent::Noted {
                note: Note::Left(peer) | Note::Expired(peer) | Note::MadeWay(peer), ..
            } => {
                self.0.remove(peer);
            }
            ServerEvent::Noted { note: Note::Ignored { .. } | Note::Said { .. }, .. } => {}
        }
    }

    fn last(&self, peer: Peer) -> Option<When> {
        self.0.get(&peer).copied()
    }

    fn hearers(&self, speaker: Peer, to_speaker: bool) -> impl Iterator<Item = Peer> {
        self.0.keys().copied().filter(move |peer| to_speaker || *peer != speaker)
    }
}

/// What the server has told to whom.
#[derive(Default, Hash)]
struct Spoken {
    members: Members,
    told: BTreeMap<Peer, BTreeSet<Vec<u8>>>,
}

impl Spoken {
    /// The server sends this to somebody; what is not for it was not told to it.
    fn tell(&mut self, to: Peer, told: &[u8], to_speaker: bool) {
        let is_speaker = || told.starts_with(format!("{to}\n").as_bytes());
        if self.members.last(to).is_some() && (to_speaker || !is_speaker()) {
            self.told.entry(to).or_default().insert(told.to_vec());
        }
    }

    /// Whether the server has told this to that member, up to one change on the way.
    fn was_told(&self, member: Peer, heard: &[u8]) -> bool {
        self.told.get(&member).is_some_and(|told| {
            told.contains(heard) || told.iter().any(|told| is_at_most_altered(heard, told))
        })
    }
}
