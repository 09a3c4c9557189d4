//! tokio-rustls: a client fetches a letter over TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lossproof::tokio::net::{TcpListener, TcpStream};
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Net, Status};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::crypto;

/// More than one record of TLS holds.
const LETTER_LEN: usize = 40_000;

fn letter(number: u8) -> Vec<u8> {
    vec![number; LETTER_LEN]
}

/// Hands out the letter of this number, and says that it is the end.
async fn reply(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let number = stream.read_u8().await?;
    stream.write_all(&letter(number)).await?;
    stream.shutdown().await
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:443").await?;
    let acceptor = TlsAcceptor::from(Arc::new(crypto::server()));
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that is gone is no matter.
        task::spawn(reply(acceptor.clone(), stream));
    }
}

/// A letter is whole if its end was said. Planted: any end will do.
async fn fetch(connector: &TlsConnector, number: u8, takes_any_end: bool) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut stream = connector.connect(name, TcpStream::connect("server:443").await?).await?;
    stream.write_u8(number).await?;
    stream.flush().await?;
    let mut letter = Vec::new();
    match stream.read_to_end(&mut letter).await {
        Err(_) if takes_any_end => {}
        read => drop(read?),
    }
    Ok(letter)
}

/// A letter that a client takes for whole.
#[derive(Debug, PartialEq)]
struct Fetched {
    number: u8,
    is_whole: bool,
}

/// Fetches two letters; the second connection takes up the session of the first.
async fn fetch_both(ctx: Ctx<Fetched>, takes_any_end: bool) {
    let connector = TlsConnector::from(Arc::new(crypto::client()));
    for number in 1..=2 {
        loop {
            let fetched =
                time::timeout(Duration::from_secs(3), fetch(&connector, number, takes_any_end)).await;
            if let Ok(Ok(letter)) = fetched {
                ctx.event(Fetched { number, is_whole: letter == self::letter(number) });
                break;
            }
            time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub(crate) fn net(takes_any_end: bool) -> Net {
    let net = Net::new("letters");
    net.max_time(Duration::from_mins(2));
    net.decode(crypto::records);
    net.host("server").listen(443).task(|_: Ctx| serve());
    let client = net.host("client").task(move |ctx| fetch_both(ctx, takes_any_end));
    net.always("a letter is whole", move |run| run.new_events(client).iter().all(|fetched| fetched.is_whole));
    net.converges_within("the client is done", Duration::from_secs(30), 1_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

#[test]
fn letters_hold() {
    super::holds(net(false), 300);
}

#[test]
fn a_letter_that_is_cut_off_is_found() {
    super::finds("tls", || Check::new(net(true)));
}
