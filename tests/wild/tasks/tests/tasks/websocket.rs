//! tokio-tungstenite: a journal that is kept over WebSocket.
//!
//! tungstenite draws the masks of a client's frames, and the key of its handshake, by `rand::random`, which nobody can
//! seed. So the client is not repeatable, and says so: the bytes that it sends differ from run to run, and nothing else.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use lossproof::machine::Law;
use lossproof::tokio::net::{TcpListener, TcpStream};
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Net, Promises, Status};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

const ENTRIES: [&str; 5] = ["up", "tea", "walk", "soup", "bed"];

/// What a client promises.
const DRAWS: Promises = Promises::DEFAULT.not_repeatable();

/// Tells each entry that comes, and says it back.
async fn keep(stream: TcpStream, ctx: Ctx<String>) -> Result<(), Error> {
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(entry) = message? {
            ctx.event(entry.as_str().to_owned());
            socket.send(Message::Text(entry)).await?;
        }
    }
    Ok(())
}

async fn serve(ctx: Ctx<String>) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that is gone is no matter.
        task::spawn(async move { drop(keep(stream, ctx).await) });
    }
}

/// Has an entry kept, over the connection that there is or over a new one. It is kept when it was said back. Planted: it
/// is kept when it was sent.
async fn put(
    socket: &mut Option<WebSocketStream<TcpStream>>,
    entry: &str,
    trusts_send: bool,
) -> Result<bool, Error> {
    let socket = match socket {
        Some(socket) => socket,
        none => {
            let stream = TcpStream::connect("server:80").await?;
            none.insert(client_async("ws://server/journal", stream).await?.0)
        }
    };
    socket.send(Message::text(entry)).await?;
    if trusts_send {
        return Ok(true);
    }
    let reply = socket.next().await.ok_or(Error::ConnectionClosed)??;
    Ok(reply == Message::text(entry))
}

async fn put_all(ctx: Ctx<&'static str>, trusts_send: bool) {
    let mut socket = None;
    for entry in ENTRIES {
        while !matches!(
            time::timeout(Duration::from_secs(2), put(&mut socket, entry, trusts_send)).await,
            Ok(Ok(true))
        ) {
            socket = None;
            time::sleep(Duration::from_millis(100)).await;
        }
        ctx.event(entry);
        time::sleep(Duration::from_secs(1)).await;
    }
    if let Some(mut socket) = socket {
        // All is kept. Whether the end is said in good order is no matter.
        let _ = time::timeout(Duration::from_secs(2), socket.close(None)).await;
    }
}

fn net(trusts_send: bool, promises: Promises) -> Net {
    let net = Net::new("journal");
    net.max_time(Duration::from_mins(2));
    let server = net.host("server").listen(80).task(serve);
    let client = net.host("client").promises(promises).task(move |ctx| put_all(ctx, trusts_send));
    net.decode(frames);
    net.always("what comes was sent", move |run| {
        run.new_events(server).iter().all(|entry| ENTRIES.contains(&entry.as_str()))
    });
    net.converges_within("what counts as kept is kept", Duration::from_secs(5), 1_000, move |run| {
        run.events(client).iter().all(|entry| run.events(server).iter().any(|kept| kept == entry))
    });
    net.converges_within("the client is done", Duration::from_secs(30), 1_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

/// What a transcript shows: of a frame its length, as its mask is another one in each run.
fn frames(bytes: &[u8]) -> Option<String> {
    match bytes.first()? {
        0x81 => Some(format!("Text, {} bytes", bytes.len())),
        0x88 => Some(format!("Close, {} bytes", bytes.len())),
        b'G' | b'H' => {
            Some(format!("{}, {} bytes", if bytes[0] == b'G' { "GET" } else { "HTTP" }, bytes.len()))
        }
        _ => None,
    }
}

#[test]
fn a_journal_holds() {
    super::holds(net(false, DRAWS), 500);
}

#[test]
fn an_entry_that_was_only_sent_is_found() {
    super::finds("websocket", || Check::new(net(true, DRAWS)));
}

/// A client that does not say so is found, in the first run.
#[test]
fn randomness_of_the_system_is_found() {
    let verdict = Check::new(net(false, Promises::DEFAULT)).verdict().unwrap();
    let failure = verdict.failure().unwrap_or_else(|| panic!("something is found: {verdict}"));
    assert_eq!((failure.run, &failure.broken), (0, &Law::SameInputsSameOutputs.to_string()));
}
