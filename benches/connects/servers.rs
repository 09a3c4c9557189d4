//! The baselines: a task for each connection.

use lossproof::systems::tcp_sixteen::{FAREWELL, HELLO};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::server::{Server, Threads};

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
