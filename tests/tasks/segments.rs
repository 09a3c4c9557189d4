//! Async code over TCP's segments: the same programs, with tokio's own timers and without.

use std::io;

use lossproof::check::{Draws, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{FaultKind, Profile, StreamKind};
use lossproof::net::{TcpListener, TcpStream};
use lossproof::{Ctx, Net, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::determinism::is_repeatable;
use crate::store;

/// More than a send buffer holds.
const LEN: usize = 100_000;

/// The byte at a place of what is sent.
const fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// Sends everything back, on one connection after the other.
async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let (mut from, mut to) = stream.split();
        // Whoever is cut off comes again, or not.
        if tokio::io::copy(&mut from, &mut to).await.is_ok() {
            let _ = to.shutdown().await;
        }
    }
}

/// Writes and reads at the same time; tells how many bytes came back, and how many of them were right.
async fn ask(ctx: Ctx<(usize, usize)>) -> io::Result<()> {
    let mut stream = TcpStream::connect("server:7").await?;
    let (mut from, mut to) = stream.split();
    let write = async {
        to.write_all(&(0..LEN).map(byte).collect::<Vec<_>>()).await?;
        to.shutdown().await
    };
    let mut came = Vec::new();
    let (written, read) = tokio::join!(write, from.read_to_end(&mut came));
    let right_len = came.iter().enumerate().filter(|(at, got)| **got == byte(*at)).count();
    ctx.event((came.len(), right_len));
    written.and(read.map(|_| ()))
}

fn echo(on_tokio: bool) -> Net {
    let net = Net::new("echo");
    net.streams(StreamKind::SEGMENTS);
    let (server, client) = (net.host("server").listen(7), net.host("client"));
    let client = if on_tokio {
        let _ = server.tokio(|_: Ctx| serve());
        client.tokio(ask)
    } else {
        let _ = server.task(|_: Ctx| serve());
        client.task(ask)
    };
    net.always("what comes back is what was sent", move |run| {
        run.events(client).iter().all(|(len, right_len)| len == right_len && *len <= LEN)
    });
    net.sometimes("all of it comes back", move |run| run.events(client).contains(&(LEN, LEN)));
    net
}

/// The store with its streams made of segments.
fn store_of_segments(on_tokio: bool) -> Net {
    let net = store::net(on_tokio, false);
    net.streams(StreamKind::SEGMENTS);
    net
}

/// Laws and properties hold, whatever befalls packets and hosts, and something does.
#[track_caller]
fn holds(net: Net, runs: u64) {
    let scenario = Scenario::from(net);
    let mut search = Search::new(&scenario, Prepared::default(), Profile::CALM, 0).with_draws(Draws::Swarm);
    let tally = search.runs(0..runs);
    assert!(tally.failure.is_none(), "{:?}", tally.failure);
    for kind in
        [FaultKind::Drop, FaultKind::Duplicate, FaultKind::Delay, FaultKind::Partition, FaultKind::Crash]
    {
        assert!(tally.fired[kind as usize] > 0, "no {kind:?}");
    }
    assert!(tally.sometimes.iter().all(|(_, runs)| *runs > 0), "{:?}", tally.sometimes);
}

/// With lossproof's timers the store breaks law 4 where a request comes at the moment at which its key expires: its twin may
/// look at the timer between two slices. With the model that takes some thousand runs, here a few. On tokio no twin runs.
#[test]
fn a_program_for_tokio_holds_over_segments() {
    holds(store_of_segments(true), 300);
}

#[test]
fn what_is_long_comes_back_whole() {
    for on_tokio in [false, true] {
        holds(echo(on_tokio), 150);
    }
}

#[test]
fn a_store_over_segments_is_repeatable() {
    is_repeatable(store_of_segments(false), 300);
}

#[test]
fn a_store_on_tokio_over_segments_is_repeatable() {
    is_repeatable(store_of_segments(true), 300);
}

#[test]
fn a_long_echo_over_segments_is_repeatable() {
    for on_tokio in [false, true] {
        is_repeatable(echo(on_tokio), 40);
    }
}
