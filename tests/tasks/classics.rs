//! The classic bugs of asynchronous code: each is found, made small, and reported.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::tasks::Task;
use lossproof::tokio::net::{TcpListener, TcpStream, UdpSocket};
use lossproof::tokio::sync::{Mutex, mpsc};
use lossproof::tokio::{self, task, time};
use lossproof::{Check, Ctx, Host, Net};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::timeless::timeless;

/// Looks for the bug, and keeps the report of what is found.
fn finds(name: &str, net: Net) {
    let verdict = Check::new(net).named(name).verdict().unwrap();
    assert!(verdict.failure().is_some(), "{verdict}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/tasks");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, timeless(&verdict.to_string())));
}

/// A frame is a byte for its length, and that many bytes.
async fn write_frame(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![payload.len() as u8];
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let len = stream.read_u8().await?;
    let mut payload = vec![0; len.into()];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

/// A net of a server that says three words, a second apart, and a client that reads them in its own way.
fn words<F>(read: impl Fn(TcpStream, Ctx<Vec<u8>>) -> F + Copy + Send + Sync + 'static) -> Net
where
    F: Future<Output = io::Result<()>> + 'static,
{
    const WORDS: [&[u8]; 3] = [b"first", b"second", b"third"];
    let net = Net::new("words");
    let server = net.host("server").listen(7).task(|_: Ctx| async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            task::spawn(async move {
                for word in WORDS {
                    write_frame(&mut stream, word).await?;
                    time::sleep(Duration::from_secs(1)).await;
                }
                io::Result::Ok(())
            });
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    let client = net.host("client").task(move |ctx: Ctx<Vec<u8>>| async move {
        read(TcpStream::connect(ctx.address(server)).await?, ctx).await
    });
    net.always("what is read was said", move |run| {
        run.events(client).iter().all(|word| WORDS.contains(&word.as_slice()))
    });
    net
}

#[test]
fn select_drops_a_half_read_frame() {
    finds(
        "select_drops_a_half_read_frame",
        words(|mut stream, ctx| async move {
            let mut ticks = time::interval(Duration::from_millis(100));
            loop {
                tokio::select! {
                    biased;
                    frame = read_frame(&mut stream) => ctx.event(frame?),
                    _ = ticks.tick() => {}
                }
            }
        }),
    );
}

#[test]
fn a_timeout_forgets_what_was_read() {
    finds(
        "a_timeout_forgets_what_was_read",
        words(|mut stream, ctx| async move {
            for _ in 0..100 {
                // Each attempt begins with an empty buffer.
                if let Ok(frame) = time::timeout(Duration::from_millis(700), read_frame(&mut stream)).await {
                    ctx.event(frame?);
                }
            }
            Ok(())
        }),
    );
}

/// Two tasks share a socket and a lock. One asks and waits for its answer with the lock in its hand; the other one, which
/// would ask again, cannot.
#[test]
fn a_lock_is_held_over_an_await() {
    let net = Net::new("lock");
    let server = echo(&net);
    let client = net.host("client").task(move |ctx: Ctx<&'static str>| async move {
        let socket = Arc::new(Mutex::new(UdpSocket::bind("0.0.0.0:0").await?));
        socket.lock().await.connect(ctx.address(server)).await?;
        let again = Arc::clone(&socket);
        let asking = task::spawn(async move {
            for _ in 0..10 {
                time::sleep(Duration::from_millis(100)).await;
                again.lock().await.send(b"again").await?;
            }
            io::Result::Ok(())
        });
        let mut reply = [0; 16];
        let socket = socket.lock().await;
        socket.send(b"first").await?;
        socket.recv(&mut reply).await?;
        asking.abort();
        ctx.event("answered");
        io::Result::Ok(())
    });
    net.eventually_within("the client is answered", Duration::from_secs(10), move |run| {
        !run.events(client).is_empty()
    });
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff]);
    finds("a_lock_is_held_over_an_await", net);
}

/// Answers every datagram with itself.
fn echo(net: &Net) -> Host<Task> {
    net.host("server").udp(7).task(|_: Ctx| async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let mut buffer = [0; 1500];
        loop {
            let (len, peer) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..len], peer).await?;
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    })
}

