//! What goes out of a machine, put and drained, beside queues written by hand. `README.md` explains each.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lossproof::Peer;
use lossproof::machine::{Conn, Effect, Outlet, limits};

/// How many messages pass before a drain: a driver drains after each input, and one may lead to many.
const MESSAGES: usize = 64;
/// To how many streams one message goes.
const STREAMS: usize = 100;
const PAYLOAD: &[u8; 64] = b"sixty-four bytes that a machine sends whenever it is asked to do";

fn peer() -> Peer {
    "127.0.0.1:1060".parse().expect("it is an address")
}

/// Looks at what is to be done, as whoever drives does.
fn take(effect: &Effect<'_, ()>) -> usize {
    match black_box(effect) {
        Effect::Send { bytes, .. } | Effect::Write { bytes, .. } => black_box(bytes).len(),
        _ => 0,
    }
}

/// Datagrams, each of its own bytes.
fn datagrams(criterion: &mut Criterion) {
    let peer = peer();
    let mut group = criterion.benchmark_group("outbox/datagrams");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let mut out = Outlet::<()>::new();
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            for _ in 0..MESSAGES {
                out.outbox().send(black_box(peer), black_box(PAYLOAD));
            }
            let mut sent_len = 0;
            out.drain(|effect| sent_len += take(&effect));
            assert_eq!(sent_len, MESSAGES * PAYLOAD.len());
        });
    });
    let mut queue: Vec<(Peer, Vec<u8>)> = Vec::new();
    group.bench_function("queue_of_vectors", |bencher| {
        bencher.iter(|| {
            for _ in 0..MESSAGES {
                queue.push((black_box(peer), black_box(PAYLOAD).to_vec()));
            }
            let sent_len: usize = queue.drain(..).map(|message| black_box(message).1.len()).sum();
            assert_eq!(sent_len, MESSAGES * PAYLOAD.len());
        });
    });
    let (mut queue, mut arena): (Vec<(Peer, Range<usize>)>, Vec<u8>) = (Vec::new(), Vec::new());
    group.bench_function("queue_and_arena", |bencher| {
        bencher.iter(|| {
            for _ in 0..MESSAGES {
                let begin = arena.len();
                arena.extend_from_slice(black_box(PAYLOAD));
                queue.push((black_box(peer), begin..arena.len()));
            }
            let sent = queue.drain(..).map(|(peer, range)| black_box((peer, &arena[range])).1.len());
            assert_eq!(sent.sum::<usize>(), MESSAGES * PAYLOAD.len());
            arena.clear();
        });
    });
    group.finish();
}

/// Text that is made for each message.
fn formatted(criterion: &mut Criterion) {
    let peer = peer();
    let mut group = criterion.benchmark_group("outbox/formatted_datagrams");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let mut out = Outlet::<()>::new();
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            for len in 0..MESSAGES {
                out.outbox().send_fmt(peer, format_args!("Your data was {} bytes long", black_box(len)));
            }
            let mut sent = 0;
            out.drain(|effect| sent += usize::from(take(&effect) > 0));
            assert_eq!(sent, MESSAGES);
        });
    });
    let mut queue: Vec<(Peer, String)> = Vec::new();
    group.bench_function("queue_of_strings", |bencher| {
        bencher.iter(|| {
            for len in 0..MESSAGES {
                queue.push((peer, format!("Your data was {} bytes long", black_box(len))));
            }
            assert_eq!(queue.drain(..).map(black_box).count(), MESSAGES);
        });
    });
    group.finish();
}

/// One message to many streams, put once.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outbox/one_message_to_100_streams");
    group.throughput(Throughput::Elements(STREAMS as u64));
    let mut out = Outlet::<()>::new();
    let conns: Vec<Conn> = (0..STREAMS).map(|_| out.accept(limits::SEND_BUFFER_LEN as u32)).collect();
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            let chunk = out.outbox().put(black_box(PAYLOAD));
            for conn in &conns {
                assert_eq!(out.outbox().write_chunk(*conn, chunk), PAYLOAD.len());
            }
            let mut written_len = 0;
            out.drain(|effect| written_len += take(&effect));
            assert_eq!(written_len, STREAMS * PAYLOAD.len());
            // The kernel has taken all of it.
            for conn in &conns {
                out.credit(*conn, PAYLOAD.len() as u32);
            }
        });
    });
    let mut queue: Vec<(Conn, Vec<u8>)> = Vec::new();
    group.bench_function("queue_of_vectors", |bencher| {
        bencher.iter(|| {
            for conn in &conns {
                queue.push((*conn, black_box(PAYLOAD).to_vec()));
            }
            let written_len: usize = queue.drain(..).map(|message| black_box(message).1.len()).sum();
            assert_eq!(written_len, STREAMS * PAYLOAD.len());
        });
    });
    let mut queue: Vec<(Conn, Arc<[u8]>)> = Vec::new();
    group.bench_function("queue_of_shared_slices", |bencher| {
        bencher.iter(|| {
            let message: Arc<[u8]> = black_box(PAYLOAD).as_slice().into();
            for conn in &conns {
                queue.push((*conn, Arc::clone(&message)));
            }
            let written_len: usize = queue.drain(..).map(|message| black_box(message).1.len()).sum();
            assert_eq!(written_len, STREAMS * PAYLOAD.len());
        });
    });
    group.finish();
}

criterion_group! {
    name = outbox;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = datagrams, formatted, fan_out
}
criterion_main!(outbox);
