//! `automerge` 0.12: a document of two authors, synchronised over streams that break. Each keeps it on its disk, and crashes.

use std::time::Duration;

use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT, ReadDoc};
use lossproof::machine::{Conn, ConnMap};
use lossproof::{Boot, Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};

const RETRY: Duration = Duration::from_secs(1);

/// What is known of the other author by one connection: messages have their length before them.
#[derive(Default)]
struct Talk {
    state: State,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

struct Author {
    document: AutoCommit,
    /// Whom it dials.
    peer: Option<Peer>,
    talks: ConnMap<Talk>,
    /// The state of the last connection, in its durable form.
    kept: Option<Vec<u8>>,
    retry_at: Option<Instant>,
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
        Self { document, peer, talks: ConnMap::default(), kept: None, retry_at: None }
    }

    /// Sends what there is to be said, on each connection, as far as it fits.
    fn say(&mut self, out: &mut Outbox<usize>) {
        for (conn, talk) in self.talks.iter_mut() {
            while talk.unsent.is_empty() {
                let Some(message) = self.document.sync().generate_sync_message(&mut talk.state) else {
                    break;
                };
                let bytes = message.encode();
                talk.unsent.extend((bytes.len() as u32).to_be_bytes());
                talk.unsent.extend(bytes);
                write(talk, conn, out);
            }
        }
    }

    fn hear(&mut self, conn: Conn, bytes: &[u8]) {
        let Some(talk) = self.talks.get_mut(conn) else { return };
        talk.received.extend_from_slice(bytes);
        while let Some((head, rest)) = talk.received.split_first_chunk::<4>() {
            let Some(message) = rest.get(..u32::from_be_bytes(*head) as usize) else { return };
            let len = 4 + message.len();
            let message = Message::decode(message).expect("the stream is as it was written");
            self.document
                .sync()
                .receive_sync_message(&mut talk.state, message)
                .expect("it is one of automerge's");
            talk.received.drain(..len);
        }
    }
}

fn write(talk: &mut Talk, conn: Conn, out: &mut Outbox<usize>) {
    let fits_len = out.write(conn, &talk.unsent);
    talk.unsent.drain(..fits_len);
}

impl Machine for Author {
    /// A key that is written.
    type Command = u8;
    /// How many keys there are.
    type Event = usize;

    fn handle(&mut self, input: Input<'_, u8>, now: Instant, out: &mut Outbox<usize>) {
        let before = self.document.get_heads();
        match input {
            Input::Command(&key) => {
                self.document.put(ROOT, key.to_string(), u64::from(key)).expect("a map takes keys");
            }
            Input::Start { .. } | Input::Timeout => {
                self.retry_at = None;
                if let Some(peer) = self.peer {
                    out.connect(peer);
                }
            }
            Input::Connected { conn, .. } => {
                let kept = self.kept.take().and_then(|bytes| State::decode(&bytes).ok());
                self.talks.insert(conn, Talk { state: kept.unwrap_or_default(), ..Talk::default() });
            }
            Input::Received { conn, bytes } => self.hear(conn, bytes),
            Input::Writable { conn } => {
                self.talks.get_mut(conn).into_iter().for_each(|talk| write(talk, conn, out));
            }
            Input::Eof { conn } => out.close(conn),
            Input::Closed { conn, .. } => {
                self.kept = self.talks.remove(conn).map(|talk| talk.state.encode());
                self.retry_at = self.peer.map(|_| now + RETRY);
            }
            Input::ConnectFailed { .. } => self.retry_at = Some(now + RETRY),
            _ => {}
        }
        if self.document.get_heads() != before {
            let saved = self.document.save();
            out.save(&saved);
            out.event(self.document.keys(ROOT).count());
        }
        self.say(out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry_at
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
