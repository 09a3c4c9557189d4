//! The classic small network programs, each a file or a folder with its machines and its scenario.
//!
//! Bytes on the wire, ports and timings are those of the originals; what the originals got wrong is right here, and
//! never by a change that a classic peer would notice.
//!
//! Each module has `ABOUT`, the machines of its two roles, each with commands and events of its own, and `net`, which
//! builds a scenario of them: its hosts (the server first), what is asked of them, and what holds in every run.

mod altered;
pub mod election;
pub mod geocode;
pub mod greet;
pub mod greeter;
pub mod hello_tcp;
pub mod hello_udp;
pub mod http;
mod options;
pub mod select_echo;
pub mod suffix_echo;
pub mod tcp_chat;
pub mod tcp_deadlock;
pub mod tcp_sixteen;
pub mod udp_broadcast;
pub mod udp_chat;
pub mod udp_local;
pub mod udp_remote;

use std::time::Duration;

pub use crate::scenario::Transport;
pub use options::{Kind, Options};

/// What is to be known of a system beside its machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each named where a system states it")]
pub struct About {
    /// What it is called.
    pub name: &'static str,
    /// The port that both roles use unless told otherwise.
    pub port: u16,
    /// What carries its messages.
    pub transport: Transport,
    /// Whether it has a datagram form as well, where a stream is the usual one.
    pub datagram_form: bool,
    /// Whether it has Unix sockets, of the kinds that it has over the internet.
    pub unix: bool,
    /// Whether its datagram client connects its socket, and so never sees what comes from elsewhere.
    pub client_connects: bool,
    /// Whether its client sends broadcasts; IPv4 only.
    pub broadcasts: bool,
    /// Whether its client takes the server's name instead of an address, with or without a port.
    pub takes_names: bool,
    /// Whether its server brings its clients together, or is spoken to by a broadcast: one machine must serve them all.
    pub one_server: bool,
    /// Whether its server saves what it may not forget, and so has to be given a file for it.
    pub keeps_state: bool,
    /// Whether its server has members instead of connections, and so a limit of them.
    pub has_members: bool,
    /// Those of the [`Options`] that it takes, by their names on the command line, beside `timeout` and `time-scale`.
    pub options: &'static [&'static str],
    /// What it shows, in one line.
    pub summary: &'static str,
}

impl About {
    /// A system with internet sockets of one kind, nothing to choose, and a client that is left alone.
    pub const fn new(name: &'static str, port: u16, transport: Transport, summary: &'static str) -> Self {
        Self {
            name,
            port,
            transport,
            datagram_form: false,
            unix: false,
            client_connects: false,
            broadcasts: false,
            takes_names: false,
            one_server: false,
            keeps_state: false,
            has_members: false,
            options: &[],
            summary,
        }
    }

    /// What carries its messages with these options.
    pub const fn transport_with(&self, options: &Options) -> Transport {
        if self.datagram_form && options.datagram { Transport::Udp } else { self.transport }
    }
}

/// What somebody does at a client's terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line, without its end; not always UTF-8.
    Line(Vec<u8>),
    /// The input has come to its end.
    End,
}

/// How long a run goes on after the moment by which its client has ended.
const AFTERWARDS: Duration = Duration::from_mins(1);
