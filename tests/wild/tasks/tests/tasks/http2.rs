//! h2: a unary and a streaming call over one HTTP/2 connection, with the framing of gRPC.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use lossproof::tokio::net::{TcpListener, TcpStream};
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Cuts, Net, Promises, Status};

const NUMBERS: [u8; 4] = [3, 5, 7, 11];
/// How many messages of this length are more than the windows of HTTP/2 hold.
const MESSAGE_COUNT: u8 = 16;
const MESSAGE_LEN: usize = 6_000;
const STATUS: &str = "grpc-status";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A message with its head (5 bytes): a byte that says it is not compressed, and its length.
fn message(payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(payload.len() as u32);
    bytes.put_slice(payload);
    bytes.freeze()
}

/// The next message, if it is there as a whole.
fn next_message(bytes: &mut BytesMut) -> Option<BytesMut> {
    let len = u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?) as usize;
    if bytes.len() < 5 + len {
        return None;
    }
    bytes.advance(5);
    Some(bytes.split_to(len))
}

/// Sends bytes as the peer's windows have room for them.
async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<()> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let len = poll_fn(|context| stream.poll_capacity(context)).await.ok_or("the stream is closed")??;
        stream.send_data(bytes.split_to(len.min(bytes.len())), false)?;
    }
    Ok(())
}

async fn reply(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<()> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    let numbers = next_message(&mut bytes).ok_or("a request has a message")?;
    let mut stream = respond.send_response(Response::new(()), false)?;
    if path == "/Calc/Sum" {
        send(&mut stream, message(&[numbers.iter().sum()])).await?;
    } else {
        for number in 0..numbers[0] {
            send(&mut stream, message(&[number; MESSAGE_LEN])).await?;
            time::sleep(Duration::from_millis(20)).await;
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    stream.send_trailers(trailers)?;
    Ok(())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:50051").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        task::spawn(async move {
            // A client that is gone is no matter, here and below.
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                task::spawn(async move { drop(reply(request, respond).await) });
            }
        });
    }
}

/// Makes a call. What is left of its response comes by [`rest`].
async fn call(mut client: SendRequest<Bytes>, path: &str, payload: &[u8]) -> Result<RecvStream> {
    poll_fn(|context| client.poll_ready(context)).await?;
    let request = Request::post(format!("http://server{path}")).body(())?;
    let (response, mut stream) = client.send_request(request, false)?;
    send(&mut stream, message(payload)).await?;
    stream.send_data(Bytes::new(), true)?;
    Ok(response.await?.into_body())
}

/// The messages of a response. It has come to its end when its status has come, and not before. Planted: any end will do.
async fn rest(mut body: RecvStream, takes_any_end: bool) -> Result<Vec<BytesMut>> {
    let (mut bytes, mut messages) = (BytesMut::new(), Vec::new());
    while let Some(chunk) = body.data().await {
        let chunk = match chunk {
            Err(_) if takes_any_end => return Ok(messages),
            chunk => chunk?,
        };
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
        while let Some(message) = next_message(&mut bytes) {
            messages.push(message);
        }
    }
    let trailers = body.trailers().await?.ok_or("a response has trailers")?;
    match trailers.get(STATUS) {
        Some(status) if status == "0" => Ok(messages),
        status => Err(format!("the status is {status:?}").into()),
    }
}

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Sum(u8),
    /// The messages of a stream that has ended: none is missing, and each is as it should be.
    Stream {
        count: usize,
        are_whole: bool,
    },
}

async fn call_both(ctx: Ctx<Heard>, takes_any_end: bool) -> Result<()> {
    let stream = TcpStream::connect("server:50051").await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    task::spawn(async move { drop(connection.await) });
    let sum = async {
        let messages = rest(call(client.clone(), "/Calc/Sum", &NUMBERS).await?, false).await?;
        ctx.event(Heard::Sum(messages[0][0]));
        Result::Ok(())
    };
    let count = async {
        let messages =
            rest(call(client.clone(), "/Calc/Count", &[MESSAGE_COUNT]).await?, takes_any_end).await?;
        let are_whole =
            messages.iter().zip(0..).all(|(message, number)| message[..] == [number; MESSAGE_LEN]);
        ctx.event(Heard::Stream { count: messages.len(), are_whole });
        Result::Ok(())
    };
    tokio::try_join!(sum, count)?;
    Ok(())
}

pub(crate) fn net(takes_any_end: bool) -> Net {
    let net = Net::new("calls");
    net.max_time(Duration::from_mins(2));
    // h2 answers to what it has read so far, so what it writes first depends on how its streams are cut.
    let promises = Promises::DEFAULT.cuts(Cuts::Matter);
    net.host("server").listen(50_051).promises(promises).task(|_: Ctx| serve());
    let client = net.host("client").promises(promises).task(move |ctx: Ctx<Heard>| async move {
        while !matches!(
            time::timeout(Duration::from_secs(5), call_both(ctx, takes_any_end)).await,
            Ok(Ok(()))
        ) {
            time::sleep(Duration::from_millis(100)).await;
        }
    });
    net.always("a sum is that of its numbers", move |run| {
        run.new_events(client)
            .iter()
            .all(|heard| !matches!(heard, Heard::Sum(sum) if *sum != NUMBERS.iter().sum::<u8>()))
    });
    net.always("a stream that ended has all its messages", move |run| {
        let all = Heard::Stream { count: MESSAGE_COUNT.into(), are_whole: true };
        run.new_events(client).iter().all(|heard| matches!(heard, Heard::Sum(_)) || *heard == all)
    });
    net.converges_within("the client is done", Duration::from_secs(30), 5_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

#[test]
fn calls_hold() {
    super::holds(net(false), 500);
}

#[test]
fn a_stream_that_is_taken_for_ended_is_found() {
    super::finds("http2", || Check::new(net(true)));
}
