//! The baselines. They tell what is said in the bytes of tcp-chat, and know `/quit`; what has no newline, they keep.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lossproof::systems::tcp_chat::{MAX_QUEUE_LEN, QUIT};
use mio::{Events, Interest, Poll, Token};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::support::server::{LISTENER, Server, Threads, watched};

/// When the kernel sends what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// With `TCP_NODELAY`, as the driver has it on every stream.
    AtOnce,
    /// As Nagle's algorithm has it: a small segment waits for the acknowledgement of the one before.
    Delayed,
}

/// A task for each member, and a broadcast channel between them.
pub(crate) fn broadcast(threads: Threads, writes: Writes) -> Server {
    /// How many messages a member may be behind; more than the load has on its way.
    const CAPACITY: usize = 1_024;
    let (tell, _) = channel(CAPACITY);
    Server::accepting(threads, move |stream, peer| {
        stream.set_nodelay(writes == Writes::AtOnce).expect("it is a stream");
        let told = tell.subscribe();
        let tell = tell.clone();
        // A member that goes or is too far behind harms nobody; the load finds out what is missing.
        tokio::spawn(async move { _ = serve(stream, peer, tell, told).await });
    })
}

async fn serve(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    tell: Sender<Arc<[u8]>>,
    mut told: Receiver<Arc<[u8]>>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let header = format!("{peer}\n").into_bytes();
    let mut message = header.clone();
    loop {
        tokio::select! {
            // What is read of a line when the other branch comes first stays in `message`.
            read = reader.read_until(b'\n', &mut message) => {
                if read? == 0 || message[header.len()..].trim_ascii() == QUIT {
                    return Ok(());
                }
                // This task has a receiver itself.
                let _ = tell.send(message.as_slice().into());
                message.truncate(header.len());
            }
            message = told.recv() => {
                let message = message.map_err(|_| ErrorKind::BrokenPipe)?;
                writer.write_all(&message).await?;
            }
        }
    }
}

/// A task for each member, which writes all that has been said since it wrote last with one call: as fast as tokio goes.
pub(crate) fn gathering(threads: Threads) -> Server {
    const CAPACITY: usize = 1_024;
    let (tell, _) = channel(CAPACITY);
    Server::accepting(threads, move |stream, peer| {
        stream.set_nodelay(true).expect("it is a stream");
        let (told, tell) = (tell.subscribe(), tell.clone());
        tokio::spawn(async move { _ = serve_gathering(stream, peer, tell, told).await });
    })
}

async fn serve_gathering(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    tell: Sender<Arc<[u8]>>,
    mut told: Receiver<Arc<[u8]>>,
) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let header = format!("{peer}\n").into_bytes();
    let (mut buffer, mut message, mut queue) = (vec![0; 64 * 1024], header.clone(), Vec::new());
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => {
                let mut rest = &buffer[..read?];
                if rest.is_empty() {
                    return Ok(());
                }
                let mut said = Vec::new();
                while let Some(at) = memchr::memchr(b'\n', rest) {
                    let (line, next) = rest.split_at(at + 1);
                    message.extend_from_slice(line);
                    if message[header.len()..].trim_ascii() == QUIT {
                        return Ok(());
                    }
                    said.extend_from_slice(&message);
                    message.truncate(header.len());
                    rest = next;
                }
                message.extend_from_slice(rest);
                // This task has a receiver itself.
                let _ = tell.send(said.into());
            }
            first = told.recv() => {
                queue.clear();
                queue.extend_from_slice(&first.map_err(|_| ErrorKind::BrokenPipe)?);
                while let Ok(more) = told.try_recv() {
                    queue.extend_from_slice(&more);
                }
                writer.write_all(&queue).await?;
            }
        }
    }
}

/// What the loop by hand has of a member.
struct Member {
    stream: mio::net::TcpStream,
    /// The address that stands before what it says, and the line that it has begun.
    message: Vec<u8>,
    header_len: usize,
    queue: Vec<u8>,
}

impl Member {
    /// Reads what is there; gives the messages, one behind the other. `None` at its end.
    fn read(&mut self, buffer: &mut [u8], said: &mut Vec<u8>) -> Option<()> {
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return None,
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
                Err(_) => return None,
            };
            let mut rest = &buffer[..len];
            while let Some(at) = memchr::memchr(b'\n', rest) {
                let (line, next) = rest.split_at(at + 1);
                self.message.extend_from_slice(line);
                if self.message[self.header_len..].trim_ascii() == QUIT {
                    return None;
                }
                said.extend_from_slice(&self.message);
                self.message.truncate(self.header_len);
                rest = next;
            }
            self.message.extend_from_slice(rest);
            if len < buffer.len() {
                return Some(());
            }
        }
    }

    /// Writes what is queued, as far as the socket takes it. `None` if it cannot be written to, or too much waits.
    fn flush(&mut self) -> Option<()> {
        while !self.queue.is_empty() {
            match self.stream.write(&self.queue) {
                Ok(len) => _ = self.queue.drain(..len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        (self.queue.len() <= MAX_QUEUE_LEN).then_some(())
    }
}

/// One loop over what epoll says is ready, in one thread, which gathers what is queued for a member into one write.
pub(crate) fn by_hand() -> Server {
    Server::listening(serve_ready)
}

fn serve_ready(listener: TcpListener, running: &AtomicBool) {
    let (mut poll, listener) = watched(listener);
    let mut events = Events::with_capacity(1_024);
    let mut members: Vec<Option<Member>> = Vec::new();
    let (mut buffer, mut said) = (vec![0; 64 * 1024], Vec::new());
    while running.load(Ordering::Relaxed) {
        poll.poll(&mut events, None).expect("it can be waited for");
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                while let Ok((stream, peer)) = listener.accept() {
                    members.push(Some(join(stream, peer, &poll, Token(members.len()))));
                }
            } else if let Some(member) = &mut members[token.0]
                && event.is_readable()
                && member.read(&mut buffer, &mut said).is_none()
            {
                members[token.0] = None;
            }
        }
        for slot in &mut members {
            if let Some(member) = slot {
                member.queue.extend_from_slice(&said);
                if member.flush().is_none() {
                    *slot = None;
                }
            }
        }
        said.clear();
    }
}

fn join(mut stream: mio::net::TcpStream, peer: SocketAddr, poll: &Poll, token: Token) -> Member {
    stream.set_nodelay(true).expect("it is a stream");
    let either = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, token, either).expect("a stream can be watched");
    let message = format!("{peer}\n").into_bytes();
    Member { stream, header_len: message.len(), message, queue: Vec::new() }
}
