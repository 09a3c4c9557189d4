//! udp-broadcast in simulation.

use lossproof::fault::{Chance, Profile, strategy};
use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::systems::Options;
use lossproof::systems::udp_broadcast::{
    self, Client, ClientEvent, MESSAGE, Server, ServerEvent, print_client,
};
use lossproof::{Input, Instant, Net, Peer, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_run, config, stormy};

fn net() -> Net {
    udp_broadcast::net(&Options::default())
}

const HOSTS: [&str; 4] = ["server", "client", "server-2", "server-3"];

/// S18, S19. Three listeners: one hears it twice, one late and after a crash, one never.
#[test]
fn each_listener_has_a_fate_of_its_own() {
    let plan = "client>server #0 duplicate; client>server-2 #0 delay 2s; client>server-3 #0 drop; \
                at 1s crash server-2; at 1500ms restart server-2";
    assert_run("udp-broadcast", net(), plan);
}

/// S19.
#[test]
fn behind_a_partition_nobody_hears() {
    let plan = "at 0ms partition client|server; client>server-2 #0 flip 0:0x20; client>server-3 #0 truncate 9; \
                at 1s restart client";
    assert_run("udp-broadcast-partition", net(), plan);
}

#[test]
fn its_properties_hold_in_a_storm() {
    let corrupt = Profile { corrupt: Chance::percent(20), ..stormy() };
    assert_held(net(), "", corrupt, 3_000);
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn its_properties_hold_under_any_plan(plan in strategy::plan(&HOSTS, 8)) {
        assert_held(net(), &plan.to_string(), Profile::default(), 1);
    }
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use lossproof::fault::Flow;
    use lossproof::fault::strategy::datagram_plan;

    use super::*;
    use crate::support::assert_parity;

    fn to_all() -> [Flow; 3] {
        ["server", "server-2", "server-3"].map(|listener| Flow::new("client", listener))
    }

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(plan in datagram_plan(&to_all(), 1, 4), seed in any::<u64>()) {
            assert_parity(net(), &plan, stormy(), seed);
        }
    }

    #[test]
    fn partitions_are_the_same_in_both_worlds() {
        let plan = "at 0ms partition client>server-2; client>server #0 delay 1s; link 20ms".parse().unwrap();
        assert_parity(net(), &plan, Profile::default(), 1);
    }
}

/// S18. One datagram, nothing to see, and the end.
#[test]
fn the_client_sends_once_and_prints_nothing() {
    let to: Peer = "255.255.255.255:1060".parse().unwrap();
    let mut client = Client::new(to);
    let mut out = Outlet::new();
    let local: Peer = "0.0.0.0:50000".parse().unwrap();
    out.open(&[local]);
    out.feed(&mut client, Input::Start { local }, Instant::START);
    let effects: Vec<_> = out.effects().collect();
    assert_eq!(
        effects,
        [
            Effect::Send { local, peer: to, bytes: b"Broadcast datagram!", ecn: Ecn::default() },
            Effect::Event(&ClientEvent::Sent(to)),
            Effect::Done(Status::Success),
        ]
    );
    let mut printed = String::new();
    print_client(&ClientEvent::Sent(to), &mut printed).unwrap();
    assert_eq!(printed, "");
}

/// S19. Whatever it hears, it tells and does not answer.
#[test]
fn the_server_never_answers() {
    let [local, peer] = ["192.0.2.2:1060", "192.0.2.1:7"].map(|peer| peer.parse::<Peer>().unwrap());
    for (heard, line) in [
        (MESSAGE.as_slice(), "The client at 192.0.2.1:7 says: 'Broadcast datagram!'"),
        (b"", "The client at 192.0.2.1:7 says: ''"),
        (b"a\xff\n", "The client at 192.0.2.1:7 says: 'a\\xff\\n'"),
    ] {
        let mut out = Outlet::<ServerEvent>::new();
        out.feed(
            &mut Server,
            Input::Datagram { peer, local, bytes: heard, ecn: Ecn::default() },
            Instant::START,
        );
        let told: Vec<String> = out
            .effects()
            .map(|effect| match effect {
                Effect::Event(event) => event.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [line]);
    }
}
