//! The baselines: a task for each connection, and a loop by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use lossproof::systems::tcp_sixteen::{FAREWELL, HELLO};
use mio::{Events, Interest, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::server::{LISTENER, Server, Threads, watched};

/// How a connection ends after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The socket is dropped: what is shortest to write. Were there something left to read, the peer would see a reset
    /// and might lose the reply.
    AtOnce,
    /// Writing is shut down, and what comes is discarded up to the peer's end, as the driver does.
    AfterThePeers,
}

/// Reads sixteen bytes and writes sixteen, in a task for each connection.
pub(crate) fn tasks(threads: Threads, ending: Ending) -> Server {
    Server::accepting(threads, move |stream, _| {
        // A client that goes early harms nobody; the load finds out what is missing.
        tokio::spawn(async move { _ = serve(stream, ending).await });
    })
}

async fn serve(mut stream: TcpStream, ending: Ending) -> std::io::Result<()> {
    let mut message = [0; HELLO.len()];
    stream.read_exact(&mut message).await?;
    stream.write_all(FAREWELL).await?;
    if ending == Ending::AfterThePeers {
        stream.shutdown().await?;
        while stream.read(&mut message).await? > 0 {}
    }
    Ok(())
}

/// One loop over what epoll says is ready, in one thread. It ends a connection as the driver does.
pub(crate) fn by_hand() -> Server {
    Server::listening(serve_ready)
}

/// A connection of the loop by hand.
struct Call {
    stream: mio::net::TcpStream,
    message: [u8; HELLO.len()],
    len: usize,
}

impl Call {
    /// Goes on as far as the socket is ready; none if it is over.
    fn turn(&mut self) -> Option<()> {
        loop {
            let is_answered = self.len == HELLO.len();
            let room = if is_answered { &mut self.message[..] } else { &mut self.message[self.len..] };
            match self.stream.read(room) {
                Ok(0) => return None,
                Ok(_) if is_answered => {}
                Ok(len) => {
                    self.len += len;
                    if self.len == HELLO.len() {
                        self.stream.write_all(FAREWELL).ok()?;
                        self.stream.shutdown(std::net::Shutdown::Write).ok()?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
                Err(_) => return None,
            }
        }
    }
}

fn serve_ready(listener: TcpListener, running: &AtomicBool) {
    let (mut poll, listener) = watched(listener);
    let mut events = Events::with_capacity(1_024);
    let mut calls: Vec<Option<Call>> = Vec::new();
    let mut vacant = Vec::new();
    while running.load(Ordering::Relaxed) {
        poll.poll(&mut events, None).expect("it can be waited for");
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let index = vacant.pop().unwrap_or_else(|| {
                        calls.push(None);
                        calls.len() - 1
                    });
                    let watched = poll.registry().register(&mut stream, Token(index), Interest::READABLE);
                    watched.expect("a stream can be watched");
                    let mut call = Call { stream, message: [0; HELLO.len()], len: 0 };
                    // What it says is often there already.
                    match call.turn() {
                        Some(()) => calls[index] = Some(call),
                        None => vacant.push(index),
                    }
                }
            } else if calls[token.0].as_mut().is_some_and(|call| call.turn().is_none()) {
                calls[token.0] = None;
                vacant.push(token.0);
            }
        }
    }
}
