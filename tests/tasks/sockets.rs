//! Sockets of tasks are as tokio's.

use std::io;
use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::tokio::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use lossproof::tokio::{self, task, time};
use lossproof::{Ctx, Net, Scenario};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a client tells in a run with this plan, a line each.
fn told(net: Net, plan: &str) -> Vec<String> {
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&Settings { plan, ..Settings::default() });
    let text = engine.transcript().to_string();
    let events = text
        .lines()
        .filter_map(|line| Some(line.split_once("client  event ")?.1.trim_matches('"').to_owned()));
    let events: Vec<String> = events.collect();
    assert!(!events.is_empty(), "{outcome:?}\n{text}");
    events
}

/// A server that sends back what it gets, over datagrams and streams at port 7, and a client that does this.
fn with_echo<F>(client: impl Fn(Ctx<String>) -> F + Send + Sync + 'static) -> Net
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let net = Net::new("echo");
    net.host("server").udp(7).listen(7).task(|_: Ctx| async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        task::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let (mut from, mut to) = stream.into_split();
                task::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
            #[allow(unreachable_code)]
            io::Result::Ok(())
        });
        let mut buffer = [0; 2048];
        loop {
            let (len, peer) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..len], peer).await?;
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    net.host("client").task(client);
    net
}

#[test]
fn names_are_those_of_hosts() {
    let net = with_echo(|ctx| async move {
        for name in
            ["server:80", "localhost:80", "10.1.2.3:80", "[fd00::1]:7", "nobody:80", "server", "server:99999"]
        {
            let found = lookup_host(name).await.map(|mut all| all.next().unwrap().to_string());
            ctx.event(found.unwrap_or_else(|error| error.to_string()));
        }
        Ok(())
    });
    assert_eq!(
        told(net, "v2"),
        [
            "192.168.0.1:80",
            "127.0.0.1:80",
            "10.1.2.3:80",
            "[fd00::1]:7",
            "no host of this net is called \\\"nobody\\",
            "\\\"server\\\" is no socket address: write a host and a port, as in 'server:80'",
            "\\\"server:99999\\\" is no socket address: write a host and a port, as in 'server:80'",
        ]
    );
}

#[test]
fn datagrams_are_looked_at_cut_and_tried() {
    let net = with_echo(|ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        ctx.event(format!("{:?}", socket.try_recv(&mut [0; 4]).unwrap_err().kind()));
        ctx.event(format!("{:?}", socket.send(b"nowhere").await.unwrap_err().kind()));
        socket.send_to(b"hello", "server:7").await?;
        socket.send_to(b"world", ("server", 7)).await?;
        socket.readable().await?;
        let mut buffer = [0; 3];
        ctx.event(format!("{:?}", socket.peek_from(&mut buffer).await?));
        ctx.event(format!("{:?}", socket.recv_from(&mut buffer).await?));
        // What did not fit is lost.
        let len = socket.recv(&mut buffer).await?;
        ctx.event(String::from_utf8_lossy(&buffer[..len]).into_owned());
        let too_long = socket.send_to(&vec![0; 65_508], "server:7").await.unwrap_err();
        ctx.event(too_long.to_string());
        ctx.event(format!("{}", UdpSocket::bind(socket.local_addr()?).await.unwrap_err()));
        ctx.event(format!("{}", UdpSocket::bind("192.168.0.1:9").await.unwrap_err()));
        let broadcast = socket.send_to(b"all", "255.255.255.255:7").await.unwrap_err();
        ctx.event(broadcast.to_string());
        Ok(())
    });
    assert_eq!(
        told(net, "v2"),
        [
            "WouldBlock",
            "NotConnected",
            "(3, 192.168.0.1:7)",
            "(3, 192.168.0.1:7)",
            "wor",
            "a datagram of 65508 bytes is too long: at most 65507 fit",
            "192.168.0.2:49152 is in use on this host",
            "192.168.0.1:9 is no address of this host",
            "this socket may not broadcast: call set_broadcast(true)",
        ]
    );
}

/// A connected socket hears that nobody listens.
#[test]
fn a_refused_datagram_is_an_error_of_the_next_call() {
    let net = with_echo(|ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect("server:8").await?;
        socket.send(b"hello").await?;
        ctx.event(format!("{:?}", socket.recv(&mut [0; 8]).await.unwrap_err().kind()));
        socket.connect("server:7").await?;
        socket.send(b"hello").await?;
        ctx.event(format!("{:?}", socket.recv(&mut [0; 8]).await));
        Ok(())
    });
    assert_eq!(told(net, "v2"), ["ConnectionRefused", "Ok(5)"]);
}

