//! The baselines. All set `TCP_NODELAY`, as the driver does on every stream.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use lossproof::machine::limits;
use lossproof::wire::frame::HEADER_LEN;
use mio::{Events, Interest, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::support::echo::MAX_LEN;
use crate::support::server::{LISTENER, Server, Threads, watched};

/// A task for each connection.
fn tasks<F>(threads: Threads, serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    Server::accepting(threads, move |stream, _| {
        stream.set_nodelay(true).expect("it is a stream");
        tokio::spawn(serve(stream));
    })
}

fn framed(stream: tokio::net::TcpStream) -> Framed<tokio::net::TcpStream, LengthDelimitedCodec> {
    LengthDelimitedCodec::builder().max_frame_length(MAX_LEN).new_framed(stream)
}

/// tokio-util's `Framed`, each reply sent by itself.
pub(crate) fn framed_send(threads: Threads) -> Server {
    tasks(threads, |stream| async {
        let mut framed = framed(stream);
        while let Some(Ok(payload)) = framed.next().await {
            if framed.send(payload.freeze()).await.is_err() {
                break;
            }
        }
    })
}

/// tokio-util's `Framed`, which flushes only when there is nothing more to read.
pub(crate) fn framed_forward(threads: Threads) -> Server {
    tasks(threads, |stream| async {
        let (replies, requests) = framed(stream).split();
        // Whatever it is, the connection is over.
        let _ = requests.map_ok(BytesMut::freeze).forward(replies).await;
    })
}

/// Reads a header, reads a payload, writes both.
pub(crate) fn plain(threads: Threads) -> Server {
    tasks(threads, |stream| async {
        let mut stream = BufReader::new(stream);
        let mut frame = vec![0; HEADER_LEN + MAX_LEN];
        while stream.read_exact(&mut frame[..HEADER_LEN]).await.is_ok() {
            let Some(len) = frame_len(&frame) else { break };
            if stream.read_exact(&mut frame[HEADER_LEN..len]).await.is_err()
                || stream.write_all(&frame[..len]).await.is_err()
            {
                break;
            }
        }
    })
}

/// How long the frame is that begins here, if the header is there and within the limit.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let payload_len = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    (payload_len <= MAX_LEN).then_some(HEADER_LEN + payload_len)
}

/// What a loop by hand has of a stream: the bytes that are no whole frame yet, and the frames that go out.
struct Echoing {
    pending: Vec<u8>,
    pending_len: usize,
    out: Vec<u8>,
}

impl Echoing {
    fn new() -> Self {
        Self {
            pending: vec![0; limits::MAX_READ_LEN + HEADER_LEN + MAX_LEN],
            pending_len: 0,
            out: Vec::new(),
        }
    }

    /// Reads once, and answers all whole frames with one write. `None` at the end, or when the peer breaks the rules.
    fn turn(&mut self, stream: &mut (impl Read + Write)) -> Option<()> {
        match stream.read(&mut self.pending[self.pending_len..]) {
            Ok(0) => return None,
            Ok(len) => self.pending_len += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
            Err(_) => return None,
        }
        let mut rest = &self.pending[..self.pending_len];
        while rest.len() >= HEADER_LEN {
            let Some((frame, next)) = rest.split_at_checked(frame_len(rest)?) else { break };
            self.out.extend_from_slice(frame);
            rest = next;
        }
        let begun_at = self.pending_len - rest.len();
        self.pending.copy_within(begun_at..self.pending_len, 0);
        self.pending_len -= begun_at;
        // The load never has more on its way than a socket's buffer holds, so that this does not block.
        stream.write_all(&self.out).ok()?;
        self.out.clear();
        Some(())
    }
}

/// A blocking loop, for one connection after another.
pub(crate) fn blocking() -> Server {
    Server::listening(|listener, running| {
        while running.load(Ordering::Relaxed) {
            let (mut stream, _) = listener.accept().expect("there are descriptors left");
            stream.set_nodelay(true).expect("it is a stream");
            let mut echoing = Echoing::new();
            while echoing.turn(&mut stream).is_some() {}
        }
    })
}

/// One loop over what epoll says is ready, in one thread.
pub(crate) fn by_hand() -> Server {
    Server::listening(serve_ready)
}

fn serve_ready(listener: TcpListener, running: &AtomicBool) {
    let (mut poll, listener) = watched(listener);
    let mut events = Events::with_capacity(1_024);
    let mut streams = Vec::new();
    while running.load(Ordering::Relaxed) {
        poll.poll(&mut events, None).expect("it can be waited for");
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).expect("it is a stream");
                    let watched =
                        poll.registry().register(&mut stream, Token(streams.len()), Interest::READABLE);
                    watched.expect("a stream can be watched");
                    streams.push(Some((stream, Echoing::new())));
                }
            } else if let Some((stream, echoing)) = &mut streams[event.token().0]
                && echoing.turn(stream).is_none()
            {
                streams[event.token().0] = None;
            }
        }
    }
}
