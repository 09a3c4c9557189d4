//! A server that counts requests, and a client that repeats its request until it is answered.

use std::io;
use std::time::Duration;

use super::net::{ToSocketAddrs, UdpSocket};
use super::time;

/// Answers each request with its number, and tells of it.
pub async fn serve(address: impl ToSocketAddrs, mut served: impl FnMut(u32)) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    let (mut buffer, mut count) = ([0; 64], 0_u32);
    loop {
        let (_, peer) = socket.recv_from(&mut buffer).await?;
        count += 1;
        served(count);
        socket.send_to(&count.to_be_bytes(), peer).await?;
    }
}

/// The number of the request that was answered. Each of the attempts waits twice as long as the one before it.
pub async fn ask(server: impl ToSocketAddrs + Copy, attempts: u32) -> io::Result<u32> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    let mut wait = Duration::from_millis(100);
    for _ in 0..attempts {
        socket.send_to(b"count", server).await?;
        let mut reply = [0; 4];
        if let Ok(received) = time::timeout(wait, socket.recv_from(&mut reply)).await {
            received?;
            return Ok(u32::from_be_bytes(reply));
        }
        wait *= 2;
    }
    Err(io::ErrorKind::TimedOut.into())
}
