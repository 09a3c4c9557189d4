//! Connections that are opened, used once and closed, as tcp-sixteen does, beside servers with a task for each.
//! `README.md` explains each.

#[path = "connects/load.rs"]
mod load;
#[path = "connects/servers.rs"]
mod servers;
#[allow(dead_code, reason = "each bench uses a part of it")]
#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lossproof::drive::Endpoint;
use lossproof::systems::tcp_sixteen;

use load::{one_at_a_time, overlapping};
use servers::{Ending, by_hand, tasks};
use support::server::{LOOPBACK, Server, Threads};

/// Opens so many connections to a server, and says how long that took.
type Load = fn(SocketAddr, u64) -> Duration;

/// How many connections one iteration opens.
const CONNECTS: u64 = 256;
/// How many are open at once where they overlap.
const IN_FLIGHT: usize = 64;

fn bench(criterion: &mut Criterion) {
    let loads: [(String, Load); 2] = [
        ("connects/1_in_flight".to_owned(), one_at_a_time),
        (format!("connects/{IN_FLIGHT}_in_flight"), |server, count| overlapping(server, count, IN_FLIGHT)),
    ];
    for (name, load) in loads {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(CONNECTS));
        let mut bench = |name: &str, server: Server| {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|iterations| load(server.addr, iterations * CONNECTS));
            });
        };
        let endpoint = Endpoint::Listener { bind: LOOPBACK.into() };
        bench("lossproof", Server::driven(endpoint, tcp_sixteen::Server::default));
        for (threads, name) in Threads::BOTH {
            bench(&format!("tasks_{name}"), tasks(threads, Ending::AtOnce));
            bench(&format!("tasks_to_the_end_{name}"), tasks(threads, Ending::AfterThePeers));
        }
        bench("by_hand", by_hand());
        group.finish();
    }
}

criterion_group! {
    name = connects;
    config = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(2_500));
    targets = bench
}
criterion_main!(connects);
