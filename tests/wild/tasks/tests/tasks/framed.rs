//! `tokio_util::codec::Framed`: a server and a client that speak in frames over streams.

use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use futures_util::{SinkExt, StreamExt};
use lossproof::tokio::net::{TcpListener, TcpStream};
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Cuts, Net, Promises, Status};
use tokio_util::codec::{Decoder, Encoder, Framed};

const WORDS: [&str; 5] = ["desserts", "drawer", "live", "parts", "tip"];

/// A frame has its length in a byte, a number, and a text.
struct Frames {
    /// Planted: the length is taken out of the buffer before the rest of its frame is there.
    takes_early: bool,
}

impl Decoder for Frames {
    type Item = (u8, String);
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        let Some(len) = bytes.first().copied().map(usize::from) else { return Ok(None) };
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is not empty"));
        }
        if self.takes_early {
            bytes.advance(1);
            if bytes.len() < len {
                return Ok(None);
            }
        } else if bytes.len() > len {
            bytes.advance(1);
        } else {
            return Ok(None);
        }
        let mut frame = bytes.split_to(len);
        let number = frame.get_u8();
        let text = String::from_utf8(frame.to_vec()).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Some((number, text)))
    }
}

impl Encoder<(u8, String)> for Frames {
    type Error = io::Error;

    fn encode(&mut self, (number, text): (u8, String), bytes: &mut BytesMut) -> io::Result<()> {
        bytes.put_u8(1 + text.len() as u8);
        bytes.put_u8(number);
        bytes.put_slice(text.as_bytes());
        Ok(())
    }
}

/// Sends each word back, reversed.
async fn serve(takes_early: bool) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        task::spawn(async move {
            let mut frames = Framed::new(stream, Frames { takes_early });
            // A client that is gone is no matter.
            while let Some(Ok((number, word))) = frames.next().await {
                if frames.send((number, word.chars().rev().collect())).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Asks for all words, over a new connection whenever one was of no use.
async fn ask_all(ctx: Ctx<(usize, String)>) {
    let mut frames = None;
    for (number, word) in WORDS.iter().enumerate() {
        loop {
            let asked = async {
                let frames = match &mut frames {
                    Some(frames) => frames,
                    none => none.insert(Framed::new(
                        TcpStream::connect("server:7").await?,
                        Frames { takes_early: false },
                    )),
                };
                frames.send((number as u8, (*word).to_owned())).await?;
                frames.next().await.ok_or(io::ErrorKind::UnexpectedEof)?
            };
            match time::timeout(Duration::from_secs(2), asked).await {
                Ok(Ok((number, reply))) => {
                    ctx.event((number.into(), reply));
                    break;
                }
                _ => frames = None,
            }
            time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub(crate) fn net(takes_early: bool) -> Net {
    let net = Net::new("framed");
    net.max_time(Duration::from_mins(2));
    net.host("server").listen(7).task(move |_: Ctx| serve(takes_early));
    // A reply that comes when the client gives up is in time if it comes as a whole, and is not if it is cut in two.
    let place = net.host("client").promises(Promises::DEFAULT.cuts(Cuts::Matter));
    let client = place.task(ask_all);
    net.always("a reply is that of its request", move |run| {
        let reversed = |word: &str| word.chars().rev().collect::<String>();
        run.new_events(client)
            .iter()
            .all(|(number, reply)| WORDS.get(*number).is_some_and(|word| *reply == reversed(word)))
    });
    net.converges_within("the client is done", Duration::from_secs(30), 1_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

#[test]
fn frames_hold() {
    super::holds(net(false), 2_000);
}

#[test]
fn a_codec_that_takes_a_length_early_is_found() {
    super::finds("framed", || Check::new(net(true)));
}

/// Without the laws it takes a stream that is cut between a length and its frame.
#[test]
fn a_codec_that_takes_a_length_early_is_found_by_a_property() {
    super::finds("framed_cut", || Check::new(net(true)).without_laws());
}
