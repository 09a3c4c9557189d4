//! Request and reply over datagrams, with `timeout`.

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::{Check, Ctx, Net, Scenario};

use crate::found;
use crate::worlds::{mixed, own, real};

/// A server and a client, with tokio's own timers or without. `counts_once` says that no request is counted twice, which
/// is not so.
pub(crate) fn net(on_tokio: bool, counts_once: bool) -> Net {
    let net = Net::new("counter");
    let place = net.host("server").udp(1060);
    let server = if on_tokio {
        place.tokio(|ctx: Ctx<u32>| mixed::ask::serve("0.0.0.0:1060", move |count| ctx.event(count)))
    } else {
        place.task(|ctx: Ctx<u32>| own::ask::serve("0.0.0.0:1060", move |count| ctx.event(count)))
    };
    let place = net.host("client");
    let told =
        |ctx: Ctx<u32>, result: Result<u32, _>| result.map(|number| ctx.event(number)).map_err(Box::new);
    let client = if on_tokio {
        place.tokio(move |ctx: Ctx<u32>| async move { told(ctx, mixed::ask::ask("server:1060", 5).await) })
    } else {
        place.task(move |ctx: Ctx<u32>| async move { told(ctx, own::ask::ask("server:1060", 5).await) })
    };
    net.never("a reply is of no request", move |run| {
        run.events(client).iter().any(|number| *number > run.events(server).len() as u32)
    });
    if counts_once {
        net.never("a request is counted twice", move |run| run.events(server).contains(&2));
    }
    net.sometimes("the client gives up", move |run| {
        run.state(client).is_some_and(|client| client.error().is_some_and(|error| error.contains("TimedOut")))
    });
    net
}

/// The moments are exactly those of a machine written by hand.
#[test]
fn timeouts_come_when_they_are_due() {
    for on_tokio in [false, true] {
        let scenario = Scenario::from(net(on_tokio, false));
        let ended_at = (0..=5).map(|drops| {
            let plan: Vec<String> = (0..drops).map(|n| format!("server>client #{n} drop")).collect();
            let plan = Prepared::new(&plan.join("; ").parse().unwrap(), &scenario).unwrap();
            let outcome = Engine::new(&scenario).run(&Settings { plan, ..Settings::default() });
            outcome.at.as_nanos() / 1_000_000
        });
        assert_eq!(ended_at.collect::<Vec<_>>(), [10, 110, 310, 710, 1510, 3100]);
    }
}

#[test]
fn what_holds_holds_under_all_faults() {
    for on_tokio in [false, true] {
        let verdict = Check::new(net(on_tokio, false)).runs(2_000).verdict().unwrap();
        assert!(verdict.failure().is_none(), "{verdict}");
    }
}

/// One reply that is lost or late is enough to count a request twice.
#[test]
fn a_request_that_is_counted_twice_is_found_made_small_and_repeated() {
    for on_tokio in [false, true] {
        let found = found(net(on_tokio, true));
        assert_eq!(found.broken, "a request is counted twice");
        assert_eq!(found.plan.faults().len(), 1, "{}", found.plan);
        let again = Check::new(net(on_tokio, true)).plan(found.plan.clone()).verdict().unwrap();
        assert_eq!(again.failure().map(|failure| &*failure.broken), Some("a request is counted twice"));
    }
}

#[tokio::test]
async fn the_same_program_runs_on_real_sockets() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = tokio::spawn(real::ask::serve(free, |_| {}));
    assert_eq!(real::ask::ask(free, 5).await.unwrap(), 1);
    server.abort();
}
