//! The same scenario with the same plan gives the same transcript in the event engine and on turmoil.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lossproof::drive::{SimulateError, simulate};
use lossproof::engine::Settings;
use lossproof::fault::strategy::{datagram_plan, plan, stream_plan};
use lossproof::fault::{
    Bandwidth, Bursts, Chance, Fault, FaultKind, FaultPlan, Flow, HostFault, Links, Profile,
};
use lossproof::systems::{Options, http, tcp_sixteen, udp_local, udp_remote};
use lossproof::{HostId, Input, Instant, Machine, Net, Outbox, Peer, Scenario};
use proptest::prelude::*;

use crate::support::{assert_parity, assert_settings_parity, both_ways, config};

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn udp_remote_is_the_same_in_both_worlds(
        plan in datagram_plan(&both_ways(), 8, 8),
        ids in any::<bool>(),
        drop in 0_u32..60,
    ) {
        let options = Options { ids, drop: Chance::percent(drop), ..Options::default() };
        assert_parity(udp_remote::net(&options), &plan, Profile::default(), 7);
    }

    #[test]
    fn a_calm_is_the_same_in_both_worlds(plan in plan(&["server", "client"], 8), millis in 0_u64..400) {
        let mut plan = plan;
        plan.retain(|fault| {
            use FaultKind::{Crash, Drift, Poweroff, Refuse, Restart, Silence, TimerFirst};
            let is_lag = matches!(fault, Fault::Host { fault: HostFault::Lag { .. }, .. });
            let kind = fault.kind();
            !is_lag && !matches!(kind, Crash | Drift | Poweroff | Refuse | Restart | Silence | TimerFirst)
        });
        plan.calm = Some(Instant::from_millis(millis));
        let profile = Profile { loss: Chance::percent(30), ..Profile::default() };
        assert_parity(udp_remote::net(&Options::default()), &plan, profile, 7);
        assert_parity(tcp_sixteen::net(&Options::default()), &plan, profile, 7);
    }

    #[test]
    fn tcp_sixteen_is_the_same_in_both_worlds(plan in stream_plan(&both_ways(), 17, 6)) {
        assert_parity(tcp_sixteen::net(&Options::default()), &plan, Profile::default(), 7);
    }

    #[test]
    fn random_loss_is_the_same_in_both_worlds(seed in any::<u64>(), profile in profile()) {
        let none = FaultPlan::default();
        assert_parity(udp_local::net(&Options::default()), &none, profile, seed);
        assert_parity(udp_remote::net(&Options { ids: true, ..Options::default() }), &none, profile, seed);
        assert_parity(tcp_sixteen::net(&Options::default()), &none, profile, seed);
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn links_that_differ_are_the_same_in_both_worlds(
        seed in any::<u64>(),
        latencies in [1_u64..80, 1..80],
        common in profile(),
        up in profile(),
    ) {
        let of = |net: Net, server: HostId, client: HostId| {
            net.link_latency(client, server, Duration::from_millis(latencies[0]));
            net.link_latency(server, client, Duration::from_millis(latencies[1]));
            let without_latency = |profile| Profile { latency: Duration::ZERO, ..profile };
            let links = Links::default().direction(client, server, up);
            let profile = without_latency(common);
            assert_settings_parity(&net.into(), &Settings { seed, profile, links, ..Settings::default() });
        };
        let net = udp_remote::net(&Options::default());
        let server = net.find::<udp_remote::Server>("server").id();
        let client = net.find::<udp_remote::Client>("client").id();
        of(net, server, client);
        let net = tcp_sixteen::net(&Options::default());
        let server = net.find::<tcp_sixteen::Server>("server").id();
        let client = net.find::<tcp_sixteen::Client>("client").id();
        of(net, server, client);
    }
}

#[test]
fn a_stop_is_the_same_in_both_worlds() {
    for plan in [
        "at 0s stop client",
        "at 7ms stop client; at 7ms stop server",
        "at 10ms stop server; at 11ms stop server; at 12ms stop client",
        "at 20ms stop client; at 1min stop server",
        "at 5ms skew client +1s; at 5ms stop client; calm 6ms; at 7ms stop server",
    ] {
        let plan = plan.parse().unwrap();
        assert_parity(udp_remote::net(&Options::default()), &plan, Profile::default(), 7);
        assert_parity(tcp_sixteen::net(&Options::default()), &plan, Profile::default(), 7);
        assert_parity(http::net(&Options::default()), &plan, Profile::default(), 7);
        assert_parity(udp_local::net(&Options::default()), &plan, Profile::default(), 7);
    }
    // Who goes on hears of it once.
    let twice = "at 1ms stop a; at 2ms stop a; at 3ms stop caller".parse().unwrap();
    let transcript = assert_parity(broadcast(), &twice, Profile::default(), 7);
    assert_eq!(transcript.matches("fault stop a").count(), 1, "{transcript}");
}

#[test]
fn a_named_network_is_the_same_in_both_worlds() {
    for (_, profile) in Profile::NAMED {
        let none = FaultPlan::default();
        assert_parity(udp_remote::net(&Options { ids: true, ..Options::default() }), &none, profile, 3);
        assert_parity(tcp_sixteen::net(&Options::default()), &none, profile, 3);
    }
    let between_ticks = Profile { latency: Duration::from_micros(1_500), ..Profile::LAN };
    let scenario = broadcast();
    let [caller, a] = ["caller", "a"].map(|name| scenario.find(name).unwrap());
    for settings in [
        Settings { profile: between_ticks, ..Settings::default() },
        Settings { links: Links::default().direction(caller, a, between_ticks), ..Settings::default() },
    ] {
        let error = simulate(&scenario, &settings).unwrap_err();
        assert!(matches!(error, SimulateError::Latency), "{error}");
    }
}

