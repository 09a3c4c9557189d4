//! The options of single systems, as words.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::quoted;
use super::registry;
use super::value;
use crate::fault::Chance;
use crate::systems::{About, Bug, Kind, Options};

/// What can be chosen about a system.
#[derive(Clone, Debug, Args)]
pub(super) struct SystemArgs {
    /// Multiply the protocol's own delays by this
    #[arg(long, value_name = "F", default_value = "1", allow_hyphen_values = true, value_parser = value::scale)]
    time_scale: f64,
    /// How long a client waits for an answer where the protocol does not say
    #[arg(long, value_name = "SPAN", default_value = "5s", allow_hyphen_values = true, value_parser = value::timeout)]
    timeout: Duration,
    /// Plant a bug, with the faults that show it if none are given; 'lossproof list --bugs' shows all
    #[arg(long, value_name = "NAME", help_heading = SINGLE)]
    #[arg(value_parser = value::text(registry::bugs), hide_possible_values = true)]
    bug: Option<String>,
    /// How likely the server drops a request (udp-remote) [default: 0%; serve: 50%]
    #[arg(long, value_name = "P", allow_hyphen_values = true, help_heading = SINGLE)]
    drop: Option<Chance>,
    /// Give requests and replies ids (udp-remote)
    #[arg(long, help_heading = SINGLE)]
    ids: bool,
    /// Use datagrams instead of a stream (greeter)
    #[arg(long, help_heading = SINGLE)]
    datagram: bool,
    /// How many clients are handled at one time (greeter) [default: concurrent]
    #[arg(long, value_enum, help_heading = SINGLE)]
    kind: Option<KindArg>,
    /// How long a client is held, in seconds or as a span (greeter) [default: 0]
    #[arg(long, value_name = "S", allow_hyphen_values = true, value_parser = value::seconds, help_heading = SINGLE)]
    hold: Option<Duration>,
    /// How many bytes the client sends at least (tcp-deadlock) [default: 1048576]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::bytes, help_heading = SINGLE)]
    bytes: Option<u64>,
    /// What the server says (greet) [default: the original's text]
    #[arg(long, allow_hyphen_values = true, help_heading = SINGLE)]
    text: Option<String>,
    /// What the request says of its host (http) [default: the server's name]
    #[arg(long, value_parser = value::header, help_heading = SINGLE)]
    host: Option<String>,
    /// What is asked for (http) [default: /]
    #[arg(long, value_parser = value::path, help_heading = SINGLE)]
    path: Option<String>,
    /// Tell what a member says to the others only (udp-chat)
    #[arg(long, help_heading = SINGLE)]
    not_to_sender: bool,
}

/// The heading of what only single systems take.
const SINGLE: &str = "Options of single systems";

/// How many clients are handled at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// One after another.
    Sync,
    /// All together.
    Concurrent,
}

impl SystemArgs {
    /// The options for a system.
    ///
    /// # Errors
    /// If the system does not take one of them, or has no such bug.
    pub(super) fn options(&self, about: &About) -> Result<Options, CliError> {
        let given = self.given();
        if let Some((option, _)) = given.iter().find(|(option, _)| !about.options.contains(option)) {
            return Err(CliError::OptionOfAnother { system: about.name, option });
        }
        let default = Options::default();
        Ok(Options {
            drop: self.drop.unwrap_or(default.drop),
            ids: self.ids,
            datagram: self.datagram,
            kind: match self.kind {
                Some(KindArg::Sync) => Kind::Sync,
                Some(KindArg::Concurrent) | None => default.kind,
            },
            hold: self.hold.unwrap_or(default.hold),
            bytes: self.bytes.unwrap_or(default.bytes),
            text: self.text.clone(),
            host: self.host.clone().unwrap_or(default.host),
            path: self.path.clone().unwrap_or(default.path),
            not_to_sender: self.not_to_sender,
            bug: self.bug(about)?.map(|bug| bug.name),
            timeout: self.timeout,
            time_scale: self.time_scale,
            fallbacks: Vec::new(),
            local_time: default.local_time,
        })
    }

    /// The bug that is to be planted, if there is one.
    ///
    /// # Errors
    /// If the system has no such bug.
    pub(super) fn bug(&self, about: &About) -> Result<Option<&'static Bug>, CliError> {
        let Some(name) = &self.bug else { return Ok(None) };
        let known = about.bugs;
        match known.iter().find(|bug| bug.name == name) {
            Some(bug) => Ok(Some(bug)),
            None => Err(CliError::UnknownBug {
                system: about.name,
                name: name.clone(),
                near: registry::nearest(name, known.iter().map(|bug| bug.name)),
                known,
            }),
        }
    }

    /// Whether the chance of a drop was given.
    pub(super) const fn says_drop(&self) -> bool {
        self.drop.is_some()
    }

    /// Whether the request's host was given.
    pub(super) const fn says_host(&self) -> bool {
        self.host.is_some()
    }

    /// The options of single systems that were given, by name, each with its value if it has one.
    fn given(&self) -> Vec<(&'static str, Option<String>)> {
        let flag = |given: bool| given.then_some(None);
        let kind = self.kind.and_then(|kind| kind.to_possible_value());
        let all = [
            ("drop", self.drop.map(|drop| Some(drop.to_string()))),
            ("ids", flag(self.ids)),
            ("datagram", flag(self.datagram)),
            ("kind", kind.map(|kind| Some(kind.get_name().to_owned()))),
            ("hold", self.hold.map(|span| Some(value::span_text(span)))),
            ("bytes", self.bytes.map(|bytes| Some(bytes.to_string()))),
            ("text", self.text.clone().map(Some)),
            ("host", self.host.clone().map(Some)),
            ("path", self.path.clone().map(Some)),
            ("not-to-sender", flag(self.not_to_sender)),
        ];
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }

    /// The words that choose these options again, for a shell; those that are left as they are, are left out.
    pub(super) fn words(&self) -> Vec<String> {
        let default = Options::default();
        let word = |(name, value): (&str, Option<String>)| match value {
            Some(value) => format!("--{name} {}", quoted(&value)),
            None => format!("--{name}"),
        };
        let mut words: Vec<String> = self.given().into_iter().map(word).collect();
        if let Some(bug) = &self.bug {
            words.push(format!("--bug {bug}"));
        }
        if self.time_scale.to_bits() != default.time_scale.to_bits() {
            words.push(format!("--time-scale {}", self.time_scale));
        }
        if self.timeout != default.timeout {
            words.push(format!("--timeout {}", value::span_text(self.timeout)));
        }
        words
    }
}