/// A half that is dropped ends its direction alone, and much more than all buffers passes.
#[test]
fn streams_carry_more_than_their_buffers() {
    const LEN: usize = 1_000_000;
    let net = with_echo(|ctx| async move {
        let address = lookup_host("server:7").await?.next().unwrap();
        let stream = TcpSocket::new_v4()?.connect(address).await?;
        let (mut from, mut to) = stream.into_split();
        let writing = task::spawn(async move {
            let bytes: Vec<u8> = (0..LEN).map(|n| n as u8).collect();
            to.write_all(&bytes).await
        });
        // The reader is slow at first, so that the writer has to wait.
        time::sleep(Duration::from_secs(1)).await;
        ctx.event(format!("{}", writing.is_finished()));
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).await?;
        ctx.event(format!("{} {}", bytes.len(), bytes.iter().enumerate().all(|(n, byte)| *byte == n as u8)));
        writing.await.unwrap()
    });
    assert_eq!(told(net, "v2"), ["false", "1000000 true"]);
}

#[test]
fn streams_end_as_those_of_a_system() {
    let net = with_echo(|ctx| async move {
        ctx.event(format!("{:?}", TcpStream::connect("server:9").await.unwrap_err().kind()));
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"hello").await?;
        let mut buffer = [0; 8];
        ctx.event(format!("{}", stream.peek(&mut buffer).await?));
        ctx.event(format!("{}", stream.read(&mut buffer).await?));
        ctx.event(format!("{:?}", stream.try_read(&mut buffer).unwrap_err().kind()));
        stream.shutdown().await?;
        ctx.event(format!("{:?}", stream.write(b"more").await.unwrap_err().kind()));
        ctx.event(format!("{}", stream.read(&mut buffer).await?));
        ctx.event(format!("{}", stream.read(&mut buffer).await?));
        Ok(())
    });
    assert_eq!(told(net, "v2"), ["ConnectionRefused", "5", "5", "WouldBlock", "BrokenPipe", "0", "0"]);
}

#[test]
fn a_reset_is_an_error_of_reads_and_writes() {
    let net = with_echo(|ctx| async move {
        let mut stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"hello").await?;
        ctx.event(format!("{:?}", stream.read_exact(&mut [0; 8]).await.unwrap_err().kind()));
        ctx.event(format!("{:?}", stream.write(b"more").await.unwrap_err().kind()));
        Ok(())
    });
    assert_eq!(told(net, "v2; client>server @3 reset"), ["ConnectionReset", "ConnectionReset"]);
}

/// A future that is dropped while it waits has taken nothing.
#[test]
fn what_is_cancelled_has_received_nothing() {
    let net = with_echo(|ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect("server:7").await?;
        socket.send(b"hello").await?;
        let mut buffer = [0; 8];
        let early = time::timeout(Duration::from_millis(5), socket.recv(&mut buffer)).await;
        ctx.event(format!("{}", early.is_err()));
        // At the moment itself it is in time.
        let len = time::timeout(Duration::from_millis(5), socket.recv(&mut buffer)).await.unwrap()?;
        ctx.event(format!("{len} {:?}", time::Instant::now()));
        Ok(())
    });
    assert_eq!(told(net, "v2"), ["true", "5 Instant(0.010)"]);
}

#[test]
fn halves_find_each_other_again() {
    let net = with_echo(|ctx| async move {
        let (one, other) = (TcpStream::connect("server:7").await?, TcpStream::connect("server:7").await?);
        let (from, to) = one.into_split();
        let (other_from, other_to) = other.into_split();
        let strangers = from.reunite(other_to).unwrap_err();
        ctx.event(strangers.to_string());
        let mut one = strangers.0.reunite(to).unwrap();
        one.write_all(b"still there").await?;
        let mut buffer = [0; 11];
        one.read_exact(&mut buffer).await?;
        ctx.event(String::from_utf8_lossy(&buffer).into_owned());
        drop((other_from, strangers.1));
        Ok(())
    });
    assert_eq!(told(net, "v2"), ["these two halves are not of one stream", "still there"]);
}

#[test]
fn intervals_tick_when_they_are_due() {
    let net = with_echo(|ctx| async move {
        for behavior in
            [time::MissedTickBehavior::Burst, time::MissedTickBehavior::Delay, time::MissedTickBehavior::Skip]
        {
            let began_at = time::Instant::now();
            let mut ticks = time::interval(Duration::from_millis(100));
            ticks.set_missed_tick_behavior(behavior);
            ticks.tick().await;
            time::sleep(Duration::from_millis(250)).await;
            let mut at = Vec::new();
            for _ in 0..4 {
                ticks.tick().await;
                at.push(began_at.elapsed().as_millis());
            }
            ctx.event(format!("{at:?}"));
        }
        Ok(())
    });
    assert_eq!(told(net, "v2"), ["[250, 250, 300, 400]", "[250, 350, 450, 550]", "[250, 300, 400, 500]"]);
}

