//! Request and reply with five drops, as asynchronous code: on lossproof's hosts, on turmoil's and on turmoil-net's, and
//! beside them the same protocol as a machine. `README.md` explains each.

#![allow(clippy::duplicate_mod, reason = "the same program is compiled for four worlds")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lossproof::engine::{Ended, Engine, Keep, Prepared, Settings};
use lossproof::systems::{Options, udp_remote};
use lossproof::{Ctx, Instant, Net, Scenario};

#[path = "tasks/in_turmoil.rs"]
#[allow(unreachable_pub, reason = "the program is one of its own")]
mod in_turmoil;
#[path = "tasks/in_turmoil_net.rs"]
#[allow(unreachable_pub, reason = "the program is one of its own")]
mod in_turmoil_net;
#[path = "../tests/tasks/worlds/mixed.rs"]
#[allow(dead_code, unreachable_pub, clippy::disallowed_methods, reason = "tests use the rest")]
mod mixed;
#[path = "../tests/tasks/worlds/own.rs"]
#[allow(dead_code, unreachable_pub, clippy::disallowed_methods, reason = "tests use the rest")]
mod own;

const LATENCY: Duration = Duration::from_millis(5);
const ATTEMPTS: u32 = 5;
const GIVEN_UP: Instant = Instant::from_millis(3_100);
const LOST: &str = "client>server #0 drop; client>server #1 drop; client>server #2 drop; \
                    client>server #3 drop; client>server #4 drop";

fn net(on_tokio: bool) -> Net {
    let net = Net::new("counter");
    let place = net.host("server").udp(1060);
    let _ = if on_tokio {
        place.tokio(|_: Ctx| mixed::ask::serve("0.0.0.0:1060", |_| {}))
    } else {
        place.task(|_: Ctx| own::ask::serve("0.0.0.0:1060", |_| {}))
    };
    let place = net.host("client");
    let _ = if on_tokio {
        place.tokio(|_: Ctx| mixed::ask::ask("server:1060", ATTEMPTS))
    } else {
        place.task(|_: Ctx| own::ask::ask("server:1060", ATTEMPTS))
    };
    net
}

fn by_turmoil() {
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .rng_seed(7)
        .epoch(std::time::UNIX_EPOCH)
        .build();
    sim.host("server", move || async move { Ok(in_turmoil::ask::serve((any, 1060), |_| {}).await?) });
    sim.client("client", async move {
        let lost = in_turmoil::ask::ask((turmoil::lookup("server"), 1060), ATTEMPTS).await;
        assert!(lost.is_err(), "every attempt is lost");
        Ok(())
    });
    sim.partition("client", "server");
    sim.run().expect("the simulation ends well");
}

fn by_turmoil_net() {
    let lost = turmoil_net::fixture::ClientServer::new()
        .server("server", async {
            let served = in_turmoil_net::ask::serve("0.0.0.0:1060", |_| {}).await;
            served.expect("it serves until the end");
        })
        .run("client", async {
            turmoil_net::rule(|_: &_| turmoil_net::Verdict::Drop).forget();
            in_turmoil_net::ask::ask("server:1060", ATTEMPTS).await
        });
    assert!(lost.is_err(), "every attempt is lost");
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tasks_five_drops");
    group.throughput(Throughput::Elements(1));
    let laws = Settings::default().laws;
    let rows = [
        ("machine", udp_remote::net(&Options::default()), None),
        ("machine_laws", udp_remote::net(&Options::default()), laws),
        ("task", net(false), None),
        ("task_laws", net(false), laws),
        ("tokio", net(true), None),
        ("tokio_laws", net(true), laws),
    ];
    for (name, net, laws) in rows {
        let scenario = Scenario::from(net);
        let plan = Prepared::new(&LOST.parse().expect("the plan can be read"), &scenario);
        let plan = plan.expect("the plan names hosts of the scenario");
        let settings = Settings { plan, laws, keep: Keep::Outcome, properties: false, ..Settings::default() };
        let mut engine = Engine::new(&scenario);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let outcome = engine.run(&settings);
                assert_eq!((outcome.ended, outcome.at), (Ended::Quiet, GIVEN_UP));
            });
        });
    }
    group.sample_size(10);
    group.bench_function("turmoil", |bencher| bencher.iter(by_turmoil));
    group.bench_function("turmoil_net", |bencher| bencher.iter(by_turmoil_net));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
