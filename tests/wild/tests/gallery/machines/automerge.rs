//! `automerge` 0.12: a document of two authors, synchronised over streams that break. Each keeps it on its disk, and crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT, ReadDoc};
use lossproof::parts::sessions::{Sessions, Told};
use lossproof::{Boot, Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};

struct Author {
    document: AutoCommit,
    sessions: Sessions,
    /// What is known of each other author.
    states: BTreeMap<Vec<u8>, State>,
}

impl Author {
    fn new(boot: Boot<'_>, name: u8, peer: Option<Peer>) -> Self {
        let document = if boot.disk().is_empty() {
            AutoCommit::new()
        } else {
            AutoCommit::load(boot.disk()).expect("it was saved so")
        };
        // Another actor in each life: two may not give one number to different changes.
        let document = document.with_actor(ActorId::from([name, boot.incarnation() as u8]));
        let mut sessions = Sessions::new(&[name], boot.incarnation().into());
        peer.into_iter().for_each(|peer| sessions.dial(peer));
        Self { document, sessions, states: BTreeMap::new() }
    }

    /// Sends what there is to be said in each session.
    fn say(&mut self, out: &mut Outbox<usize>) {
        for (peer, state) in &mut self.states {
            while self.sessions.conn(peer).is_some()
                && let Some(message) = self.document.sync().generate_sync_message(state)
            {
                // If the peer does not read, the session is over, and the next one begins from what is kept.
                let _ = self.sessions.send(peer, &message.encode(), out);
            }
        }
    }
}

impl Machine for Author {
    /// A key that is written.
    type Command = u8;
    /// How many keys there are.
    type Event = usize;

    fn handle(&mut self, input: Input<'_, u8>, now: Instant, out: &mut Outbox<usize>) {
        let before = self.document.get_heads();
        if let Input::Command(&key) = input {
            self.document.put(ROOT, key.to_string(), u64::from(key)).expect("a map takes keys");
        }
        let mut feed = self.sessions.take(&input, now, out);
        while let Some(told) = self.sessions.next(&mut feed, now, out) {
            match told {
                Told::Up { peer } => {
                    // Of the last session what is durable is still true.
                    let kept = self.states.get(peer).and_then(|state| State::decode(&state.encode()).ok());
                    self.states.insert(peer.to_vec(), kept.unwrap_or_default());
                }
                Told::Message { peer, bytes } => {
                    let message = Message::decode(bytes).expect("the stream is as it was written");
                    let state = self.states.get_mut(peer).expect("it is up");
                    self.document
                        .sync()
                        .receive_sync_message(state, message)
                        .expect("it is one of automerge's");
                }
                Told::Down { .. } => {}
            }
        }
        if self.document.get_heads() != before {
            let saved = self.document.save();
            out.save(&saved);
            out.event(self.document.keys(ROOT).count());
        }
        self.say(out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.sessions.deadline()
    }
}

fn net() -> (Net, [Host<Author>; 2]) {
    let net = Net::new("automerge");
    net.max_time(Duration::from_secs(50));
    let a = net.host("a").listen(3030).machine(|boot| Author::new(boot, 1, None));
    let b = net.host("b").machine(move |boot| Author::new(boot, 2, Some(boot.peer(a))));
    for (key, at) in (0..16).zip((500..).step_by(500)) {
        net.command(Instant::from_millis(at), [a, b][usize::from(key) % 2], key);
    }
    (net, [a, b])
}

#[test]
fn both_authors_have_the_same_document_in_the_end() {
    let (net, authors) = net();
    net.converges_within("both have the same keys", Duration::from_secs(35), 100_000, move |run| {
        let [a, b] = authors.map(|author| run.state(author));
        a.zip(b).is_some_and(|(a, b)| {
            let keys = |author: &Author| author.document.keys(ROOT).collect::<Vec<_>>();
            keys(a).len() >= 2 && keys(a) == keys(b)
        })
    });
    holds("automerge", check(net, 150).calm_at(Instant::from_millis(12_000)));
}
