use std::io;
use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::fault::FaultPlan;
use lossproof::{Check, Ctx, Net, Scenario};

/// Answers every datagram with itself.
async fn echo() -> io::Result<()> {
    use lossproof::net::UdpSocket;
    let socket = UdpSocket::bind("0.0.0.0:7").await?;
    let mut buffer = [0; 1500];
    loop {
        let (len, peer) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..len], peer).await?;
    }
}

macro_rules! ask {
    ($ctx:ident, $server:ident, $time:path) => {{
        use lossproof::net::UdpSocket;
        use $time as time;
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect($ctx.address($server)).await?;
        let (mut buffer, mut wait) = ([0; 1500], 100);
        loop {
            socket.send(b"hello").await?;
            match time::timeout(Duration::from_millis(wait), socket.recv(&mut buffer)).await {
                Ok(len) => {
                    $ctx.event(len?);
                    return io::Result::Ok(());
                }
                Err(_) => wait *= 2,
            }
            if wait > 2000 {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }};
}

pub(crate) fn net(on_tokio: bool) -> Net {
    let net = Net::new("echo");
    let server = net.host("server").udp(7);
    let server = if on_tokio { server.tokio(|_: Ctx| echo()) } else { server.task(|_: Ctx| echo()) };
    let client = net.host("client");
    let client = if on_tokio {
        client.tokio(move |ctx: Ctx<usize>| async move { ask!(ctx, server, tokio::time) })
    } else {
        client.task(move |ctx: Ctx<usize>| async move { ask!(ctx, server, lossproof::tokio::time) })
    };
    net.never("a reply is cut", move |run| run.events(client).iter().any(|len| *len != 5));
    net
}

#[test]
fn first() {
    for on_tokio in [false, true] {
        for drops in 0..=5 {
            let scenario = Scenario::from(net(on_tokio));
            let plan: String = (0..drops).map(|n| format!("server>client #{n} drop; ")).collect();
            let plan: FaultPlan = plan.parse().unwrap();
            let plan = lossproof::engine::Prepared::new(&plan, &scenario).unwrap();
            let mut engine = Engine::new(&scenario);
            let outcome = engine.run(&Settings { plan, ..Settings::default() });
            println!("{on_tokio} {drops}: {outcome:?}");
            if drops == 1 { println!("{}", engine.transcript()); }
        }
    }
    Check::new(net(false)).runs(1000).assert();
    Check::new(net(true)).runs(1000).assert();
}
