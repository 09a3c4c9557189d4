//! What holds in every run of tcp-chat.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Client, ClientEvent, MAX_MESSAGE_LEN, MEMBERS, Server, ServerEvent};
use crate::machine::Peer;
use crate::scenario::{Host, Net};

/// How many bytes a character has at most: a message that is cut at the bound has so many fewer at most.
const MAX_CHAR_LEN: usize = 4;

/// Text that came at one end and is still to come at the other.
#[derive(Debug, Default, Hash)]
struct Pending(VecDeque<u8>);

impl Pending {
    fn push(&mut self, text: &str) {
        self.0.extend(text.as_bytes());
    }

    /// Takes a text that has come: whether it is the next.
    fn take(&mut self, text: &str) -> bool {
        let is_next = text.len() <= self.0.len() && self.0.iter().zip(text.as_bytes()).all(|(a, b)| a == b);
        self.0.drain(..text.len().min(self.0.len()));
        is_next
    }
}

/// What members are told, each from its joining to its leaving.
#[derive(Debug, Default, Hash)]
struct Told {
    /// By their addresses: what each has not heard yet.
    unheard: BTreeMap<Peer, Pending>,
    /// Those that have not left.
    there: BTreeSet<Peer>,
    /// What the newest machine of each client is called.
    names: [Option<Peer>; MEMBERS],
}

impl Told {
    fn join(&mut self, member: Peer) {
        self.unheard.insert(member, Pending::default());
        self.there.insert(member);
    }

    fn tell(&mut self, speaker: Peer, text: &str) {
        let told = format!("{speaker}\n{text}");
        for (_, unheard) in self.unheard.iter_mut().filter(|(member, _)| self.there.contains(member)) {
            unheard.push(&told);
        }
    }

    fn hear(&mut self, index: usize, text: &str) -> bool {
        let member = self.names[index].and_then(|name| self.unheard.get_mut(&name));
        member.is_some_and(|unheard| unheard.take(text))
    }

    /// A client is connected; its machine before hears nothing more.
    fn connect(&mut self, index: usize, name: Peer) {
        if let Some(before) = self.names[index].replace(name) {
            self.unheard.remove(&before);
            self.there.remove(&before);
        }
    }
}

pub(super) fn add(net: &Net, server: Host<Server>, members: [Host<Client>; MEMBERS]) {
    let mut heard = net
        .fold("a member hears all that is said while it is there, whole and in one order", Told::default)
        .on(server, |told, event, _| {
            match event {
                ServerEvent::Joined(peer) => told.join(*peer),
                ServerEvent::Said { speaker, text } => told.tell(*speaker, text),
                ServerEvent::Left(peer) | ServerEvent::Dropped(peer) | ServerEvent::MadeWay(peer) => {
                    _ = told.there.remove(peer);
                }
                ServerEvent::Classic(_) | ServerEvent::Full(_) => {}
            }
            true
        });
    for (index, member) in members.into_iter().enumerate() {
        heard = heard.on(member, move |told, event, _| match event {
            ClientEvent::Connected(name) => {
                told.connect(index, *name);
                true
            }
            ClientEvent::Heard(text) => told.hear(index, text),
            _ => true,
        });
    }
    said(net, server, members);
    lines(net, server);
    net.fold("only who is a member speaks", BTreeSet::new).on(server, |there, event, _| {
        match event {
            ServerEvent::Joined(peer) => _ = there.insert(*peer),
            ServerEvent::Left(peer) | ServerEvent::Dropped(peer) | ServerEvent::MadeWay(peer) => {
                _ = there.remove(peer);
            }
            ServerEvent::Said { speaker, .. } => return there.contains(speaker),
            ServerEvent::Classic(_) | ServerEvent::Full(_) => {}
        }
        true
    });
    net.never("a member is dropped, though less is said than its queue holds", move |run| {
        let is_loss = |event: &ServerEvent| matches!(event, ServerEvent::Dropped(_) | ServerEvent::Full(_));
        run.new_events(server).iter().any(is_loss)
    });
}

fn said(net: &Net, server: Host<Server>, members: [Host<Client>; MEMBERS]) {
    // What each machine of a client has said and the server has not told, and what the newest of each is called.
    type Untold = (BTreeMap<Peer, Pending>, [Option<Peer>; MEMBERS]);
    let mut said = net
        .fold("what a member is told to have said is what it said, in its order", Untold::default)
        .on(server, |(untold, _): &mut Untold, event, _| match event {
            ServerEvent::Said { speaker, text } => {
                untold.get_mut(speaker).is_none_or(|untold| untold.take(text))
            }
            _ => true,
        });
    for (index, member) in members.into_iter().enumerate() {
        said = said.on(member, move |(untold, names), event, _| {
            match event {
                ClientEvent::Connected(name) => {
                    names[index] = Some(*name);
                    untold.insert(*name, Pending::default());
                }
                ClientEvent::Saying(text) => {
                    if let Some(own) = names[index].and_then(|name| untold.get_mut(&name)) {
                        own.push(text);
                    }
                }
                _ => {}
            }
            true
        });
    }
}

/// What is no line is said by who is classic, or is the last that is said, or part of a line beyond the bound.
fn lines(net: &Net, server: Host<Server>) {
    // Who is classic, and who has said what only the last words of a member may be.
    let judge = || (BTreeSet::new(), BTreeSet::new());
    net.fold("a message is a line, unless its speaker was silent behind it", judge).on(
        server,
        |(classic, last): &mut (BTreeSet<Peer>, BTreeSet<Peer>), event, _| {
            match event {
                ServerEvent::Classic(peer) => _ = classic.insert(*peer),
                ServerEvent::Said { speaker, text } => {
                    let is_line = text.find('\n').is_some_and(|at| at + 1 == text.len());
                    if is_line {
                        classic.remove(speaker);
                    } else if !classic.contains(speaker) && text.len() + MAX_CHAR_LEN <= MAX_MESSAGE_LEN {
                        // Newlines in the midst are two lines in one, whoever leaves.
                        return !text.contains('\n') && last.insert(*speaker);
                    }
                    return !last.contains(speaker);
                }
                ServerEvent::Joined(peer)
                | ServerEvent::Left(peer)
                | ServerEvent::Dropped(peer)
                | ServerEvent::MadeWay(peer) => {
                    classic.remove(peer);
                    last.remove(peer);
                }
                ServerEvent::Full(_) => {}
            }
            true
        },
    );
}
