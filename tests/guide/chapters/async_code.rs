use std::{io, net::SocketAddr, time::Duration};
use tokio::time::timeout;

#[cfg(test)]
use lossproof::net::UdpSocket;
#[cfg(not(test))]
use tokio::net::UdpSocket;

const BLOCK_LEN: usize = 4;

/// Sends a file block by block. A block shorter than `BLOCK_LEN` is the last one.
pub async fn send(receiver: SocketAddr, file: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect(receiver).await?;
    let (mut acked_len, mut number) = (0, 0_u8);
    loop {
        let block = file.as_bytes()[acked_len..].chunks(BLOCK_LEN).next().unwrap_or_default();
        loop {
            socket.send(&[&[number], block].concat()).await?;
            if timeout(Duration::from_millis(100), socket.recv(&mut [0])).await.is_ok() {
                break;
            }
        }
        if block.len() < BLOCK_LEN {
            return Ok(());
        }
        (acked_len, number) = (acked_len + BLOCK_LEN, number.wrapping_add(1));
    }
}

/// Acknowledges every copy of a block, stores the block once, and hands each file over.
pub async fn receive(address: &str, mut arrived: impl FnMut(String)) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    let (mut file, mut expected, mut buffer) = (Vec::new(), 0_u8, [0; 1 + BLOCK_LEN]);
    loop {
        let (len, sender) = socket.recv_from(&mut buffer).await?;
        let [number, block @ ..] = &buffer[..len] else { continue };
        socket.send_to(&[*number], sender).await?;
        if *number == expected {
            expected = expected.wrapping_add(1);
            file.extend_from_slice(block);
            if block.len() < BLOCK_LEN {
                arrived(String::from_utf8_lossy(&std::mem::take(&mut file)).into_owned());
            }
        }
    }
}
