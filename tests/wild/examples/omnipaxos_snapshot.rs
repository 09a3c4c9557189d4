//! omnipaxos 0.2.4: one lost `Decide`, and a follower's snapshot lacks what it had decided. Fails by itself.

use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::storage::{Entry, Snapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item(u32);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct All(Vec<u32>);

impl Entry for Item {
    type Snapshot = All;
}

impl Snapshot<Item> for All {
    fn create(entries: &[Item]) -> Self {
        Self(entries.iter().map(|item| item.0).collect())
    }
    fn merge(&mut self, delta: Self) {
        self.0.extend(delta.0);
    }
    fn use_snapshots() -> bool {
        true
    }
}

type Server = OmniPaxos<Item, MemoryStorage<Item>>;

/// Carries messages until there are none, but for those that are lost.
fn carry(servers: &mut [Server], is_lost: impl Fn(&Message<Item>) -> bool) {
    loop {
        let mut messages = Vec::new();
        servers.iter_mut().for_each(|server| server.take_outgoing_messages(&mut messages));
        if messages.is_empty() {
            return;
        }
        for message in messages.into_iter().filter(|message| !is_lost(message)) {
            servers[message.get_receiver() as usize - 1].handle_incoming(message);
        }
    }
}

fn decided(server: &Server) -> Vec<u32> {
    let entries = server.read_decided_suffix(0).unwrap_or_default();
    let numbers = entries.into_iter().map(|entry| match entry {
        LogEntry::Decided(item) => vec![item.0],
        LogEntry::Snapshotted(part) => part.snapshot.0,
        other => panic!("decided is {other:?}"),
    });
    numbers.flatten().collect()
}

fn main() {
    let mut servers: Vec<Server> = (1..=3)
        .map(|pid| {
            let cluster = ClusterConfig { configuration_id: 1, nodes: vec![1, 2, 3], flexible_quorum: None };
            let server = ServerConfig { pid, ..Default::default() };
            cluster.build_for_server(server, MemoryStorage::default()).expect("the configuration is valid")
        })
        .collect();
    for _ in 0..20 {
        servers.iter_mut().for_each(OmniPaxos::tick);
        carry(&mut servers, |_| false);
    }
    let (leader, _) = servers[0].get_current_leader().expect("a leader was elected");
    let follower = leader % 3 + 1;
    let leads = leader as usize - 1;

    servers[leads].append(Item(11)).expect("the leader takes it");
    carry(&mut servers, |_| false);
    // The follower does not hear that 22 is decided.
    servers[leads].append(Item(22)).expect("the leader takes it");
    carry(&mut servers, |message| {
        message.get_receiver() == follower
            && matches!(message, Message::SequencePaxos(paxos) if matches!(paxos.msg, PaxosMsg::Decide(_)))
    });
    servers[leads].append(Item(33)).expect("the leader takes it");
    for _ in 0..200 {
        carry(&mut servers, |_| false);
        servers.iter_mut().for_each(OmniPaxos::tick);
    }
    let logs: Vec<_> = servers.iter().map(decided).collect();
    assert!(logs.iter().all(|log| *log == [11, 22, 33]), "the decided logs differ: {logs:?}");
}
