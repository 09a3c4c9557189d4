//! `omnipaxos` 0.2.4: a replicated log. Three servers, ticks of 50 ms, a message in each datagram.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::scenario::Place;
use lossproof::{Boot, Host, HostId, Input, Instant, Machine, Net, Outbox};
use lossproof_wild::{check, finding, holds};
use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::{BLEMessage, HeartbeatMsg};
use omnipaxos::messages::sequence_paxos::{PaxosMessage, PaxosMsg};
use omnipaxos::storage::{Entry, Snapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const TICK: Duration = Duration::from_millis(50);

/// An entry of the log: plain, or one that can be compacted into a snapshot of all entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item<const COMPACTS: bool>(u32);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct All<const COMPACTS: bool>(Vec<u32>);

impl<const COMPACTS: bool> Entry for Item<COMPACTS> {
    type Snapshot = All<COMPACTS>;
}

impl<const COMPACTS: bool> Snapshot<Item<COMPACTS>> for All<COMPACTS> {
    fn create(entries: &[Item<COMPACTS>]) -> Self {
        Self(entries.iter().map(|entry| entry.0).collect())
    }
    fn merge(&mut self, delta: Self) {
        self.0.extend(delta.0);
    }
    fn use_snapshots() -> bool {
        COMPACTS
    }
}

struct Server<T: Entry> {
    paxos: OmniPaxos<T, MemoryStorage<T>>,
    addresses: Vec<lossproof::Peer>,
    tick_at: Option<Instant>,
    outgoing: Vec<Message<T>>,
}

impl<const C: bool> Server<Item<C>> {
    fn new(boot: Boot<'_>, own: HostId, all: &[HostId]) -> Self {
        let pid = |host: HostId| host.index() as u64 + 1;
        let cluster_config = ClusterConfig {
            configuration_id: 1,
            nodes: all.iter().copied().map(pid).collect(),
            flexible_quorum: None,
        };
        let server_config = ServerConfig { pid: pid(own), ..Default::default() };
        let paxos = cluster_config.build_for_server(server_config, MemoryStorage::default());
        Self {
            paxos: paxos.expect("the configuration is valid"),
            addresses: all.iter().map(|host| boot.peer(*host)).collect(),
            tick_at: None,
            outgoing: Vec::new(),
        }
    }

    /// What is decided, with what stands in a snapshot.
    fn decided(&self) -> Vec<u32> {
        let entries = self.paxos.read_decided_suffix(0).unwrap_or_default();
        let numbers = entries.into_iter().map(|entry| match entry {
            LogEntry::Decided(item) => vec![item.0],
            LogEntry::Snapshotted(part) => part.snapshot.0,
            other => panic!("decided is {other:?}"),
        });
        numbers.flatten().collect()
    }
}

impl<const C: bool> Machine for Server<Item<C>>
where
    Item<C>: Serialize + DeserializeOwned,
{
    type Command = u32;
    type Event = Vec<u32>;

    fn handle(&mut self, input: Input<'_, u32>, now: Instant, out: &mut Outbox<Vec<u32>>) {
        let before = self.paxos.get_decided_idx();
        match input {
            Input::Start { .. } => self.tick_at = Some(now + TICK),
            Input::Timeout => {
                self.paxos.tick();
                self.tick_at = Some(now + TICK);
            }
            // Before a leader is known it is refused, and not asked again.
            Input::Command(number) => drop(self.paxos.append(Item(*number))),
            Input::Datagram { bytes, .. } => {
                if let Ok(message) = postcard::from_bytes(bytes) {
                    self.paxos.handle_incoming(message);
                }
            }
            _ => {}
        }
        self.paxos.take_outgoing_messages(&mut self.outgoing);
        for message in self.outgoing.drain(..) {
            let to = self.addresses[message.get_receiver() as usize - 1];
            out.send(to, &postcard::to_allocvec(&message).expect("a message can be written"));
        }
        if self.paxos.get_decided_idx() > before {
            out.event(self.decided());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }
}

/// Three servers; the numbers from 1 are appended at two of them in turn, the first after 400 ms.
fn net<const C: bool>(append_at: &[u64]) -> (Net, [Host<Server<Item<C>>>; 3])
where
    Item<C>: Serialize + DeserializeOwned,
{
    let net = Net::new("omnipaxos");
    // Memory is all that a server has here, so none crashes.
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net.max_time(Duration::from_secs(12));
    net.decode(shown);
    let places = ["a", "b", "c"].map(|name| net.host(name).udp(9000));
    let all = places.each_ref().map(Place::id);
    let hosts = places.map(|place| {
        let own = place.id();
        place.machine(move |boot| Server::new(boot, own, &all))
    });
    for (number, at) in (1..).zip(append_at) {
        net.command(Instant::from_millis(*at), hosts[number as usize % 2], number);
    }
    net.always("what is decided is the beginning of one log", move |run| {
        let logs = hosts.map(|host| run.events(host).last().map_or(&[][..], Vec::as_slice));
        let longest = logs.iter().max_by_key(|log| log.len()).expect("there are three");
        let other = logs.iter().find(|log| !longest.starts_with(log));
        other.map_or(Ok(()), |log| Err(format!("{log:?} is not the beginning of {longest:?}")))
    });
    (net, hosts)
}

/// What a message is, in a few words.
fn shown(bytes: &[u8]) -> Option<String> {
    Some(match postcard::from_bytes::<Message<Item<true>>>(bytes).ok()? {
        Message::BLE(BLEMessage { msg: HeartbeatMsg::Request(it), .. }) => format!("heartbeat? {}", it.round),
        Message::BLE(BLEMessage { msg: HeartbeatMsg::Reply(it), .. }) => format!("heartbeat {}", it.round),
        Message::SequencePaxos(PaxosMessage { msg, .. }) => match msg {
            PaxosMsg::Prepare(it) => format!("Prepare, decided {}", it.decided_idx),
            PaxosMsg::Promise(it) => {
                format!("Promise, decided {}, accepted {}", it.decided_idx, it.accepted_idx)
            }
            PaxosMsg::AcceptSync(it) => format!(
                "AcceptSync, decided {}, {:?} up to {}, then {:?}",
                it.decided_idx, it.log_sync.decided_snapshot, it.log_sync.sync_idx, it.log_sync.suffix
            ),
            PaxosMsg::AcceptDecide(it) => format!("Accept {:?}, decided {}", it.entries, it.decided_idx),
            PaxosMsg::Accepted(it) => format!("Accepted {}", it.accepted_idx),
            PaxosMsg::Decide(it) => format!("Decide {}", it.decided_idx),
            other => format!("{other:?}"),
        },
    })
}

/// All decide the same soon after the faults.
fn with_agreement<const C: bool>((net, hosts): (Net, [Host<Server<Item<C>>>; 3])) -> Net
where
    Item<C>: Serialize + DeserializeOwned,
{
    net.converges_within("all decide the same", Duration::from_secs(6), 100_000, move |run| {
        let [a, b, c] = hosts.map(|host| run.events(host).last());
        a == b && b == c
    });
    net
}

/// The last entries are appended after the faults: a lost `Decide` is made up for with the next one.
#[test]
fn logs_agree_without_snapshots() {
    let net = with_agreement(net::<false>(&[400, 700, 1_000, 1_300, 6_000, 7_000, 8_000]));
    holds("omnipaxos", check(net, 1_000).calm_at(Instant::from_millis(4_000)));
}

/// See `examples/omnipaxos_snapshot.rs`.
#[test]
fn the_snapshot_of_a_follower_that_missed_a_message_is_wrong() {
    finding(
        "omnipaxos-snapshot",
        || check(net::<true>(&[400, 700, 1_000]).0, 1_000).loss(0.1),
        "v2; c>b #35 drop",
    );
}

/// See `examples/omnipaxos_decide.rs`.
#[test]
fn a_lost_decide_is_not_sent_again() {
    let check = || check(with_agreement(net::<false>(&[400])), 1_000).loss(0.1);
    finding("omnipaxos-decide", || check().calm_at(Instant::from_millis(2_000)), "v2; calm 2s; c>a #21 drop");
}
