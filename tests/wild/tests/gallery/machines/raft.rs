//! `raft` 0.7.0 (of TiKV): a replicated log. Three servers with a disk; they crash between any two of their effects.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::scenario::Place;
use lossproof::{Boot, Host, HostId, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};
use protobuf::Message as _;
use raft::prelude::{Entry, HardState, Message, Snapshot};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

const TICK: Duration = Duration::from_millis(50);
const ELECTION_TICKS: usize = 10;

/// A place in the log, and what stands there.
type Applied = (u64, Vec<u8>);

struct Server {
    raft: RawNode<MemStorage>,
    addresses: Vec<Peer>,
    generator: Pcg64,
    election: (u64, StateRole),
    tick_at: Option<Instant>,
}

impl Server {
    fn new(boot: Boot<'_>, own: HostId, all: &[HostId]) -> Self {
        let id = |host: &HostId| host.index() as u64 + 1;
        let store = MemStorage::new_with_conf_state((all.iter().map(id).collect::<Vec<_>>(), vec![]));
        // The disk has the hard state and then each entry.
        let mut disk = protobuf::CodedInputStream::from_bytes(boot.disk());
        if !boot.disk().is_empty() {
            let hard_state: HardState = disk.read_message().expect("it was written so");
            let mut entries = Vec::<Entry>::new();
            while !disk.eof().expect("it was written so") {
                entries.push(disk.read_message().expect("it was written so"));
            }
            store.wl().append(&entries).expect("they follow one another");
            store.wl().set_hardstate(hard_state);
        }
        let config = Config {
            id: id(&own),
            election_tick: ELECTION_TICKS,
            heartbeat_tick: 2,
            check_quorum: true,
            pre_vote: true,
            ..Default::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let mut server = Self {
            raft: RawNode::new(&config, store, &logger).expect("the configuration is valid"),
            addresses: all.iter().map(|host| boot.peer(*host)).collect(),
            generator: Pcg64::seed_from_u64(boot.seed()),
            election: (u64::MAX, StateRole::Follower),
            tick_at: None,
        };
        server.draw();
        server
    }

    /// It draws its election timeout from the system whenever its term or its role changes: that is drawn over.
    fn draw(&mut self) {
        let election = (self.raft.raft.term, self.raft.raft.state);
        if election != self.election {
            self.election = election;
            let more = self.generator.next_u64() as usize % ELECTION_TICKS;
            self.raft.raft.set_randomized_election_timeout(ELECTION_TICKS + more);
        }
    }

    fn send(&self, messages: Vec<Message>, out: &mut Outbox<Applied>) {
        for message in messages {
            let bytes = message.write_to_bytes().expect("a message can be written");
            out.send(self.addresses[message.to as usize - 1], &bytes);
        }
    }

    fn apply(entries: Vec<Entry>, out: &mut Outbox<Applied>) {
        entries.into_iter().for_each(|entry| out.event((entry.index, entry.data.to_vec())));
    }

    fn save(&self, out: &mut Outbox<Applied>) {
        let store = self.raft.store().rl();
        let mut bytes = Vec::new();
        store.hard_state().write_length_delimited_to_vec(&mut bytes).expect("a vector takes all");
        drop(store);
        let last = raft::Storage::last_index(self.raft.store()).expect("memory does not fail");
        if last > 0 {
            let context = raft::GetEntriesContext::empty(false);
            let entries = raft::Storage::entries(self.raft.store(), 1, last + 1, None, context);
            for entry in entries.expect("no log is compacted") {
                entry.write_length_delimited_to_vec(&mut bytes).expect("a vector takes all");
            }
        }
        out.save(&bytes);
    }

    /// What the documentation of `RawNode` says is to be done with a `Ready`, in that order.
    fn ready(&mut self, out: &mut Outbox<Applied>) {
        while self.raft.has_ready() {
            let mut ready = self.raft.ready();
            self.send(ready.take_messages(), out);
            assert_eq!(*ready.snapshot(), Snapshot::default(), "no log is compacted");
            Self::apply(ready.take_committed_entries(), out);
            self.raft.store().wl().append(ready.entries()).expect("they follow one another");
            if let Some(hard_state) = ready.hs() {
                self.raft.store().wl().set_hardstate(hard_state.clone());
            }
            if ready.must_sync() || ready.hs().is_some() {
                self.save(out);
            }
            self.send(ready.take_persisted_messages(), out);
            let mut light = self.raft.advance(ready);
            if let Some(commit) = light.commit_index() {
                self.raft.store().wl().mut_hard_state().commit = commit;
            }
            self.send(light.take_messages(), out);
            Self::apply(light.take_committed_entries(), out);
            self.raft.advance_apply();
        }
    }
}

impl Machine for Server {
    type Command = u8;
    type Event = Applied;

    fn handle(&mut self, input: Input<'_, u8>, now: Instant, out: &mut Outbox<Applied>) {
        match input {
            Input::Start { .. } => self.tick_at = Some(now + TICK),
            Input::Timeout => {
                self.raft.tick();
                self.tick_at = Some(now + TICK);
            }
            // Refused where no leader is known.
            Input::Command(number) => drop(self.raft.propose(vec![], vec![*number])),
            Input::Datagram { bytes, .. } => {
                if let Ok(message) = Message::parse_from_bytes(bytes) {
                    drop(self.raft.step(message));
                }
            }
            _ => {}
        }
        self.ready(out);
        self.draw();
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

fn net() -> (Net, [Host<Server>; 3]) {
    let net = Net::new("raft");
    net.max_time(Duration::from_secs(25));
    let places = ["a", "b", "c"].map(|name| net.host(name).udp(9000));
    let all = places.each_ref().map(Place::id);
    let hosts = places.map(|place| {
        let own = place.id();
        place.machine(move |boot| Server::new(boot, own, &all))
    });
    for (number, at) in (1..=20_u8).zip((1_000..).step_by(400)) {
        net.command(Instant::from_millis(at), hosts[usize::from(number) % 3], number);
    }
    net.command(Instant::from_millis(20_000), hosts[0], 255);
    let mut log = net.fold("one log is applied everywhere", Vec::<Option<Vec<u8>>>::new);
    for host in hosts {
        log = log.on(host, |log, (index, data), _| {
            let index = *index as usize;
            log.resize(log.len().max(index + 1), None);
            match log[index].get_or_insert_with(|| data.clone()) {
                before if before == data => Ok(()),
                before => Err(format!("at {index} stands {data:?}, and elsewhere {before:?}")),
            }
        });
    }
    (net, hosts)
}

#[test]
fn one_log_is_applied_everywhere_whatever_crashes() {
    let (net, hosts) = net();
    net.rules_out([FaultKind::Stop]);
    net.converges_within(
        "the last entry is applied everywhere",
        Duration::from_secs(15),
        100_000,
        move |run| hosts.iter().all(|host| run.events(*host).last().is_some_and(|(_, data)| data == &[255])),
    );
    holds("raft", check(net, 500).calm_at(Instant::from_millis(10_000)));
}