/// Any profile whose latency is a whole number of milliseconds; a queue is full after a few packets.
fn profile() -> impl Strategy<Value = Profile> {
    let draws = (0_u32..80, 0_u64..40, (0_u32..50, 1_u32..6));
    let link = (0_u64..60, prop::option::of((1_u64..60_000, 0_u32..200)), prop::option::of(60_u16..80));
    let reorder = (0_u32..40, 0_u64..400_000);
    (draws, link, reorder).prop_map(|((loss, jitter, burst), (latency, bandwidth, mtu), reorder)| Profile {
        latency: Duration::from_millis(latency),
        loss: Chance::percent(loss),
        bursts: Bursts::new(Chance::percent(burst.0), burst.1),
        duplicate: Chance::percent(10),
        corrupt: Chance::percent(5),
        jitter: Duration::from_millis(jitter),
        reorder: Chance::percent(reorder.0),
        reorder_by: Duration::from_micros(reorder.1),
        bandwidth: bandwidth.map(|(bits, queue_len)| Bandwidth::bits(bits, queue_len)),
        mtu,
        ..Profile::CALM
    })
}

/// The port of those who hear broadcasts.
const PORT: u16 = 1060;

/// Says something to everybody, several times at one moment.
struct Caller;

/// Tells of what it hears.
struct Hearer;

impl Machine for Caller {
    type Command = ();
    type Event = Vec<u8>;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Vec<u8>>) {
        let everybody = Peer::from(SocketAddr::from((Ipv4Addr::BROADCAST, PORT)));
        match input {
            Input::Start { .. } => {
                out.send(everybody, b"one");
                out.send(everybody, b"another");
                out.send(everybody, b"one");
            }
            Input::Command(()) => out.send(everybody, b"the last"),
            _ => {}
        }
    }
}

impl Machine for Hearer {
    type Command = ();
    type Event = Vec<u8>;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Vec<u8>>) {
        if let Input::Datagram { bytes, .. } = input {
            out.event(bytes.to_vec());
        }
    }
}

/// One who calls, and three who hear; a fourth is bound to another port.
fn broadcast() -> Scenario {
    let net = Net::new("broadcast");
    let caller = net.host("caller").udp(PORT).machine(|_| Caller);
    for name in ["a", "b", "c"] {
        net.host(name).udp(PORT).machine(|_| Hearer);
    }
    net.host("deaf").udp(PORT + 1).machine(|_| Hearer);
    net.command(Instant::from_millis(30), caller, ());
    net.into()
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn a_broadcast_is_the_same_in_both_worlds(
        plan in datagram_plan(&["a", "b", "c"].map(|name| Flow::new("caller", name)), 5, 8),
        seed in any::<u64>(),
        loss in 0_u32..50,
    ) {
        let jitter = Duration::from_millis(20);
        let profile = Profile { loss: Chance::percent(loss), jitter, ..Profile::default() };
        assert_parity(broadcast(), &plan, profile, seed);
    }
}

#[test]
fn one_datagram_is_heard_by_all_who_listen() {
    let plan = "caller>a #0 drop; caller>b #1 delay 40ms; caller>c #3 duplicate; caller>c #0 flip 0:0x20";
    let transcript = assert_parity(broadcast(), &plan.parse().unwrap(), Profile::default(), 7);
    let heard = |name: &str| -> Vec<String> {
        let marked =
            transcript.lines().filter(|line| line.contains(" event ") && line.contains(&format!(" {name} ")));
        marked.map(str::to_owned).collect()
    };
    assert_eq!(["a", "b", "c", "deaf"].map(|name| heard(name).len()), [3, 4, 5, 0], "{transcript}");
}

#[test]
fn partitions_skews_and_resets_are_the_same_in_both_worlds() {
    let options = Options { ids: true, ..Options::default() };
    for plan in [
        "at 50ms partition client|server; at 1s heal",
        "at 0ms partition server>client; at 700ms heal; client>server #2 duplicate",
        "at 150ms skew client +1s; client>server #0 drop",
        "link 20ms; client>server #1 delay 400ms; server>client #0 delay 1s",
    ] {
        assert_parity(udp_remote::net(&options), &plan.parse().unwrap(), Profile::default(), 1);
    }
    for plan in [
        "at 12ms partition client|server; at 3s heal",
        "at 1ms partition client|server; at 3s heal",
        "at 0ms partition client|server",
        "client>server @3 reset",
        "server>client @0 reset",
        "server>client @16 reset; client>server @16 stall 1s",
        "client>server @0 stall 6s",
        "at 1s skew client +10s; client>server @5 stall 2s",
        "link 1ms; client>server cut every 1 byte; server>client cut every 3 bytes",
    ] {
        assert_parity(tcp_sixteen::net(&options), &plan.parse().unwrap(), Profile::default(), 1);
    }
}

/// Panics when it is spoken to.
struct Touchy;

impl Machine for Touchy {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, _out: &mut Outbox<()>) {
        assert!(!matches!(input, Input::Command(())), "do not touch me");
    }
}

#[test]
fn a_panic_of_a_machine_is_not_lost_on_turmoil() {
    let touchy = || {
        let net = Net::new("touchy");
        let host = net.host("host").machine(|_| Touchy);
        (net, host)
    };
    let (net, _) = touchy();
    let calm = simulate(&net.into(), &Settings::default());
    assert!(calm.is_ok());

    let (net, host) = touchy();
    net.command(Instant::from_millis(3), host, ());
    let error = simulate(&net.into(), &Settings::default()).unwrap_err();
    assert!(matches!(&error, SimulateError::Drive(text) if text.contains("panicked")), "{error}");
}