/// A relay takes datagrams as fast as they come, and hands them on as fast as somebody reads.
#[test]
fn an_unbounded_channel_under_a_slow_reader() {
    let net = Net::new("relay");
    let sink = net.host("sink").listen(7).task(|_: Ctx| async {
        let (mut stream, _) = TcpListener::bind("0.0.0.0:7").await?.accept().await?;
        let mut buffer = [0; 1024];
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    });
    let relay = net.host("relay").udp(8).task(move |ctx: Ctx<usize>| async move {
        let (socket, mut out) =
            (UdpSocket::bind("0.0.0.0:8").await?, TcpStream::connect(ctx.address(sink)).await?);
        let (sender, mut receiver) = mpsc::unbounded_channel::<Vec<u8>>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waiting);
        task::spawn(async move {
            while let Some(chunk) = receiver.recv().await {
                taken.fetch_sub(1, Ordering::Relaxed);
                out.write_all(&chunk).await?;
            }
            io::Result::Ok(())
        });
        let mut buffer = [0; 2048];
        loop {
            let len = socket.recv(&mut buffer).await?;
            if sender.send(buffer[..len].to_vec()).is_err() {
                return io::Result::Ok(());
            }
            ctx.event(waiting.fetch_add(1, Ordering::Relaxed));
        }
    });
    net.host("source").task(move |ctx: Ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        for _ in 0..300 {
            socket.send_to(&[7; 1400], ctx.address(relay)).await?;
            time::sleep(Duration::from_millis(1)).await;
        }
        io::Result::Ok(())
    });
    net.never("twenty datagrams wait", move |run| run.new_events(relay).iter().any(|waiting| *waiting >= 20));
    finds("an_unbounded_channel_under_a_slow_reader", net);
}

/// Each attempt has a task that asks again and again. Only that of the last attempt is stopped.
#[test]
fn a_retry_loop_is_not_cancelled() {
    let net = Net::new("retry");
    let server = echo(&net);
    let client = net.host("client").task(move |ctx: Ctx<&'static str>| async move {
        let socket = Arc::new(UdpSocket::bind("0.0.0.0:0").await?);
        socket.connect(ctx.address(server)).await?;
        for _ in 0..10 {
            let asking = Arc::clone(&socket);
            let retry = task::spawn(async move {
                while asking.send(b"hello").await.is_ok() {
                    time::sleep(Duration::from_secs(1)).await;
                }
            });
            let mut reply = [0; 16];
            if let Ok(Ok(_)) = time::timeout(Duration::from_millis(200), socket.recv(&mut reply)).await {
                retry.abort();
                ctx.event("answered");
                time::sleep(Duration::from_secs(10)).await;
                return io::Result::Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    });
    net.fold("nothing is asked after the answer", || false)
        .on(client, |is_answered, _, _| {
            *is_answered = true;
            true
        })
        .on_send(client, |is_answered, _, _| !*is_answered);
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff]);
    finds("a_retry_loop_is_not_cancelled", net);
}

/// A server has a task for each request. A request that comes twice is one that its author has not thought of.
#[test]
fn a_panic_that_nobody_sees() {
    let net = Net::new("orders");
    let server = net.host("server").udp(7).task(|_: Ctx| async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let known = Arc::new(Mutex::new(Vec::new()));
        let mut buffer = [0; 16];
        loop {
            let (len, _) = socket.recv_from(&mut buffer).await?;
            let (order, known) = (buffer[..len].to_vec(), Arc::clone(&known));
            task::spawn(async move {
                let mut known = known.lock().await;
                assert!(!known.contains(&order), "an order has one number");
                known.push(order);
            });
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    net.host("client").task(move |ctx: Ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        for order in 0..10 {
            socket.send_to(&[order], ctx.address(server)).await?;
            time::sleep(Duration::from_millis(10)).await;
        }
        io::Result::Ok(())
    });
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff]);
    finds("a_panic_that_nobody_sees", net);
}

/// Two tasks ask over one socket. Each takes the first reply that comes for its own.
#[test]
fn two_tasks_race_for_one_reply() {
    let net = Net::new("race");
    let server = echo(&net);
    let client = net.host("client").task(move |ctx: Ctx<(u8, u8)>| async move {
        let socket = Arc::new(UdpSocket::bind("0.0.0.0:0").await?);
        socket.connect(ctx.address(server)).await?;
        let ask = |number: u8| {
            let socket = Arc::clone(&socket);
            task::spawn(async move {
                socket.send(&[number]).await?;
                let mut reply = [0];
                socket.recv(&mut reply).await?;
                ctx.event((number, reply[0]));
                io::Result::Ok(())
            })
        };
        let (one, other) = (ask(1), ask(2));
        let _ = tokio::join!(one, other);
        io::Result::Ok(())
    });
    net.never("a task has the reply of another", move |run| {
        run.events(client).iter().any(|(own, reply)| own != reply)
    });
    finds("two_tasks_race_for_one_reply", net);
}
