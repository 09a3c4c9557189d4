//! Requests and replies over UDP on the loopback, beside loops written for them alone. `README.md` explains each.

#[cfg(target_os = "linux")]
#[path = "udp/exchange.rs"]
mod exchange;
#[cfg(target_os = "linux")]
#[path = "udp/load.rs"]
mod load;
#[cfg(target_os = "linux")]
#[path = "udp/servers.rs"]
mod servers;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "each bench uses a part of it")]
#[path = "support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod bench {
    use std::io::Write as _;
    use std::time::Duration;

    use criterion::{Criterion, SamplingMode, Throughput};
    use lossproof::drive::Endpoint;
    use lossproof::systems::udp_local;
    use lossproof::systems::udp_remote;
    use lossproof::wire::request_id;
    use lossproof::{Chance, Machine};

    use super::exchange::{Exchange, LOCAL, local_reply};
    use super::load::{Load, WINDOW};
    use super::servers::{batched, blocking, plain};
    use super::support::server::{LOOPBACK, Server, Threads};

    /// What udp-remote's client says where requests have ids.
    const REMOTE: Exchange = Exchange {
        request: b"0000002a This is another message",
        reply: b"0000002a Your data was 23 bytes long",
    };

    /// What udp-remote answers to a request with an id.
    fn remote_reply(request: &[u8], reply: &mut Vec<u8>) {
        if let Ok((id, text)) = request_id::decode(request) {
            write!(reply, "{id} Your data was {} bytes long", text.len()).expect("a vector takes all");
        }
    }

    fn system<M, R>(
        criterion: &mut Criterion,
        name: &str,
        exchange: &Exchange,
        machine: impl Fn() -> M + Copy + Send + 'static,
        reply: R,
    ) where
        M: Machine,
        R: Fn(&[u8], &mut Vec<u8>) + Copy + Send + 'static,
    {
        let endpoint = Endpoint::Datagram { bind: LOOPBACK.into(), connect: None, broadcast: false };
        // How many are outstanding, and how many requests one iteration has.
        for (window, requests) in [(WINDOW, 32 * WINDOW as u64), (1, 256)] {
            let mut group = criterion.benchmark_group(format!("{name}/{window}_outstanding"));
            group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(requests));
            let mut bench = |name: &str, server: Server| {
                let mut load = Load::new(server.addr, window, exchange.request, exchange.reply);
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|iterations| load.run(iterations * requests));
                });
            };
            bench("lossproof", Server::driven(endpoint, machine));
            for (threads, name) in Threads::BOTH {
                bench(&format!("tokio_{name}"), plain(threads, reply));
            }
            bench("blocking", blocking(reply));
            bench("batched", batched(reply));
            group.finish();
        }
    }

    pub(crate) fn run() {
        let mut criterion = Criterion::default()
            .sample_size(15)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2))
            .configure_from_args();
        system(&mut criterion, "udp_local", &LOCAL, || udp_local::Server, local_reply);
        let machine = || udp_remote::Server::new(Chance::NEVER, true, 7);
        system(&mut criterion, "udp_remote_ids", &REMOTE, machine, remote_reply);
        criterion.final_summary();
    }
}

#[cfg(target_os = "linux")]
fn main() {
    bench::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("recvmmsg(2) and sendmmsg(2) are Linux's: nothing is measured here");
}
