//! `lossproof proxy` without faults, beside `socat` if it is here, and beside no proxy at all: round trips and datagrams
//! over UDP, bytes over TCP. Each proxy is a process of its own; client and server are two threads of this one.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::io::{BufRead as _, BufReader, IoSlice, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};

const ROUND_TRIPS: usize = 20_000;
const LASTS: Duration = Duration::from_secs(2);
const STREAM_LEN: u64 = 4 << 30;
const DATAGRAM_LEN: usize = 64;
/// How many datagrams are sent at once, and how many are on their way at most.
const BATCH: usize = 32;
const WINDOW: u64 = 256;
/// How long is waited for a datagram that may be lost.
const PATIENCE: Duration = Duration::from_millis(100);

/// What stands between client and server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Lossproof,
    Socat,
}

impl Between {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Lossproof => "lossproof",
            Self::Socat => "socat",
        }
    }

    /// Starts it, and tells where it listens.
    fn start(self, carrier: &str, server: SocketAddr) -> (Option<Running>, SocketAddr) {
        match self {
            Self::Nothing => (None, server),
            Self::Lossproof => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
                command.args(["proxy", carrier, "127.0.0.1:0", &server.to_string()]);
                let mut child =
                    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
                let mut line = String::new();
                BufReader::new(child.stdout.take().expect("it is piped"))
                    .read_line(&mut line)
                    .expect("it says where");
                let addr = line.trim().trim_start_matches("listening on ").parse().expect("an address");
                (Some(Running(child)), addr)
            }
            Self::Socat => {
                let free: SocketAddr = match carrier {
                    "udp" => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
                    _ => TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
                };
                let kind = carrier.to_uppercase();
                let mut command = Command::new("socat");
                // With a buffer as large as lossproof's.
                command.args(["-b", "262144"]);
                command.arg(format!("{kind}4-LISTEN:{},reuseaddr", free.port()));
                command.arg(format!("{kind}4:{server}"));
                let child = command.stderr(Stdio::null()).spawn().expect("it starts");
                thread::sleep(Duration::from_millis(300));
                (Some(Running(child)), free)
            }
        }
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The median of a round trip.
fn round_trip(between: Between) -> Duration {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_running, addr) = between.start("udp", server.local_addr().unwrap());
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let echo = thread::spawn(move || {
        let mut bytes = [0; 2048];
        while !is_over.load(Ordering::Relaxed) {
            if let Ok((len, peer)) = server.recv_from(&mut bytes) {
                server.send_to(&bytes[..len], peer).unwrap();
            }
        }
    });
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(addr).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [7; DATAGRAM_LEN];
    let mut spans: Vec<Duration> = (0..ROUND_TRIPS)
        .map(|_| {
            let begin = Instant::now();
            client.send(&bytes).unwrap();
            // One that is lost takes long, and is no median.
            let _ = client.recv(&mut bytes);
            begin.elapsed()
        })
        .collect();
    over.store(true, Ordering::Relaxed);
    echo.join().unwrap();
    spans.sort_unstable();
    spans[ROUND_TRIPS / 2]
}

/// How many datagrams a second arrive.
fn datagrams(between: Between) -> f64 {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_running, addr) = between.start("udp", server.local_addr().unwrap());
    server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (came, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    // Several at once, as the system has merged them, so that the receiver takes little of the time.
    setsockopt(&server, sockopt::UdpGroSegment, &true).unwrap();
    let sink = {
        let (came, over) = (Arc::clone(&came), Arc::clone(&over));
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while !over.load(Ordering::Relaxed) {
                if let Ok(len) = server.recv(&mut bytes) {
                    came.fetch_add((len / DATAGRAM_LEN) as u64, Ordering::Relaxed);
                }
            }
        })
    };
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(addr).unwrap();
    let bytes = [7; DATAGRAM_LEN * BATCH];
    let (begin, mut sent, mut base) = (Instant::now(), 0_u64, 0_u64);
    while begin.elapsed() < LASTS {
        let slices = [IoSlice::new(&bytes)];
        let len = DATAGRAM_LEN as u16;
        let control = [ControlMessage::UdpGsoSegments(&len)];
        let flags = MsgFlags::empty();
        sendmsg::<SockaddrStorage>(client.as_raw_fd(), &slices, &control, flags, None).unwrap();
        sent += BATCH as u64;
        let mut waits_since = Instant::now();
        while sent - base > came.load(Ordering::Relaxed) + WINDOW - BATCH as u64 {
            thread::yield_now();
            // What is lost is not waited for.
            if waits_since.elapsed() > Duration::from_millis(20) {
                base = sent - came.load(Ordering::Relaxed);
                waits_since = Instant::now();
            }
        }
    }
    let rate = came.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    sink.join().unwrap();
    rate
}

/// How many bytes a second pass on one stream.
fn stream(between: Between) -> f64 {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_running, addr) = between.start("tcp", server.local_addr().unwrap());
    let sink = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let (mut bytes, mut all_len) = (vec![0; 1 << 18], 0);
        while let Ok(len @ 1..) = stream.read(&mut bytes) {
            all_len += len as u64;
        }
        all_len
    });
    let mut client = TcpStream::connect(addr).unwrap();
    let bytes = vec![7; 1 << 20];
    let begin = Instant::now();
    for _ in 0..STREAM_LEN >> 20 {
        client.write_all(&bytes).unwrap();
    }
    drop(client);
    assert_eq!(sink.join().unwrap(), STREAM_LEN);
    STREAM_LEN as f64 / begin.elapsed().as_secs_f64()
}

fn main() {
    let has_socat = Command::new("socat").arg("-V").stdout(Stdio::null()).status().is_ok();
    let mut all = vec![Between::Nothing, Between::Lossproof];
    if has_socat {
        all.push(Between::Socat);
    } else {
        println!("socat is not here: it is left out");
    }
    let micros = |span: Duration| span.as_secs_f64() * 1e6;
    let trips: Vec<f64> = all.iter().map(|between| micros(round_trip(*between))).collect();
    let rates: Vec<f64> = all.iter().map(|between| datagrams(*between)).collect();
    let streams: Vec<f64> = all.iter().map(|between| stream(*between)).collect();
    println!(
        "{:<10} {:>14} {:>14} {:>14} {:>12}",
        "between", "round trip µs", "added µs", "datagrams/s", "stream GB/s"
    );
    for (index, between) in all.iter().enumerate() {
        println!(
            "{:<10} {:>14.1} {:>14.1} {:>14.0} {:>12.2}",
            between.name(),
            trips[index],
            trips[index] - trips[0],
            rates[index],
            streams[index] / 1e9
        );
    }
    if has_socat {
        println!(
            "lossproof beside socat: adds {:.2} of its time, passes {:.1} times its datagrams and {:.1} times its bytes",
            (trips[1] - trips[0]) / (trips[2] - trips[0]),
            rates[1] / rates[2],
            streams[1] / streams[2]
        );
    }
}
