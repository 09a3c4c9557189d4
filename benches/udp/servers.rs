//! The baselines. `reply` appends the answer to a request; all buffers are made once.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use crate::support::server::{LOOPBACK, Server, Threads, own_addr};

/// The longest datagram, as for the driver.
const MAX_LEN: usize = 64 * 1024;
/// How many datagrams one call takes.
const BATCH: usize = 64;
/// How long a request is at most where many buffers are needed.
const MAX_BATCHED_LEN: usize = 2 * 1024;

fn bind() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(own_addr()).expect("there is a free port");
    let addr = socket.local_addr().expect("it is bound");
    (socket, addr)
}

/// The loop that everybody writes: receive one, send one.
pub(crate) fn plain(threads: Threads, reply: impl Fn(&[u8], &mut Vec<u8>) + Send + 'static) -> Server {
    let (socket, addr) = bind();
    Server::on_tokio(threads, addr, move || async move {
        socket.set_nonblocking(true).expect("it is a socket");
        let socket = tokio::net::UdpSocket::from_std(socket).expect("there is a runtime");
        let (mut buffer, mut answer) = (vec![0; MAX_LEN], Vec::new());
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.expect("it can be read");
            answer.clear();
            reply(&buffer[..len], &mut answer);
            socket.send_to(&answer, from).await.expect("the loopback takes it");
        }
    })
}

/// The same without a runtime.
pub(crate) fn blocking(reply: impl Fn(&[u8], &mut Vec<u8>) + Send + 'static) -> Server {
    let (socket, addr) = bind();
    Server::blocking(addr, poke, move |running| {
        let (mut buffer, mut answer) = (vec![0; MAX_LEN], Vec::new());
        while running.load(Ordering::Relaxed) {
            let (len, from) = socket.recv_from(&mut buffer).expect("it can be read");
            answer.clear();
            reply(&buffer[..len], &mut answer);
            socket.send_to(&answer, from).expect("the loopback takes it");
        }
    })
}

/// Receives what is there with one call, and sends all answers with one.
pub(crate) fn batched(reply: impl Fn(&[u8], &mut Vec<u8>) + Send + 'static) -> Server {
    let (socket, addr) = bind();
    Server::blocking(addr, poke, move |running| serve_batches(&socket, running, &reply))
}

fn serve_batches(socket: &UdpSocket, running: &AtomicBool, reply: &impl Fn(&[u8], &mut Vec<u8>)) {
    let fd = socket.as_raw_fd();
    let mut buffers = vec![[0; MAX_BATCHED_LEN]; BATCH];
    let mut answers = vec![Vec::new(); BATCH];
    let mut receiving = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut sending = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    while running.load(Ordering::Relaxed) {
        let mut from = [None; BATCH];
        let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let requests = recvmmsg(fd, &mut receiving, &mut slices, MsgFlags::MSG_WAITFORONE, None);
        let mut count = 0;
        for request in requests.expect("it can be read") {
            let answer = &mut answers[count];
            answer.clear();
            reply(request.iovs().next().unwrap_or_default(), answer);
            from[count] = request.address;
            count += 1;
        }
        let slices: Vec<_> = answers[..count].iter().map(|answer| [IoSlice::new(answer)]).collect();
        let sent = sendmmsg(fd, &mut sending, &slices, &from[..count], [], MsgFlags::empty());
        assert_eq!(sent.expect("the loopback takes them").count(), count);
    }
}

/// An empty datagram, to which the answer is not awaited.
fn poke(server: SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).expect("there is a free port");
    socket.send_to(&[], server).expect("the loopback takes it");
}
