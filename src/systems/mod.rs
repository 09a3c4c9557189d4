//! The classic small network programs, each a file with its machines, its scenario and its properties.
//!
//! Bytes on the wire, ports and timings are those of the originals; what the originals got wrong is right here, and
//! never by a change that a classic peer would notice.

mod escaped;
pub mod tcp_sixteen;
pub mod udp_local;
pub mod udp_remote;

use std::fmt::{Debug, Display};
use std::time::Duration;

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
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// What `list` tells of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What it is called.
    pub name: &'static str,
    /// The port that both roles use unless told otherwise.
    pub port: u16,
    /// What carries its messages.
    pub transport: Transport,
    /// Whether its datagram client connects its socket, and so never sees what comes from elsewhere.
    pub client_connects: bool,
    /// What it shows, in one line.
    pub summary: &'static str,
}

/// What can be chosen about a system. Each takes what it knows and leaves the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How likely the server drops a request (udp-remote).
    pub drop: Chance,
    /// Whether requests and replies have ids (udp-remote).
    pub ids: bool,
    /// How long a client waits for an answer where the protocol does not say.
    pub timeout: Duration,
    /// What the protocol's own delays are multiplied by; more than 0, and finite.
    pub time_scale: f64,
    /// The local date and time, as udp-local's client tells it: `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub local_time: String,
}

impl Default for Options {
    /// No drops, no ids, 5 s, the original's delays, and the first moment of 2026.
    fn default() -> Self {
        Self {
            drop: Chance::NEVER,
            ids: false,
            timeout: Duration::from_secs(5),
            time_scale: 1.0,
            local_time: "2026-01-01 00:00:00.000000".to_owned(),
        }
    }
}

/// One of the classic programs: a server, a client, and what is to be true of both.
pub trait System {
    /// What the application asks of either role.
    type Command: Clone + 'static;
    /// What either role tells the application; `Display` gives the line that the original prints.
    type Event: PartialEq + Debug + Display + 'static;
    /// What `list` tells.
    const ABOUT: About;

    /// The server.
    fn server(options: &Options, boot: Boot<'_>) -> BoxedMachine<Self::Command, Self::Event>;

    /// The client of the server at `server`.
    fn client(options: &Options, server: Peer, boot: Boot<'_>) -> BoxedMachine<Self::Command, Self::Event>;

    /// The hosts of a simulated run, the server first.
    fn scenario(options: &Options) -> Scenario<Self::Command, Self::Event>;

    /// What holds in every run of the scenario, whatever is lost.
    fn properties(options: &Options) -> Vec<Property<Self::Event>>;
}

/// How long a run goes on after the moment by which its client has ended.
const AFTERWARDS: Duration = Duration::from_mins(1);

/// The server of a scenario: always its first host.
pub const SERVER: crate::HostId = crate::HostId(0);
/// The client of a scenario: always its second host.
pub const CLIENT: crate::HostId = crate::HostId(1);
