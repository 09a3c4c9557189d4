//! What is true of every run of the scenario.
//!
//! Each is judged after every event, so it looks at the newest one alone, in the light of those before. That nobody is
//! dropped too early goes by the server's own clock, so that it stays true where a fault sets that clock forward.

use std::time::Duration;

use super::{CLIENTS, EXPIRY, Event, Note, PING_EVERY};
use crate::check::Property;
use crate::host::FIRST_EPHEMERAL_PORT;
use crate::machine::Peer;
use crate::systems::altered::is_at_most_altered;
use crate::systems::{Options, SERVER};
use crate::time::Instant;
use crate::transcript::Happened;

/// All of them.
pub(super) fn all(options: &Options) -> Vec<Property<Event>> {
    let expiry = options.scaled(EXPIRY);
    let ping_every = options.scaled(PING_EVERY);
    let to_speaker = !options.not_to_sender;
    vec![
        Property::always("no live member is expired", move |view| {
            newest_note(view.events).is_none_or(|(newest, note, members)| match note {
                Note::Expired(peer) => members.age(*peer, newest.up).is_some_and(|age| age > expiry),
                _ => true,
            })
        }),
        Property::always("no dead member is kept beyond one event, or a millisecond", move |view| {
            newest_note(view.events).is_none_or(|(newest, note, members)| match note {
                Note::Expired(peer) => members.last(*peer).is_some_and(|last| {
                    // A clock that is set forward ends a wait no later.
                    newest.at.since(last.at) <= expiry + Duration::from_millis(1)
                }),
                _ => members.0.iter().all(|(_, last)| newest.up.saturating_sub(last.up) <= expiry),
            })
        }),
        Property::always("who pings joins if it is no member, and only who is one leaves", |view| {
            newest_note(view.events).is_none_or(|(_, note, members)| match note {
                Note::Joined(peer) | Note::Refused(peer) => members.last(*peer).is_none(),
                Note::Pinged(peer) | Note::Left(peer) => members.last(*peer).is_some(),
                Note::Expired(_) | Note::Said { .. } => true,
            })
        }),
        Property::always("what is said goes to every member, and to nobody else", move |view| {
            newest_note(view.events).is_none_or(|(_, note, members)| match note {
                Note::Said { peer, told, .. } => *told == members.hearers(*peer, to_speaker).count(),
                _ => true,
            })
        }),
        Property::always("who speaks or hears has pinged in the last five seconds", move |view| {
            let Some((newest, before)) = view.events.split_last() else { return true };
            let is_it = |host| newest.host == host && newest.event != Event::Pinging;
            !CLIENTS.into_iter().any(is_it)
                || before.iter().rev().any(|happened| {
                    (happened.host, &happened.event) == (newest.host, &Event::Pinging)
                        && newest.at.since(happened.at) <= ping_every
                })
        }),
        Property::always("a member hears what was said while it was one", move |view| {
            let Some(newest) = view.events.last() else { return true };
            match &newest.event {
                Event::Heard(heard) if CLIENTS.contains(&newest.host) => {
                    let hearer = newest.host.address(FIRST_EPHEMERAL_PORT);
                    was_said(view.events, heard, hearer, to_speaker)
                }
                _ => true,
            }
        }),
    ]
}

/// When something was noted: by the server's own clock, and by that of the run.
#[derive(Clone, Copy)]
struct When {
    up: Duration,
    at: Instant,
}

/// The members by what the server has told, each with its last ping.
#[derive(Default)]
struct Members(Vec<(Peer, When)>);

impl Members {
    fn follow(&mut self, happened: &Happened<Event>) {
        match &happened.event {
            Event::Listening(_) => self.0.clear(),
            Event::Noted { up, note: Note::Joined(peer) | Note::Pinged(peer) } => {
                self.0.retain(|(of, _)| of != peer);
                self.0.push((*peer, When { up: *up, at: happened.at }));
            }
            Event::Noted { note: Note::Left(peer) | Note::Expired(peer), .. } => {
                self.0.retain(|(of, _)| of != peer);
            }
            _ => {}
        }
    }

    fn last(&self, peer: Peer) -> Option<When> {
        self.0.iter().find(|(of, _)| *of == peer).map(|(_, last)| *last)
    }

    fn age(&self, peer: Peer, up: Duration) -> Option<Duration> {
        self.last(peer).map(|last| up.saturating_sub(last.up))
    }

    fn hearers(&self, speaker: Peer, to_speaker: bool) -> impl Iterator<Item = Peer> {
        let members = self.0.iter().map(|(peer, _)| *peer);
        members.filter(move |peer| to_speaker || *peer != speaker)
    }
}

/// What the server has just told, if it was the server, and the members until then.
fn newest_note(events: &[Happened<Event>]) -> Option<(When, &Note, Members)> {
    let (newest, before) = events.split_last()?;
    match &newest.event {
        Event::Noted { up, note } => {
            let mut members = Members::default();
            let of_server = before.iter().filter(|happened| happened.host == SERVER);
            of_server.for_each(|happened| members.follow(happened));
            Some((When { up: *up, at: newest.at }, note, members))
        }
        _ => None,
    }
}

/// Whether the server has sent this to that member, up to one change on the way.
fn was_said(events: &[Happened<Event>], heard: &[u8], hearer: Peer, to_speaker: bool) -> bool {
    let mut members = Members::default();
    events.iter().filter(|happened| happened.host == SERVER).any(|happened| {
        members.follow(happened);
        match &happened.event {
            Event::Noted { note: Note::Said { peer, text, .. }, .. } => {
                is_at_most_altered(heard, format!("{peer}\n{text}").as_bytes())
                    && members.hearers(*peer, to_speaker).any(|member| member == hearer)
            }
            _ => false,
        }
    })
}
