//! What is measured: a load, our server, and those beside it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::process::{Carrier, Start};
use crate::support::descriptors::make_room_for;
use crate::udp::exchange::LOCAL;
use crate::{chat, connects, echo, udp};

/// A load: asks a server this number of times, and says how long that took.
pub(crate) struct Load {
    pub(crate) run: Box<dyn FnMut(u64) -> Duration>,
    /// How many elements an iteration has.
    pub(crate) elements: u64,
}

impl Load {
    fn new(elements: u64, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self { run: Box::new(run), elements }
    }
}

/// A server of a row.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    /// What our ratio to it ought to be at least; with several of ours, the ratio of each.
    pub(crate) asked: Option<&'static str>,
}

/// One line of what is asked.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) carrier: Carrier,
    pub(crate) load: fn(SocketAddr) -> Load,
    /// How many of the servers are ours: the first ones.
    pub(crate) ours: usize,
    pub(crate) contenders: Vec<Contestant>,
}

const fn ours(name: &'static str, system: &'static str, words: &'static [&'static str]) -> Contestant {
    Contestant { name, start: Start::Program(system, words), asked: None }
}

const fn own(name: &'static str, asked: &'static str) -> Contestant {
    let asked = if asked.is_empty() { None } else { Some(asked) };
    Contestant { name, start: Start::Own(name), asked }
}

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    let mut rows: Vec<Row> = udp_rows().into();
    rows.extend(connect_rows());
    rows.extend(chat_rows());
    rows.push(echo_row());
    rows
}

fn udp_rows() -> [Row; 2] {
    let loads: [fn(SocketAddr) -> Load; 2] = [
        |addr| {
            let mut load = udp::load::Load::new(addr, udp::load::WINDOW, LOCAL.request, LOCAL.reply);
            Load::new(1, move |count| load.run(count))
        },
        |addr| {
            let mut load = udp::load::Load::new(addr, 1, LOCAL.request, LOCAL.reply);
            Load::new(1, move |count| load.run(count))
        },
    ];
    let row = |name, load, asked: [&'static str; 3]| Row {
        name,
        carrier: Carrier::Datagrams,
        load,
        ours: 2,
        contenders: vec![
            ours("serve udp-local", "udp-local", &[]),
            ours("serve udp-local --quiet", "udp-local", &["--quiet"]),
            own("udp-tokio-multi-thread", asked[0]),
            own("udp-tokio-current-thread", asked[1]),
            own("udp-recvmmsg", asked[2]),
        ],
    };
    let [many, one] = loads;
    [
        row("udp-local, 64 outstanding", many, ["1.3; 1.6", "", "0.9; 1.0"]),
        row("udp-local, one at a time", one, ["1.3; 1.3", "1.0; 1.0", ""]),
    ]
}

fn connect_rows() -> [Row; 2] {
    let row = |name, load| Row {
        name,
        carrier: Carrier::Streams,
        load,
        ours: 1,
        contenders: vec![
            ours("serve tcp-sixteen", "tcp-sixteen", &[]),
            own("connects-tasks-multi-thread", "1.1"),
            own("connects-tasks-current-thread", "1.1"),
            own("connects-epoll", "0.95"),
        ],
    };
    [
        row("tcp-sixteen, one at a time", |addr| {
            Load::new(1, move |count| connects::load::one_at_a_time(addr, count))
        }),
        row("tcp-sixteen, eight at once", |addr| {
            Load::new(1, move |count| connects::load::overlapping(addr, count, 8))
        }),
    ]
}

/// A chat of `members`. The `speakers` among them speak, each with `window` lines on their way.
fn chat_load(addr: SocketAddr, [speakers, members]: [usize; 2], window: u64) -> Load {
    let mut load = chat::load::Load::new(addr, [speakers, members], window);
    Load::new((speakers * members) as u64, move |rounds| load.run(rounds))
}

fn chat_rows() -> [Row; 2] {
    let row = |name, load, asked: [&'static str; 2]| Row {
        name,
        carrier: Carrier::Streams,
        load,
        ours: 1,
        contenders: vec![
            ours("serve tcp-chat", "tcp-chat", &[]),
            own("chat-tokio-nodelay-multi-thread", ""),
            own("chat-tokio-multi-thread", asked[0]),
            own("chat-tokio-current-thread", asked[0]),
            own("chat-tokio-gathering-current-thread", asked[0]),
            own("chat-epoll-gathering", asked[1]),
        ],
    };
    [
        row("tcp-chat, 32 speakers", |addr| chat_load(addr, [32, 32], 4), ["", "1.0"]),
        row("tcp-chat, one speaker, 64 listeners", |addr| chat_load(addr, [1, 65], 32), ["1.0", "0.95"]),
    ]
}

/// How many connections there are where there are many.
const CONNECTIONS: usize = 1_000;

fn echo_row() -> Row {
    Row {
        name: "framed echo, 1,000 connections",
        carrier: Carrier::Streams,
        load: |addr| {
            assert!(make_room_for(8 * CONNECTIONS), "raise the limit on open files (ulimit -n)");
            let mut load = echo::load::Many::new(addr, CONNECTIONS);
            Load::new(CONNECTIONS as u64, move |turns| echo::load::Load::run(&mut load, turns))
        },
        ours: 1,
        contenders: vec![
            own("echo-lossproof", ""),
            own("echo-framed-multi-thread", "1.25"),
            own("echo-framed-current-thread", "1.25"),
            own("echo-epoll", ""),
        ],
    }
}
