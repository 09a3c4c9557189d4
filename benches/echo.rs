//! Frames that come back over TCP on the loopback, beside servers written for that alone. `README.md` explains each.

#[path = "echo/load.rs"]
mod load;
#[path = "echo/servers.rs"]
mod servers;
#[allow(dead_code, reason = "each bench uses a part of it")]
#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lossproof::drive::Endpoint;

use load::{Load, Many, PingPong, Pipelined, WINDOW};
use servers::{blocking, by_hand, framed_forward, framed_send, plain};
use support::descriptors::make_room_for;
use support::echo::Echo;
use support::server::{LOOPBACK, Server, Threads};

/// How many connections there are where there are many.
const CONNECTIONS: usize = 1_000;

fn lossproof() -> Server {
    Server::driven(Endpoint::Listener { bind: LOOPBACK.into() }, Echo::default)
}

/// One group: each server under the same load, which has so many messages in an iteration. The last is written by hand.
fn group<L: Load>(
    criterion: &mut Criterion,
    name: &str,
    messages: u64,
    load: impl Fn(&Server) -> L,
    (by_hand_name, by_hand): (&str, fn() -> Server),
) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(messages));
    let mut bench = |name: &str, server: Server| {
        let mut load = load(&server);
        group.bench_function(name, |bencher| bencher.iter_custom(|iterations| load.run(iterations)));
    };
    bench("lossproof", lossproof());
    for (threads, name) in Threads::BOTH {
        bench(&format!("framed_send_{name}"), framed_send(threads));
        bench(&format!("framed_forward_{name}"), framed_forward(threads));
        bench(&format!("plain_{name}"), plain(threads));
    }
    bench(by_hand_name, by_hand());
    group.finish();
}

fn one_connection(criterion: &mut Criterion) {
    let load = |server: &Server| PingPong::new(server.addr);
    group(criterion, "echo/ping_pong_1", PingPong::MESSAGES, load, ("blocking", blocking));
}

fn many_connections(criterion: &mut Criterion) {
    if !make_room_for(2 * CONNECTIONS) {
        eprintln!("echo/ping_pong_{CONNECTIONS} is left out: raise the limit on open files (ulimit -n)");
        return;
    }
    let load = |server: &Server| Many::new(server.addr, CONNECTIONS);
    let name = format!("echo/ping_pong_{CONNECTIONS}");
    group(criterion, &name, CONNECTIONS as u64, load, ("by_hand", by_hand));
}

fn pipelined(criterion: &mut Criterion) {
    let load = |server: &Server| Pipelined::new(server.addr);
    let name = format!("echo/pipelined_{WINDOW}");
    group(criterion, &name, Pipelined::MESSAGES, load, ("blocking", blocking));
}

criterion_group! {
    name = echo;
    config = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = one_connection, many_connections, pipelined
}
criterion_main!(echo);
