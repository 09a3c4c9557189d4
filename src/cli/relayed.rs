//! What `proxy` and `hunt` have in common: pairs of addresses, and what goes wrong between them.

use clap::Args;

use super::args::FaultArgs;
use super::error::CliError;
use super::output::quoted;
use super::value;
use super::world::read_plan;
use crate::fault::{Bandwidth, Chance, FaultPlan, Profile};
use crate::machine::Peer;
use crate::proxy::{Carrier, Proxy, ProxyError, Route};

/// The commands that take these words.
pub(super) const COMMANDS: [&str; 2] = ["proxy", "hunt"];
/// The help of their `--faults`.
pub(super) const FAULTS: &str = "Faults to inject, as in 'client-1>server #0 drop', or @FILE to read them; their moments count from the start";

/// How many bytes wait before a link with a rate.
const QUEUE_LEN: u32 = 64 * 1024;

/// What goes wrong between programs.
#[derive(Clone, Debug, Args)]
pub(super) struct Trouble {
    /// Seed of all random choices
    #[arg(long, value_name = "N", default_value = "0", allow_hyphen_values = true, value_parser = value::seed)]
    pub(super) seed: u64,
    /// Probability that a datagram is lost, or that data on a stream is late as after a retransmission
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) loss: Option<Chance>,
    #[command(flatten)]
    pub(super) faults: FaultArgs,
    /// Probability that a piece of a stream is split in two
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) cut: Option<Chance>,
    /// Bandwidth of each direction of a client, as in 2mbit or 500kbit; 64 KiB wait, and more is lost
    #[arg(long, value_name = "RATE", value_parser = value::rate)]
    pub(super) rate: Option<u64>,
}

impl Trouble {
    /// Whether something is asked for that is drawn.
    pub(super) fn says_draws(&self) -> bool {
        self.loss.is_some() || self.cut.is_some() || self.rate.is_some() || self.faults.says_draws()
    }

    /// What is drawn: nothing, unless asked for.
    pub(super) fn profile(&self) -> Profile {
        let profile = self.faults.profile(self.loss, Chance::NEVER);
        Profile {
            cut: self.cut.unwrap_or(profile.cut),
            bandwidth: self.rate.map(|rate| Bandwidth::bits(rate, QUEUE_LEN)).or(profile.bandwidth),
            ..profile
        }
    }

    /// The faults that were given.
    pub(super) fn plan(&self) -> Result<FaultPlan, CliError> {
        let plan = read_plan(self.faults.faults.as_deref())?;
        if self.faults.streams.is_some() {
            return Err(ProxyError::Streams.into());
        }
        Ok(plan)
    }

    /// A proxy with all of it.
    pub(super) fn proxy(&self, routes: Vec<Route>) -> Result<Proxy, CliError> {
        Ok(Proxy::new(routes).faults(self.plan()?).profile(self.profile()).seed(self.seed))
    }
}

/// Reads pairs of addresses: each is `udp` or `tcp`, where it listens, and where to, and may be followed by names.
pub(super) fn routes(words: &[String]) -> Result<Vec<Route>, CliError> {
    let wrong = |why: String| CliError::Route(why);
    let mut routes: Vec<Route> = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if let Some((key, name)) = word.split_once('=').filter(|_| !routes.is_empty()) {
            let route = routes.last_mut().ok_or_else(|| wrong(String::new()))?;
            match key {
                "client" => name.clone_into(&mut route.client),
                "server" => route.server = Some(name.to_owned()),
                _ => return Err(wrong(format!("'{word}' is no name: write client=NAME or server=NAME"))),
            }
            continue;
        }
        let carrier = match word {
            "udp" => Carrier::Datagrams,
            "tcp" => Carrier::Streams,
            _ if word.starts_with("unix:") => Carrier::Streams,
            _ => {
                return Err(wrong(format!(
                    "cannot use '{word}': write udp or tcp, where to listen, and where to"
                )));
            }
        };
        let listen = if word.starts_with("unix:") { Some(word) } else { words.next() };
        let peer = |text: Option<&str>, what: &str| -> Result<Peer, CliError> {
            let text = text.ok_or_else(|| wrong(format!("after '{word}' there is no address {what}")))?;
            text.parse().map_err(|error| wrong(format!("{error}")))
        };
        let (listen, to) = (peer(listen, "where to listen")?, peer(words.next(), "where to")?);
        routes.push(Route { carrier, ..Route::udp(listen, to) });
    }
    Ok(routes)
}

/// Pairs of addresses as words for a shell.
pub(super) fn route_words(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Route>, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        routes(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn several_pairs_with_names_are_read() {
        let text = "udp 127.0.0.1:0 127.0.0.1:1060 client=phone server=exchange tcp [::1]:0 unix:/s unix:/l 127.0.0.1:2";
        let routes = read(text).unwrap();
        let shown: Vec<String> = routes
            .iter()
            .map(|Route { carrier, listen, to, client, server }| {
                format!("{carrier:?} {listen} {to} {client} {server:?}")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Datagrams 127.0.0.1:0 127.0.0.1:1060 phone Some(\"exchange\")",
                "Streams [::1]:0 unix:/s client None",
                "Streams unix:/l 127.0.0.1:2 client None",
            ]
        );
    }

    #[test]
    fn what_is_no_pair_says_what_to_write() {
        for (text, part) in [
            ("sctp 127.0.0.1:0 127.0.0.1:1", "'sctp': write udp or tcp"),
            ("udp", "no address where to listen"),
            ("udp 127.0.0.1:0", "no address where to"),
            ("udp 127.0.0.1:0 localhost", "'localhost' is not an address"),
            ("udp 127.0.0.1:0 127.0.0.1:1 peer=x", "client=NAME"),
            ("client=x", "cannot use 'client=x'"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
