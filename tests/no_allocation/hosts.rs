//! What many hosts cost: as much memory as there are hosts and flows between them, and not their square.

use std::time::Duration;

use allocation_counter::measure;
use lossproof::engine::{Engine, Settings};
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Tells the next two hosts of a ring every 100 ms that it is there.
struct Member {
    next: [Peer; 2],
    tell_at: Instant,
}

impl Machine for Member {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } | Input::Timeout = input {
            self.tell_at = now + Duration::from_millis(100);
            self.next.iter().for_each(|peer| out.send(*peer, b"here"));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.tell_at)
    }
}

/// How much memory a run among so many takes at most, the scenario included.
fn max_bytes(hosts: usize) -> u64 {
    measure(|| {
        let net = Net::new("ring");
        net.max_time(Duration::from_secs(1));
        let places: Vec<_> = (0..hosts).map(|index| net.host(format!("host-{index}")).udp(1)).collect();
        let ids: Vec<_> = places.iter().map(lossproof::scenario::Place::id).collect();
        for (index, place) in places.into_iter().enumerate() {
            let others = [1, 2].map(|n| ids[(index + n) % hosts]);
            place.machine(move |boot| Member {
                next: others.map(|id| boot.peer(id)),
                tell_at: Instant::START,
            });
        }
        let scenario = Scenario::from(net);
        Engine::new(&scenario).run(&Settings::default());
    })
    .bytes_max
}

#[test]
fn memory_grows_with_hosts_and_not_with_their_square() {
    let [few, many, most] = [100, 1_000, 4_000].map(max_bytes);
    // What doubles its room is at most twice as large as it need be.
    assert!(many < 20 * few && most < 8 * many, "{few}, {many} and {most} bytes");
}
