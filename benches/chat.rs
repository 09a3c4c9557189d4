//! What one member of tcp-chat says goes to all, over sockets, beside servers written for that alone. `README.md`
//! explains each.

#[path = "chat/load.rs"]
mod load;
#[path = "chat/servers.rs"]
mod servers;
#[allow(dead_code, reason = "each bench uses a part of it")]
#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lossproof::drive::Endpoint;
use lossproof::systems::tcp_chat::{self, MAX_MEMBERS};

use load::Load;
use servers::{Writes, broadcast, by_hand, gathering};
use support::descriptors::make_room_for;
use support::server::{LOOPBACK, Server, Threads};

/// How many deliveries an iteration has, more or less.
const DELIVERIES: u64 = 4_096;

/// One group: so many members, some of which speak, each with so many lines on their way at most.
fn group(criterion: &mut Criterion, name: &str, [speakers, members]: [usize; 2], window: u64) {
    if !make_room_for(2 * members) {
        eprintln!("{name} is left out: raise the limit on open files (ulimit -n)");
        return;
    }
    let rounds = (DELIVERIES / (speakers * members) as u64).max(16);
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(rounds * (speakers * members) as u64));
    let mut bench = |name: &str, server: Server| {
        let mut load = Load::new(server.addr, [speakers, members], window);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| load.run(iterations * rounds));
        });
    };
    if members <= MAX_MEMBERS {
        let endpoint = Endpoint::Listener { bind: LOOPBACK.into() };
        bench("lossproof", Server::driven(endpoint, || tcp_chat::Server::new(tcp_chat::PATIENCE)));
    } else {
        eprintln!("{name}/lossproof is left out: the server takes {MAX_MEMBERS} members and no more");
    }
    for (threads, name) in Threads::BOTH {
        bench(&format!("broadcast_{name}"), broadcast(threads, Writes::AtOnce));
        bench(&format!("gathering_{name}"), gathering(threads));
        // With one line on its way at a time this would measure how long the kernel delays an acknowledgement.
        if window > 1 {
            bench(&format!("broadcast_nagle_{name}"), broadcast(threads, Writes::Delayed));
        }
    }
    bench("by_hand", by_hand());
    group.finish();
}

fn one_speaks(criterion: &mut Criterion) {
    for window in [1, 32] {
        for listeners in [10, 100, 1_000] {
            let name = format!("chat/1_speaker_{listeners}_listeners_{window}_lines");
            group(criterion, &name, [1, listeners + 1], window);
        }
    }
}

fn all_speak(criterion: &mut Criterion) {
    group(criterion, "chat/32_speakers_4_lines", [32, 32], 4);
}

criterion_group! {
    name = chat;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500));
    targets = one_speaks, all_speak
}
criterion_main!(chat);
