//! What can be chosen about a system.

use std::time::Duration;

use super::geocode::{self, Table};
use super::udp_chat;
use super::udp_remote::seal::Key;
use crate::fault::Chance;
use crate::machine::Peer;

/// How many clients a server handles at one time (greeter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One; the others wait for it.
    Sync,
    /// All of them together.
    Concurrent,
}

/// What can be chosen about a system. Each takes what it knows, as its [`About`](super::About) says, and leaves the
/// rest.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices, each of one system")]
pub struct Options {
    /// How likely the server drops a request (udp-remote).
    pub drop: Chance,
    /// Whether requests and replies have ids (udp-remote).
    pub ids: bool,
    /// What requests and replies are sealed with; they have ids then (udp-remote).
    pub key: Option<Key>,
    /// Whether datagrams are used where a stream is the usual form (greeter).
    pub datagram: bool,
    /// How many clients are handled at one time (greeter).
    pub kind: Kind,
    /// How long the server waits before it closes a connection (greeter).
    pub hold: Duration,
    /// How many bytes the client sends at least (tcp-deadlock).
    pub bytes: u64,
    /// What the server says instead of its own text (greet).
    pub text: Option<String>,
    /// What the request says of its host (http, geocode).
    pub host: String,
    /// What is asked for (http).
    pub path: String,
    /// The place that is asked for, in words (geocode).
    pub place: String,
    /// What the server knows instead of its own places (geocode).
    pub table: Option<Table>,
    /// Whether the client shows its answer as JSON (geocode).
    pub json: bool,
    /// Further addresses of the server, tried in order where one before cannot be reached (http,
    /// geocode).
    pub fallbacks: Vec<Peer>,
    /// Where the datagram goes, if not to everybody (udp-broadcast).
    pub broadcast_to: Option<Peer>,
    /// Whether a message is not echoed to its sender (udp-chat).
    pub not_to_sender: bool,
    /// Whether only members are heard (udp-chat).
    pub members_only: bool,
    /// How many members the server keeps at most, up to [`MAX_MEMBERS`](super::udp_chat::MAX_MEMBERS) (udp-chat).
    pub max_members: usize,
    /// How many members there are in simulation (election).
    pub members: usize,
    /// The other members on real sockets; in simulation none are given (election).
    pub peers: Option<Vec<Peer>>,
    /// How long a client waits for an answer where the protocol does not say.
    pub timeout: Duration,
    /// What the protocol's own delays are multiplied by; more than 0, and finite.
    pub time_scale: f64,
    /// The local date and time, as udp-local's client tells it: `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub local_time: String,
}

impl Options {
    /// How many bytes tcp-deadlock's client sends unless told otherwise: more than all buffers there and back hold.
    pub const BYTES: u64 = 160 * 1024;

    /// One of the protocol's own delays, scaled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lossproof::systems::Options;
    ///
    /// let options = Options { time_scale: 0.5, ..Options::default() };
    /// assert_eq!(options.scaled(Duration::from_secs(5)), Duration::from_millis(2_500));
    /// ```
    pub fn scaled(&self, delay: Duration) -> Duration {
        // A scale that the command line would refuse leaves the original's delay.
        Duration::try_from_secs_f64(delay.as_secs_f64() * self.time_scale)
            .ok()
            .filter(|scaled| !scaled.is_zero())
            .unwrap_or(delay)
    }
}

impl Default for Options {
    /// No drops, no ids, no key, three members, 5 s, the original's delays and texts, and the first moment of 2026.
    fn default() -> Self {
        Self {
            drop: Chance::NEVER,
            ids: false,
            key: None,
            datagram: false,
            kind: Kind::Concurrent,
            hold: Duration::ZERO,
            bytes: Self::BYTES,
            text: None,
            host: "server".to_owned(),
            path: "/".to_owned(),
            place: geocode::PLACE.to_owned(),
            table: None,
            json: false,
            fallbacks: Vec::new(),
            broadcast_to: None,
            not_to_sender: false,
            members_only: false,
            max_members: udp_chat::MAX_MEMBERS,
            members: 3,
            peers: None,
            timeout: Duration::from_secs(5),
            time_scale: 1.0,
            local_time: "2026-01-01 00:00:00.000000".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_without_sense_leaves_the_delay() {
        for time_scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            let options = Options { time_scale, ..Options::default() };
            assert_eq!(options.scaled(Duration::from_secs(5)), Duration::from_secs(5), "{time_scale}");
        }
    }
}
