//! The baselines: a task for each connection.

use std::net::TcpListener;

use lossproof::systems::tcp_sixteen::{FAREWELL, HELLO};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::server::{LOOPBACK, Server, Threads};

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
    let listener = TcpListener::bind(LOOPBACK).expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound");
    Server::on_tokio(threads, addr, move || async move {
        listener.set_nonblocking(true).expect("it is a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("there is a runtime");
        loop {
            let (stream, _) = listener.accept().await.expect("there are descriptors left");
            tokio::spawn(async move {
                // A client that goes early harms nobody; the load finds out what is missing.
                let _ = serve(stream, ending).await;
            });
        }
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
