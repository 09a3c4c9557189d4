//! quinn, the asynchronous crate: echoes over QUIC.
//!
//! To be repeatable it is given its randomness and its clock: `rng_seed`, a generator of connection ids,
//! `initial_dst_cid_provider`, a provider of TLS, and the [`Runtime`] below.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant, SystemTime, UNIX_EPOCH};

use lossproof::fault::Chance;
use lossproof::tasks::fill_random;
use lossproof::tokio::net::UdpSocket;
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Net, Profile, Status};
use quinn::congestion::NewRenoConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{
    AsyncTimer, AsyncUdpSocket, ClientConfig, Connection, ConnectionId, ConnectionIdGenerator, Endpoint,
    EndpointConfig, RecvStream, Runtime, ServerConfig, TransportConfig, UdpPoller, VarInt,
};
use tokio::io::ReadBuf;

use super::clock::Clock;
use super::crypto;

const TEXTS: [&str; 3] = ["one", "two", "three"];
const ORDER: &str = "order";
const MAX_TEXT_LEN: usize = 1_000;

/// quinn's runtime on a host.
#[derive(Debug)]
struct HostRuntime(Clock);

#[derive(Debug)]
struct HostTimer(time::Sleep, Clock);

#[derive(Debug)]
struct HostSocket(UdpSocket);

#[derive(Debug)]
struct HostPoller(Arc<HostSocket>);

impl Runtime for HostRuntime {
    fn new_timer(&self, at: StdInstant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(HostTimer(time::sleep_until(self.0.at(at)), self.0))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        task::spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> StdInstant {
        self.0.now()
    }
}

impl AsyncTimer for HostTimer {
    fn reset(mut self: Pin<&mut Self>, at: StdInstant) {
        let at = self.1.at(at);
        Pin::new(&mut self.0).reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl AsyncUdpSocket for HostSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(HostPoller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.set_tos_v4(transmit.ecn.map_or(0, |ecn| ecn as u32))?;
        self.0.try_send_to(transmit.contents, transmit.destination).map(drop)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(&mut buffers[0]);
        let (addr, ecn) = ready!(self.0.poll_recv_ecn_from(context, &mut into))?;
        let len = into.filled().len();
        let ecn = EcnCodepoint::from_bits(ecn.bits());
        meta[0] = RecvMeta { addr, len, stride: len, ecn, dst_ip: None };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl UdpPoller for HostPoller {
    fn poll_writable(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.0.poll_send_ready(context)
    }
}

/// Connection ids that the host draws.
struct Ids;

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&random::<8>())
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    fill_random(&mut bytes).expect("a host is running");
    bytes
}

/// It is always the same moment.
struct Stopped;

impl quinn::TimeSource for Stopped {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(500_000)
    }
}

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .congestion_controller_factory(Arc::new(NewRenoConfig::default()))
        .max_idle_timeout(Some(VarInt::from_u32(5_000).into()));
    Arc::new(config)
}

/// An endpoint on a socket of the host.
async fn endpoint(port: u16, config: Option<ServerConfig>) -> io::Result<Endpoint> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &random::<32>());
    let mut of_endpoint = EndpointConfig::new(Arc::new(key));
    of_endpoint.rng_seed(Some(random())).cid_generator(|| Box::new(Ids));
    let socket = Arc::new(HostSocket(UdpSocket::bind(("0.0.0.0", port)).await?));
    Endpoint::new_with_abstract_socket(of_endpoint, config, socket, Arc::new(HostRuntime(Clock::new())))
}

async fn server() -> io::Result<Endpoint> {
    let token_key = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[]).extract(&random::<32>());
    let crypto = QuicServerConfig::try_from(crypto::server()).map_err(io::Error::other)?;
    let mut config = ServerConfig::new(Arc::new(crypto), Arc::new(token_key));
    config.transport_config(transport()).time_source(Arc::new(Stopped));
    endpoint(443, Some(config)).await
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Says back what comes. An order is told before that.
async fn talk(connection: Connection, ctx: Ctx<&'static str>) -> Result<()> {
    loop {
        let (mut to, mut from) = connection.accept_bi().await?;
        let text = from.read_to_end(MAX_TEXT_LEN).await?;
        if text == ORDER.as_bytes() {
            ctx.event(ORDER);
        }
        to.write_all(&text).await?;
        to.finish()?;
    }
}

