//! The classic small network programs, each a file with its machines, its scenario and its properties.
//!
//! Bytes on the wire, ports and timings are those of the originals; what the originals got wrong is right here, and
//! never by a change that a classic peer would notice. Bugs can be planted into them, see [`Bug`], to try searches on.

mod altered;
mod bugs;
mod escaped;
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

use std::fmt::{self, Debug, Display};
use std::time::Duration;

pub use bugs::Bug;
pub use options::{Kind, Options};

use crate::check::Property;
use crate::fault::Chance;
use crate::machine::{Boot, BoxedMachine, Peer};
use crate::scenario::Scenario;

/// What carries a system's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

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
    /// Whether its client is told what to do line by line; see [`System::typed`].
    pub interactive: bool,
    /// Whether its server brings its clients together, or is spoken to by a broadcast: one machine must serve them all.
    pub one_server: bool,
    /// Those of the [`Options`] that it takes, by their names on the command line, beside `timeout` and `time-scale`.
    pub options: &'static [&'static str],
    /// The bugs that can be planted into it, its original's among them.
    pub bugs: &'static [Bug],
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
            interactive: false,
            one_server: false,
            options: &[],
            bugs: &[],
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

/// One of the classic programs: a server, a client, and what is to be true of both.
pub trait System {
    /// What the application asks of either role.
    type Command: Clone + 'static;
    /// What either role tells the application; `Display` gives the line that the original prints.
    type Event: PartialEq + Debug + Display + 'static;
    /// What is to be known beside the machines.
    const ABOUT: About;

    /// The server.
    fn server(options: &Options, boot: Boot<'_>) -> BoxedMachine<Self::Command, Self::Event>;

    /// The client of the server at `server`.
    fn client(options: &Options, server: Peer, boot: Boot<'_>) -> BoxedMachine<Self::Command, Self::Event>;

    /// The hosts of a simulated run, the server first.
    fn scenario(options: &Options) -> Scenario<Self::Command, Self::Event>;

    /// What holds in every run of the scenario, whatever is lost.
    fn properties(options: &Options) -> Vec<Property<Self::Event>>;

    /// How large a share of runs the client succeeds in, where each datagram is lost with this chance and nothing else
    /// goes wrong: from a formula, if there is one for these options.
    fn success_share(_options: &Options, _loss: Chance) -> Option<f64> {
        None
    }

    /// What an interactive client is asked when this was typed.
    fn typed(_typed: Typed) -> Option<Self::Command> {
        None
    }

    /// Whether an interactive client takes the next line after this event. It gets no line before, so that what is
    /// typed ahead waits outside of the machine, however much it is.
    fn wants_line(_event: &Self::Event) -> bool {
        false
    }

    /// Writes what a terminal shows of an event: its line, unless the original prints it otherwise or not at all.
    ///
    /// # Errors
    /// As `to` fails.
    fn print(event: &Self::Event, to: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(to, "{event}")
    }

    /// What of an event goes to a file of the user's choice.
    fn file(_event: &Self::Event) -> Option<&[u8]> {
        None
    }
}

/// How long a run goes on after the moment by which its client has ended.
const AFTERWARDS: Duration = Duration::from_mins(1);

/// The server of a scenario: always its first host.
pub const SERVER: crate::HostId = crate::HostId(0);
/// The client of a scenario: always its second host.
pub const CLIENT: crate::HostId = crate::HostId(1);
