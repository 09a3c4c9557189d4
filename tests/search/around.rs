//! A failure whose plan cannot lose a fault, beside one that takes fewer.

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};

use super::sender::Sender;

struct Receiver;

impl Machine for Receiver {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            out.event(());
        }
    }
}

/// None of five may come, or six: five losses, or one that comes twice.
fn scenario() -> Scenario {
    let net = Net::new("around");
    let receiver = net.host("receiver").udp(1).machine(|_| Receiver);
    net.host("sender").udp(2).machine(move |boot| Sender::new(boot.peer(receiver), 5));
    net.fold("one to five come", || 0)
        .on(receiver, |count, (), _| {
            *count += 1;
            *count <= 5
        })
        .at_end(|count| *count > 0);
    Scenario::from(net)
}

#[test]
fn a_second_search_finds_the_failure_with_fewer_faults() {
    let scenario = scenario();
    let profile = Profile { loss: Chance::percent(25), duplicate: Chance::percent(5), ..Profile::CALM };
    let mut search = Search::new(&scenario, Prepared::default(), profile, 0);
    // Runs that lose all, which are rare, and nothing else.
    let found = (0..10_000).find_map(|run| {
        search
            .runs(run..run + 1)
            .failure
            .filter(|failure| failure.plan.len() == 5 && !failure.plan.to_string().contains("duplicate"))
    });
    let failure = found.expect("some run loses all five");
    let shrunk = search.shrink(&failure, 20_000);
    assert!(shrunk.is_minimal && shrunk.failure.plan.len() == 1, "{}", shrunk.failure.plan);
    assert!(shrunk.failure.plan.to_string().ends_with(" duplicate"), "{}", shrunk.failure.plan);
    assert_eq!(shrunk.from_faults, 5);
    // It is the same each time, and within its bound.
    assert_eq!(search.shrink(&failure, 20_000), shrunk);
    assert!(search.shrink(&failure, 40).runs <= 40);
}
