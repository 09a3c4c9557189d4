//! Rates as they were recorded: what is delivered follows the trace to the millisecond.

use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Links, Profile, Trace};
use lossproof::{Instant, Net, Scenario};

use crate::parties::{PAYLOAD_LEN, heard, run, senders};

/// Opportunities of a made cellular link: a burst, a pause, one after another.
const CELL: &str = "3\n3\n4\n20\n21\n21\n22\n48\n50\n";
const LATENCY: u64 = 5;

fn opportunities() -> Vec<u64> {
    CELL.lines().map(|line| line.parse().unwrap()).collect()
}

/// A sender of so many packets of full length at such times.
fn sending(
    sends: &[u64],
) -> (
    Net,
    [lossproof::scenario::Host<crate::parties::Sender>; 1],
    lossproof::scenario::Host<crate::parties::Listener>,
) {
    let net = Net::new("cellular");
    let (hosts, server) = senders(&net, ["a"]);
    for millis in sends {
        net.command(Instant::from_millis(*millis), hosts[0], PAYLOAD_LEN as u64);
    }
    (net, hosts, server)
}

#[test]
fn a_backlogged_link_delivers_at_each_opportunity_of_every_round() {
    let trace = Trace::new("cell", CELL).unwrap();
    let (net, _, server) = sending(&[0; 40]);
    net.bottleneck(Bottleneck::new("cell", Bandwidth::trace(trace, 1_000_000)).towards(server));
    let scenario = Scenario::from(net);
    let moments: Vec<u64> = heard(&run(&scenario, ""), server).into_iter().map(|(at, ..)| at).collect();
    let rounds = (0..).flat_map(|round| opportunities().into_iter().map(move |at| 50 * round + at));
    assert_eq!(moments, rounds.take(40).map(|at| at + LATENCY).collect::<Vec<_>>());
}

/// Without a shared queue a link alone follows it, too.
#[test]
fn a_link_with_a_trace_is_the_same_for_one_flow() {
    let trace = Trace::new("cell", CELL).unwrap();
    let sends: Vec<u64> = (0..60).map(|n| (n * 7) % 130).collect();
    let (net, _, server) = sending(&sends);
    net.bottleneck(Bottleneck::new("cell", Bandwidth::trace(trace, 6_000)).towards(server));
    let scenario = Scenario::from(net);
    let at_bottleneck = heard(&run(&scenario, ""), server);

    let (net, [a], server) = sending(&sends);
    let cell = Profile { bandwidth: Some(Bandwidth::trace(trace, 6_000)), ..Profile::CALM };
    let scenario = Scenario::from(net);
    let settings = Settings { links: Links::default().direction(a, server, cell), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    assert!(at_bottleneck.len() > 20 && at_bottleneck.len() < 60, "{}", at_bottleneck.len());
    assert_eq!(heard(&engine, server), at_bottleneck);
    // What was drawn is a plan that needs no trace.
    let plan = engine.plan(&settings).to_string();
    assert!(plan.contains("delay") && plan.contains("drop"), "{plan}");
    assert_eq!(heard(&run(&scenario, &plan), server), at_bottleneck);
}

#[test]
fn what_an_idle_link_has_missed_is_lost() {
    let trace = Trace::new("each10", "10\n").unwrap();
    let (net, _, server) = sending(&[0, 100, 100, 100]);
    net.bottleneck(Bottleneck::new("cell", Bandwidth::trace(trace, 100_000)).towards(server));
    let scenario = Scenario::from(net);
    let moments: Vec<u64> = heard(&run(&scenario, ""), server).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(moments, [15, 115, 125, 135]);
}

#[test]
fn several_short_packets_fit_one_opportunity_and_a_long_one_takes_several() {
    let trace = Trace::new("each10", "10\n").unwrap();
    let (net, [a], server) = sending(&[]);
    for (millis, len) in [(0, 672), (0, 672), (0, 72), (1, 4_000), (10, 72)] {
        net.command(Instant::from_millis(millis), a, len);
    }
    net.bottleneck(Bottleneck::new("cell", Bandwidth::trace(trace, 100_000)).towards(server));
    let scenario = Scenario::from(net);
    let told: Vec<_> = heard(&run(&scenario, ""), server).into_iter().map(|(at, _, len)| (at, len)).collect();
    // 700, 700 and 100 bytes fill the first; 4,028 take the next three with what is left for 100 more.
    assert_eq!(told, [(15, 672), (15, 672), (15, 72), (45, 4_000), (45, 72)]);
}

#[test]
fn a_link_with_a_trace_is_written_as_it_is_read() {
    let text = "latency 20ms; trace @cell queue 65536; mtu 1500";
    let profile =
        Profile::read(text, &mut |path| Trace::new(path, CELL).map_err(|error| error.to_string())).unwrap();
    assert_eq!(profile.to_string(), text);
    let error =
        |text: &str| Profile::read(text, &mut |_| Err("it is gone".to_owned())).unwrap_err().to_string();
    assert_eq!(error("trace @x queue 1"), "cannot use 'trace @x queue 1': it is gone");
    assert_eq!(error("trace x queue 1"), "cannot use 'trace x queue 1': write 'trace @FILE queue BYTES'");
    assert_eq!(error("trace @x"), "cannot use 'trace @x': write 'trace @FILE queue BYTES'");
    let both = "rate 1 queue 1; trace @x queue 1";
    assert_eq!(error(both), "cannot use 'trace @x queue 1': a link has one rate");
    assert!(
        "trace @x queue 1".parse::<Profile>().unwrap_err().to_string().contains("for a command line alone")
    );
}
