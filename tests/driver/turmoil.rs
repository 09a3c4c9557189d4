//! Whole scenarios on turmoil: as in the event engine, or refused by name.

use std::time::Duration;

use lossproof::drive::simulate;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::{Input, Net, Outbox, Peer, Scenario, Status};

use crate::support::Puppet;

/// Runs both worlds with the same plan, and holds that the transcripts are the same.
fn assert_same(net: Net, plan: &str) -> String {
    let scenario = Scenario::from(net);
    let plan: FaultPlan = plan.parse().unwrap();
    let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&settings);
    let simulated = simulate(&scenario, &settings).unwrap();
    let text = simulated.transcript().to_string();
    assert_eq!(text, engine.transcript().to_string());
    assert_eq!(simulated.outcome, outcome);
    assert_eq!(simulated.statuses, engine.statuses());
    text
}

/// A server with two datagram sockets and a listener; a client that asks all three, and is stopped.
fn several(v6: bool) -> Net {
    let net = Net::new("several");
    let place = net.host("server");
    let place = if v6 { place.udp6(7).udp6(8).listen6(9) } else { place.udp(7).udp(8).listen(9) };
    let server = place.machine(|_| {
        Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<String>| match input {
            Input::Datagram { local, bytes, .. } => {
                out.event(format!("to {:?}: {}", local.port(), bytes.escape_ascii()));
                out.reply_fmt(format_args!("by {:?}", local.port()));
            }
            Input::Received { conn, bytes } => {
                let _ = out.write(conn, bytes);
            }
            Input::Eof { conn } => out.close(conn),
            Input::Stop => {
                out.event("stopped".to_owned());
                out.done(Status::Success);
            }
            _ => {}
        })
    });
    let place = net.host("client");
    let place = if v6 { place.udp6(0).udp6(0) } else { place.udp(0).udp(0) };
    place.machine(move |boot| {
        let to = boot.peer(server);
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<Option<u16>>| match input {
            Input::Start { .. } => {
                let second = out.sockets()[1];
                out.send(to, b"first");
                out.send_from(second, to.with_port(8), b"second");
                if !v6 {
                    let conn = out.connect(to.with_port(9));
                    out.shutdown(conn);
                    let _ = out.connect(to.with_port(9));
                }
            }
            Input::Connected { conn, .. } if conn.index() == 1 => {
                let _ = out.write(conn, b"by a stream");
                out.shutdown(conn);
            }
            Input::Received { bytes, .. } => bytes.iter().for_each(|&byte| out.event(Some(byte.into()))),
            Input::Datagram { local, peer, .. } => {
                out.event(peer.port());
                out.event(local.port());
            }
            _ => {}
        })
    });
    net
}

#[test]
fn several_sockets_of_one_host_are_the_same_in_both_worlds() {
    for v6 in [false, true] {
        let text = assert_same(several(v6), "at 2s stop server");
        assert!(text.contains("by Some(8)") && text.contains("stopped"), "{text}");
        assert_eq!(text.contains("event Some(109)"), !v6, "{text}");
    }
}

#[test]
fn a_datagram_that_nobody_takes_holds_nothing_up() {
    let net = Net::new("nobody");
    let server =
        net.host("server").udp(7).machine(|_| Puppet::new(|_: Input<'_, ()>, _: &mut Outbox<()>| {}));
    net.host("client").udp(0).machine(move |boot| {
        let to = boot.peer(server);
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<()>| {
            if let Input::Start { .. } = input {
                out.send(to.with_port(8), b"anybody?");
                out.send(to, b"somebody");
            }
        })
    });
    net.max_time(Duration::from_secs(2));
    let text = assert_same(net, "");
    assert!(text.contains("recv"), "{text}");
}

/// What the laws forbid is found there, too.
#[test]
fn a_broken_law_ends_the_run() {
    use lossproof::engine::Ended;
    use lossproof::machine::Law;
    let net = Net::new("lawless");
    net.host("one").udp(7).machine(|_| {
        Puppet::new(|_: Input<'_, ()>, out: &mut Outbox<()>| {
            out.done(Status::Success);
            out.event(());
        })
    });
    let simulated = simulate(&Scenario::from(net), &Settings::default()).unwrap();
    assert_eq!(simulated.outcome.ended, Ended::Broken(Law::SilentAfterTheEnd));
}

#[test]
fn what_turmoil_cannot_do_is_refused_by_name() {
    let silent = |_: lossproof::Boot<'_>| Puppet::new(|_: Input<'_, ()>, _: &mut Outbox<()>| {});
    let refused = |build: &dyn Fn(&Net)| {
        let net = Net::new("refused");
        build(&net);
        simulate(&Scenario::from(net), &Settings::default()).unwrap_err().to_string()
    };
    let peer = |text: &str| -> Peer { text.parse().unwrap() };
    assert_eq!(
        refused(&|net| _ = net.host("a").udp_at(peer("unix:/a")).machine(silent)),
        "turmoil has no unix sockets, and a has one; use the event engine"
    );
    assert_eq!(
        refused(&|net| _ = net.host("a").udp(1).listen_at(peer("10.0.0.1:7")).machine(silent)),
        "turmoil gives a one address, and 10.0.0.1:7 is another; use the event engine"
    );
    assert_eq!(
        refused(&|net| {
            net.host("a").udp(1).machine(silent);
            net.host("b").udp6(1).machine(silent);
        }),
        "on turmoil all sockets are of one family, IPv4 or IPv6; use the event engine"
    );
}
