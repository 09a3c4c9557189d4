//! The servers of this program, each in a process that was started for it.

use std::env;
use std::io::Read as _;
use std::net::SocketAddr;

use lossproof::drive::{Endpoint, Setup, run};

use crate::chat::servers::Writes;
use crate::support::echo::Echo;
use crate::support::server::{Server, Threads, serve_at};
use crate::udp::exchange::local_reply;
use crate::{chat, connects, echo, udp};

/// Serves under this name until its standard input ends.
pub(crate) fn serve(name: &str) {
    let addr: SocketAddr = env::args().nth(3).and_then(|addr| addr.parse().ok()).expect("an address");
    serve_at(addr);
    if name == "echo-lossproof" {
        let setup = Setup::new(Endpoint::listener(addr.into()));
        run(Echo::default(), setup, |_| {}, drop).expect("it is driven to its end");
        return;
    }
    let _server = named(name);
    let _ = std::io::stdin().read(&mut [0]);
    // What is connected need not be waited for.
    std::process::exit(0);
}

fn named(name: &str) -> Server {
    match name {
        "udp-tokio-multi-thread" => udp::servers::plain(Threads::Multi, local_reply),
        "udp-tokio-current-thread" => udp::servers::plain(Threads::Current, local_reply),
        "udp-recvmmsg" => udp::servers::batched(local_reply),
        "connects-tasks-multi-thread" => connects::servers::tasks(Threads::Multi, AT_ONCE),
        "connects-tasks-current-thread" => connects::servers::tasks(Threads::Current, AT_ONCE),
        "connects-epoll" => connects::servers::by_hand(),
        "chat-tokio-nodelay-multi-thread" => chat::servers::broadcast(Threads::Multi, Writes::AtOnce),
        "chat-tokio-multi-thread" => chat::servers::broadcast(Threads::Multi, Writes::Delayed),
        "chat-tokio-current-thread" => chat::servers::broadcast(Threads::Current, Writes::Delayed),
        "chat-tokio-gathering-current-thread" => chat::servers::gathering(Threads::Current),
        "chat-epoll-gathering" => chat::servers::by_hand(),
        "echo-framed-multi-thread" => echo::servers::framed_send(Threads::Multi),
        "echo-framed-current-thread" => echo::servers::framed_send(Threads::Current),
        "echo-epoll" => echo::servers::by_hand(),
        other => panic!("there is no server {other}"),
    }
}

const AT_ONCE: connects::servers::Ending = connects::servers::Ending::AtOnce;