async fn serve(ctx: Ctx<&'static str>) -> io::Result<()> {
    let endpoint = server().await?;
    while let Some(incoming) = endpoint.accept().await {
        task::spawn(async move {
            if let Ok(connection) = incoming.await {
                drop(talk(connection, ctx).await);
            }
        });
    }
    Ok(())
}

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Echo(usize, String),
    /// The order was carried out.
    Ordered,
}

/// Says something on a stream of its own. What is said back comes on the other half.
async fn say(connection: &Connection, text: &str) -> Result<RecvStream> {
    let (mut to, from) = connection.open_bi().await?;
    to.write_all(text.as_bytes()).await?;
    to.finish()?;
    Ok(from)
}

/// Planted: it is enough to wait a while before the connection is closed.
async fn visit(ctx: Ctx<Heard>, endpoint: &Endpoint, waits_a_while: bool) -> Result<()> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(crypto::client())?));
    config
        .transport_config(transport())
        .initial_dst_cid_provider(Arc::new(|| ConnectionId::new(&random::<8>())));
    let server = lossproof::net::lookup_host("server:443").await?.next().ok_or("a host has an address")?;
    let connection = endpoint.connect_with(config, server, "localhost")?.await?;
    for (number, text) in TEXTS.iter().enumerate() {
        let mut from = say(&connection, text).await?;
        ctx.event(Heard::Echo(number, String::from_utf8(from.read_to_end(MAX_TEXT_LEN).await?)?));
    }
    let mut from = say(&connection, ORDER).await?;
    if waits_a_while {
        time::sleep(Duration::from_millis(100)).await;
    } else {
        // That QUIC has acknowledged it would not be enough: the server may crash before it has looked.
        from.read_to_end(MAX_TEXT_LEN).await?;
    }
    ctx.event(Heard::Ordered);
    connection.close(VarInt::from_u32(0), b"done");
    Ok(())
}

pub(crate) fn net(waits_a_while: bool) -> Net {
    let net = Net::new("quinn");
    net.max_time(Duration::from_mins(5));
    net.decode(packets);
    let server = net.host("server").udp(443).task(serve);
    let client = net.host("client").task(move |ctx: Ctx<Heard>| async move {
        let endpoint = endpoint(0, None).await?;
        while visit(ctx, &endpoint, waits_a_while).await.is_err() {
            time::sleep(Duration::from_millis(100)).await;
        }
        endpoint.wait_idle().await;
        io::Result::Ok(())
    });
    net.always("an echo is what was said", move |run| {
        run.new_events(client).iter().all(|heard| match heard {
            Heard::Echo(number, text) => text == TEXTS[*number],
            Heard::Ordered => true,
        })
    });
    net.always("what was ordered has come", move |run| {
        !run.events(client).contains(&Heard::Ordered) || run.events(server).contains(&ORDER)
    });
    // The idle timeout is at least three times that of a probe (RFC 9000, section 10.1), and a delay of 5 s makes that 15 s.
    net.converges_within("the client is done", Duration::from_mins(4), 1_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

/// What a transcript shows of a datagram: its packets by their types (RFC 9000 section 17), as far as the first tells.
fn packets(datagram: &[u8]) -> Option<String> {
    let first = *datagram.first()?;
    let name = match (first & 0x80, first >> 4 & 3) {
        (0, _) => "1-RTT",
        (_, 0) => "Initial",
        (_, 1) => "0-RTT",
        (_, 2) => "Handshake",
        _ => "Retry",
    };
    Some(format!("{name}, {} bytes", datagram.len()))
}

#[test]
fn echoes_hold() {
    super::holds(net(false), 200);
}

#[test]
fn echoes_hold_at_thirty_percent_loss() {
    let loss = Profile { loss: Chance::percent(30), ..Profile::default() };
    let verdict = Check::new(net(false)).profile(loss).calm_at(super::CALM_AT).runs(100).verdict().unwrap();
    assert!(verdict.holds(), "{verdict}");
}

#[test]
fn an_order_that_is_lost_with_its_connection_is_found() {
    super::finds("quinn", || Check::new(net(true)).loss(0.1));
}
