//! Two thousand clients at once, of datagrams and of streams, and one of each that never reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::proxied::Running;

const CLIENTS: usize = 2_000;
/// What one round trip is to take at most, with all of them at once on a machine that has other work, too.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much memory the proxy is to take at most.
const MAX_LEN: u64 = 160 << 20;

/// Answers datagrams; to `flood` with very many.
async fn answer_datagrams(server: UdpSocket) {
    let mut bytes = [0; 2048];
    while let Ok((len, peer)) = server.recv_from(&mut bytes).await {
        let times = if &bytes[..len] == b"flood" { 20_000 } else { 1 };
        for _ in 0..times {
            let _ = server.send_to(&bytes[..len], peer).await;
        }
    }
}

/// Answers streams; to `flood` without an end.
async fn answer_streams(server: TcpListener, flooded_len: Arc<AtomicU64>) {
    while let Ok((mut stream, _)) = server.accept().await {
        let flooded_len = Arc::clone(&flooded_len);
        tokio::spawn(async move {
            let mut bytes = [0; 5];
            if stream.read_exact(&mut bytes).await.is_err() {
                return;
            }
            if &bytes == b"flood" {
                let flood = vec![7; 65_536];
                while let Ok(len) = stream.write(&flood).await {
                    flooded_len.fetch_add(len as u64, Ordering::Relaxed);
                }
            }
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read(&mut bytes).await;
        });
    }
}

#[cfg(target_os = "linux")]
fn memory_len(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_waits_for_one_that_never_reads() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 3 * CLIENTS as u64 {
        eprintln!("only {hard} files may be open here: left out");
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for more in [&[][..], &["--faults", "link 5ms; client-7>server #0 drop"]] {
        runtime.block_on(all_at_once(more));
    }
}

#[cfg(target_os = "linux")]
async fn all_at_once(more: &[&str]) {
    let datagrams = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let streams = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addrs = [datagrams.local_addr().unwrap().to_string(), streams.local_addr().unwrap().to_string()];
    let pairs = ["udp", "127.0.0.1:0", &addrs[0], "tcp", "127.0.0.1:0", &addrs[1]];
    let running = Running::start(&[&pairs[..], more].concat(), 2);
    let flooded_len = Arc::new(AtomicU64::new(0));
    let servers = [
        tokio::spawn(answer_datagrams(datagrams)),
        tokio::spawn(answer_streams(streams, Arc::clone(&flooded_len))),
    ];
    // The ones that never read.
    let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    deaf.connect(running.locals[0]).await.unwrap();
    deaf.send(b"flood").await.unwrap();
    let mut deaf_stream = TcpStream::connect(running.locals[1]).await.unwrap();
    deaf_stream.write_all(b"flood").await.unwrap();
    let (udp, tcp) = (running.locals[0], running.locals[1]);
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(async move {
            let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            client.connect(udp).await.unwrap();
            let text = format!("{n:05}");
            let mut bytes = [0; 16];
            // What finds a buffer full is lost, as datagrams are.
            loop {
                client.send(text.as_bytes()).await.unwrap();
                if let Ok(came) = timeout(Duration::from_secs(1), client.recv(&mut bytes)).await {
                    assert_eq!(&bytes[..came.unwrap()], text.as_bytes());
                    break;
                }
            }
            let mut stream = TcpStream::connect(tcp).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut back = [0; 5];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, text.as_bytes());
            // All are there at once.
            (client, stream)
        });
    }
    let mut standing = Vec::new();
    while let Some(client) =
        timeout(PATIENCE, clients.join_next()).await.expect("somebody waits for too long")
    {
        standing.push(client.unwrap());
    }
    let (took, memory_len) = (begin.elapsed(), memory_len(running.child.id()));
    println!("{CLIENTS} clients of each kind in {took:?}, {} MiB", memory_len >> 20);
    assert_eq!(standing.len(), CLIENTS);
    assert!(memory_len < MAX_LEN, "{memory_len} bytes");
    // The server of the one that never reads was stopped by it, soon.
    let flooded = flooded_len.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(flooded < 32 << 20 && flooded_len.load(Ordering::Relaxed) == flooded, "{flooded}");
    drop((standing, deaf, deaf_stream));
    for server in &servers {
        server.abort();
    }
    let mut running = running;
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}
