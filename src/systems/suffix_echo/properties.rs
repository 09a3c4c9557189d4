//! What holds in every run of suffix-echo.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, ClientEvent, SUFFIX, Server, ServerEvent};
use crate::machine::Peer;
use crate::scenario::{Host, Net};
use crate::wire::utf8::Utf8;

/// What one machine of the client has sent, and the server has not taken yet.
#[derive(Debug, Default, Hash)]
struct Talk {
    sent: Utf8,
    /// But for a character that is begun.
    untaken: String,
}

impl Talk {
    /// Takes what the server has taken: whether it is the next.
    fn take(&mut self, text: &str) -> bool {
        let rest = self.untaken.strip_prefix(text).map(str::to_owned).or_else(|| {
            // At its end a talk may have begun a character.
            let whole = format!("{}{}", self.untaken, self.sent.clone().finish());
            (whole == text).then(String::new)
        });
        let is_next = rest.is_some();
        self.untaken = rest.unwrap_or_default();
        is_next
    }
}

/// The talks of all machines of the client, by their addresses.
#[derive(Debug, Default, Hash)]
struct Talks {
    all: BTreeMap<Peer, Talk>,
    /// That of the newest.
    newest: Option<Peer>,
}

impl Talks {
    fn newest(&mut self) -> Option<&mut Talk> {
        self.newest.and_then(|peer| self.all.get_mut(&peer))
    }

    /// What the client has told.
    fn tell(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Connected(peer) => {
                self.newest = Some(*peer);
                self.all.insert(*peer, Talk::default());
            }
            ClientEvent::Sent(line) => {
                if let Some(talk) = self.newest() {
                    let text = talk.sent.push(line);
                    talk.untaken.push_str(&text);
                }
            }
            _ => {}
        }
    }

    /// What the server has told: whether that is what is next. What others have sent nobody tells.
    fn take(&mut self, event: &ServerEvent) -> bool {
        match event {
            ServerEvent::Taken { peer, text } => self.all.get_mut(peer).is_none_or(|talk| talk.take(text)),
            _ => true,
        }
    }
}

pub(super) fn add(net: &Net, server: Host<Server>, client: Host<Client>) {
    net.fold("what comes back without the suffixes is what was sent", || None).on(
        client,
        |sent: &mut Option<Vec<u8>>, event, _| {
            match event {
                ClientEvent::Connected(_) => *sent = None,
                ClientEvent::Sent(line) => *sent = Some(line.clone()),
                // None of the lines has the suffix in it.
                ClientEvent::Replied(reply) => {
                    return sent.take().is_some_and(|sent| without_suffixes(reply) == sent);
                }
                _ => {}
            }
            true
        },
    );
    net.fold("the server takes what was sent, in order, and nothing else", Talks::default)
        .on(client, |talks, event, _| {
            talks.tell(event);
            true
        })
        .on(server, |talks, event, _| talks.take(event));
    net.fold("a reply comes only when the server has taken all that was sent", Talks::default)
        .on(server, |talks, event, _| {
            talks.take(event);
            true
        })
        .on(client, |talks, event, _| {
            talks.tell(event);
            let is_reply = matches!(event, ClientEvent::Replied(_));
            !is_reply || talks.newest().is_some_and(|talk| talk.untaken.is_empty())
        });
    net.fold("nothing is taken from a client after its end, which is told once", BTreeSet::new).on(
        server,
        |there, event, _| match event {
            ServerEvent::Accepted(peer) => there.insert(*peer),
            ServerEvent::Taken { peer, .. } => there.contains(peer),
            ServerEvent::Ended(peer) => there.remove(peer),
        },
    );
}

/// A reply without its suffixes, wherever they stand.
fn without_suffixes(reply: &[u8]) -> Vec<u8> {
    let (mut without, mut rest) = (Vec::new(), reply);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(SUFFIX.as_bytes()) {
            rest = after;
        } else {
            without.push(byte);
            rest = after;
        }
    }
    without
}