#[test]
fn unix_sockets_are_at_the_paths_that_their_places_have() {
    let net = Net::new("paths");
    let path =
        |path: &str| lossproof::Peer::Unix(lossproof::machine::UnixPath::new(path.as_bytes()).unwrap());
    net.host("server").listen_at(path("/run/store")).udp_at(path("/run/log")).task(|_: Ctx| async {
        let (listener, log) = (UnixListener::bind("/run/store")?, UnixDatagram::bind("/run/log")?);
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = [0; 16];
        let (len, peer) = log.recv_from(&mut buffer).await?;
        stream.write_all(&buffer[..len]).await?;
        log.send_to(b"logged", peer.as_pathname().unwrap()).await?;
        stream.read(&mut buffer).await.map(drop)
    });
    net.host("client").udp_at(path("/run/client")).task(|ctx: Ctx<String>| async move {
        let mut stream = UnixStream::connect("/run/store").await?;
        let log = UnixDatagram::bind("/run/client")?;
        log.connect("/run/log")?;
        log.send(b"a line").await?;
        let mut buffer = [0; 16];
        stream.read_exact(&mut buffer[..6]).await?;
        ctx.event(String::from_utf8_lossy(&buffer[..6]).into_owned());
        let len = log.recv(&mut buffer).await?;
        ctx.event(String::from_utf8_lossy(&buffer[..len]).into_owned());
        ctx.event(UnixListener::bind("/tmp/other").unwrap_err().to_string());
        io::Result::Ok(())
    });
    let expected = "unix:/tmp/other is no path of this host: give it to its place by `listen_at` or `udp_at`";
    assert_eq!(told(net, "v2"), ["a line", "logged", expected]);
}

/// Several slices are one write, as far as there is room: libraries that ask for it take another path than without.
#[test]
fn slices_are_written_as_one() {
    static LONG: [u8; 40_000] = [7; 40_000];
    let net = with_echo(|ctx| async move {
        let slices = |texts: [&'static [u8]; 3]| texts.map(io::IoSlice::new);
        let mut stream = TcpStream::connect("server:7").await?;
        assert!(stream.is_write_vectored());
        ctx.event(format!("{}", stream.write_vectored(&slices([b"one", b"", b"two"])).await?));
        ctx.event(format!("{}", stream.write_vectored(&slices([b"", b"", b""])).await?));
        let mut reply = [0; 16];
        let len = stream.read(&mut reply).await?;
        ctx.event(String::from_utf8_lossy(&reply[..len]).into_owned());
        let (_, mut half) = stream.into_split();
        assert!(half.is_write_vectored());
        ctx.event(format!("{}", half.write_vectored(&slices([&LONG, &LONG, b"end"])).await?));
        Ok(())
    });
    // The last is as much as a stream holds, and no more.
    assert_eq!(told(net, "v2"), ["6", "0", "onetwo", "65536"]);
}

/// tokio's names set the field, and one method more reads it.
#[test]
fn the_ecn_field_is_set_and_read() {
    use lossproof::machine::Ecn;
    use tokio::io::ReadBuf;

    async fn came(socket: &UdpSocket) -> io::Result<(usize, Ecn)> {
        let mut buffer = [0; 16];
        let mut into = ReadBuf::new(&mut buffer);
        let (_, ecn) = std::future::poll_fn(|context| socket.poll_recv_ecn_from(context, &mut into)).await?;
        Ok((into.filled().len(), ecn))
    }

    let net = Net::new("marks");
    net.host("server").udp(7).task(|_: Ctx| async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let mut buffer = [0; 16];
        loop {
            let mut into = ReadBuf::new(&mut buffer);
            let received =
                std::future::poll_fn(|context| socket.poll_recv_ecn_from(context, &mut into)).await;
            let (peer, ecn) = received?;
            // The code point of differentiated services, which nobody here looks at, stands above.
            socket.set_tos_v4(0b1011_1000 | u32::from(ecn.bits()))?;
            socket.send_to(ecn.to_string().as_bytes(), peer).await?;
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    net.host("client").task(|ctx: Ctx<String>| async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        let other = UdpSocket::bind("0.0.0.0:0").await?;
        for ecn in [Ecn::Ect0, Ecn::Ect1, Ecn::Ce, Ecn::NotEct] {
            socket.set_tos_v4(ecn.bits().into())?;
            assert_eq!(socket.tos_v4()?, u32::from(ecn.bits()));
            socket.send_to(b"?", "server:7").await?;
            let answer = came(&socket).await?;
            // A socket's own field is not another's.
            other.send_to(b"?", "server:7").await?;
            ctx.event(format!("{answer:?} {:?}", came(&other).await?));
        }
        assert_eq!(socket.set_tos_v4(256).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        other.set_tclass_v6(2)?;
        assert_eq!(other.tclass_v6()?, 2);
        io::Result::Ok(())
    });
    let expected =
        ["(6, Ect0)", "(6, Ect1)", "(2, Ce)", "(7, NotEct)"].map(|came| format!("{came} (7, NotEct)"));
    assert_eq!(told(net, ""), expected);
}
