//! The options of single systems, as words.

use std::any::Any;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, ValueEnum};

use super::app::App;
use super::chosen::{self, ChosenKey, ChosenTable};
use super::error::CliError;
use super::output::quoted;
use super::program::{Program, nearest};
use super::tls::{OPTIONS, TlsArgs};
use super::value::{self, Peers, ValueError};
use crate::fault::Chance;
use crate::machine::Peer;
use crate::specimens::Specimen;
use crate::systems::{Kind, Options};

/// What can be chosen about a system. A program's commands have those of these options that one of its systems takes.
#[derive(Clone, Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct SystemArgs {
    /// List the bugs that --bug can plant into the systems, instead
    #[arg(long)]
    pub(super) bugs: bool,
    /// Multiply the protocol's own delays by this
    #[arg(long, value_name = "F", default_value = "1", allow_hyphen_values = true, value_parser = value::scale)]
    time_scale: Option<f64>,
    /// How long a client waits for an answer if the protocol does not define it
    #[arg(long, value_name = "SPAN", default_value = "5s", allow_hyphen_values = true, value_parser = value::timeout)]
    timeout: Option<Duration>,
    /// Number of server threads, each with its own sockets and machine; not for servers that connect clients to each
    /// other
    #[arg(long, value_name = "N", default_value = "1", allow_hyphen_values = true, value_parser = value::jobs)]
    #[arg(conflicts_with = "faults")]
    workers: Option<NonZeroUsize>,
    /// File for the body (http) [default: the server's name and .html]
    #[arg(long = "output", value_name = "FILE", help_heading = SINGLE)]
    pub(super) body: Option<PathBuf>,
    /// Overwrite an existing file of the server's name (http)
    #[arg(long, help_heading = SINGLE)]
    pub(super) force: bool,
    /// Plant a bug, with the faults that show it unless you give some; 'lossproof list --bugs' shows all
    #[arg(long, value_name = "NAME", help_heading = SINGLE)]
    bug: Option<String>,
    /// Probability that the server drops a request (udp-remote) [default: 0%; serve: 50%]
    #[arg(long, value_name = "P", allow_hyphen_values = true, help_heading = SINGLE)]
    drop: Option<Chance>,
    /// Give requests and replies ids (udp-remote)
    #[arg(long, help_heading = SINGLE)]
    ids: bool,
    /// Seal requests and replies, which then have ids, with a key of 16 bytes or more, or with the key in @FILE
    /// (udp-remote)
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, value_parser = chosen::key, help_heading = SINGLE)]
    key: Option<ChosenKey>,
    /// Use datagrams instead of a stream (greeter)
    #[arg(long, help_heading = SINGLE)]
    datagram: bool,
    /// How many clients are handled at one time (greeter) [default: concurrent]
    #[arg(long, value_enum, help_heading = SINGLE)]
    kind: Option<KindArg>,
    /// Time until the server closes a connection, in seconds or as a span (greeter) [default: 0]
    #[arg(long, value_name = "S", allow_hyphen_values = true, value_parser = value::seconds, help_heading = SINGLE)]
    hold: Option<Duration>,
    /// Minimum number of bytes that the client sends (tcp-deadlock) [default: 163840]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::bytes, help_heading = SINGLE)]
    bytes: Option<u64>,
    /// What the server says (greet) [default: the original's text]
    #[arg(long, allow_hyphen_values = true, help_heading = SINGLE)]
    text: Option<String>,
    /// Value of the Host header (http, geocode) [default: the server's name]
    #[arg(long, value_parser = value::header, help_heading = SINGLE)]
    host: Option<String>,
    /// Path of the request (http) [default: /]
    #[arg(long, value_parser = value::path, help_heading = SINGLE)]
    path: Option<String>,
    /// The place to look up, in words (geocode) [default: the original's]
    #[arg(long, value_name = "PLACE", value_parser = value::place, help_heading = SINGLE)]
    place: Option<String>,
    /// The places that the server knows: a file with [{"address": "…", "lat": …, "lng": …}] (geocode) [default: some]
    #[arg(long, value_name = "FILE", value_parser = chosen::table, help_heading = SINGLE)]
    table: Option<ChosenTable>,
    /// Show where the place is as JSON (geocode)
    #[arg(long, help_heading = SINGLE)]
    json: bool,
    /// Do not echo a message to its sender (udp-chat)
    #[arg(long, help_heading = SINGLE)]
    not_to_sender: bool,
    /// Ignore messages of everybody who is not a member (udp-chat)
    #[arg(long, help_heading = SINGLE)]
    members_only: bool,
    /// Number of members (election) [default: 3]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::members, help_heading = SINGLE)]
    members: Option<usize>,
    /// The other members, separated by commas (election) [default: none]
    #[arg(long, value_name = "ADDRS", value_parser = value::peers, help_heading = SINGLE)]
    peers: Option<Peers>,
    /// Those about TLS.
    #[command(flatten)]
    pub(super) tls: TlsArgs,
}

/// The heading of what only single systems take.
pub(super) const SINGLE: &str = "Options of single systems";

/// Which of the options only some commands have.
const ELSEWHERE: [(&str, &[&str]); 12] = [
    ("bugs", &["list"]),
    ("workers", &["serve"]),
    ("output", &["serve", "call"]),
    ("force", &["call"]),
    ("members", &["sim", "check", "sweep", "import"]),
    ("peers", &["serve", "call"]),
    ("json", &["call"]),
    ("tls", &["serve", "call"]),
    ("cert", &["serve"]),
    ("key-file", &["serve"]),
    ("ca", &["call"]),
    ("fingerprint", &["call"]),
];
/// The commands that have all others.
const COMMANDS: [&str; 6] = ["sim", "check", "sweep", "import", "serve", "call"];

/// How many clients are handled at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// One after another.
    Sync,
    /// All together.
    Concurrent,
}

/// Adds those options to a command that it can have and that one of the program's systems takes.
pub(super) fn add(command: Command, program: &Program) -> Command {
    let all = SystemArgs::augment_args(Command::new("options"));
    let own = |arg: &&Arg| {
        let option = arg.get_long().unwrap_or_default();
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == option).map(|(_, commands)| *commands);
        let commands = elsewhere.unwrap_or(&COMMANDS);
        commands.contains(&command.get_name()) && program.takes(option)
    };
    // `call` is told the place by a word of its own, behind the address.
    let named = |arg: Arg| match (arg.get_id().as_str(), command.get_name()) {
        ("place", "call") => arg.long(None::<&str>).index(3).help_heading(None::<&str>),
        _ => arg,
    };
    let added: Vec<Arg> = all.get_arguments().filter(own).cloned().map(named).collect();
    command.args(added)
}

/// Whether an option of this name is one of these.
pub(super) fn is_single(option: &str) -> bool {
    let all = SystemArgs::augment_args(Command::new("options"));
    all.get_arguments().any(|arg| arg.get_long() == Some(option))
}

/// One of them that was given, or has a default; nothing where the command does not have it.
fn value<T: Any + Clone + Send + Sync>(matches: &ArgMatches, id: &str) -> Option<T> {
    matches.try_get_one(id).ok().flatten().cloned()
}

impl SystemArgs {
    /// Those that were given to a command.
    pub(super) fn read(matches: &ArgMatches) -> Self {
        let flag = |id| value(matches, id).unwrap_or(false);
        Self {
            bugs: flag("bugs"),
            time_scale: value(matches, "time_scale"),
            timeout: value(matches, "timeout"),
            workers: value(matches, "workers"),
            body: value(matches, "body"),
            force: flag("force"),
            bug: value(matches, "bug"),
            drop: value(matches, "drop"),
            ids: flag("ids"),
            key: value(matches, "key"),
            datagram: flag("datagram"),
            kind: value(matches, "kind"),
            hold: value(matches, "hold"),
            bytes: value(matches, "bytes"),
            text: value(matches, "text"),
            host: value(matches, "host"),
            path: value(matches, "path"),
            place: value(matches, "place"),
            table: value(matches, "table"),
            json: flag("json"),
            not_to_sender: flag("not_to_sender"),
            members_only: flag("members_only"),
            members: value(matches, "members"),
            peers: value(matches, "peers"),
            tls: TlsArgs::read(matches),
        }
    }

    /// The options for a system.
    ///
    /// # Errors
    /// If the system does not take one of them.
    pub(super) fn options(&self, app: &App) -> Result<Options, CliError> {
        let given = self.given();
        let output = self.body.iter().map(|_| "output").chain(self.force.then_some("force"));
        // All others about TLS need this one.
        let tls = self.tls.tls.then_some(OPTIONS[0]);
        let mut names = given.iter().map(|(option, _)| *option).chain(output).chain(tls);
        if let Some(option) = names.find(|option| !app.takes(option)) {
            return Err(CliError::OptionOfAnother { system: app.name, option });
        }
        let default = Options::default();
        Ok(Options {
            drop: self.drop.unwrap_or(default.drop),
            ids: self.ids,
            key: self.key.as_ref().map(|chosen| chosen.key.clone()),
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
            place: self.place.clone().unwrap_or(default.place),
            table: self.table.as_ref().map(|chosen| chosen.table.clone()),
            json: self.json,
            not_to_sender: self.not_to_sender,
            members_only: self.members_only,
            members: self.members.unwrap_or(default.members),
            timeout: self.timeout.unwrap_or(default.timeout),
            time_scale: self.time_scale.unwrap_or(default.time_scale),
            ..default
        })
    }

    /// The bug that is to be planted, if there is one.
    ///
    /// # Errors
    /// If the system has no such bug.
    pub(super) fn bug(&self, app: &App) -> Result<Option<&'static Specimen>, CliError> {
        let Some(name) = &self.bug else { return Ok(None) };
        let found = app.bugs().find(|bug| bug.name == name);
        if found.is_some() {
            return Ok(found);
        }
        let known: Vec<&str> = app.bugs().map(|bug| bug.name).collect();
        let near = nearest(name, known.iter().copied());
        Err(CliError::UnknownBug { system: app.name, name: name.clone(), near, known })
    }

    /// Of the words of `call` a single one is the place, and not the address, where there is a place to name.
    ///
    /// # Errors
    /// If it is no place.
    pub(super) fn place_alone(&mut self, addr: &mut Option<String>) -> Result<(), ValueError> {
        if self.place.is_none() {
            self.place = addr.take().map(|text| value::place(&text)).transpose()?;
        }
        Ok(())
    }

    /// Whether the chance of a drop was given.
    pub(super) const fn says_drop(&self) -> bool {
        self.drop.is_some()
    }

    /// Whether the request's host was given.
    pub(super) const fn says_host(&self) -> bool {
        self.host.is_some()
    }

    /// On how many threads is to be served.
    pub(super) fn workers(&self) -> NonZeroUsize {
        self.workers.unwrap_or(NonZeroUsize::MIN)
    }

    /// The other members that were given.
    pub(super) fn peers(&self) -> &[Peer] {
        self.peers.as_ref().map_or(&[], |peers| &peers.0)
    }

    /// The options of single systems that were given, by name, each with its value if it has one.
    fn given(&self) -> Vec<(&'static str, Option<String>)> {
        let flag = |given: bool| given.then_some(None);
        let kind = self.kind.and_then(|kind| kind.to_possible_value());
        let all = [
            ("drop", self.drop.map(|drop| Some(drop.to_string()))),
            ("ids", flag(self.ids)),
            ("key", self.key.as_ref().map(|chosen| Some(chosen.word.clone()))),
            ("datagram", flag(self.datagram)),
            ("kind", kind.map(|kind| Some(kind.get_name().to_owned()))),
            ("hold", self.hold.map(|span| Some(value::span_text(span)))),
            ("bytes", self.bytes.map(|bytes| Some(bytes.to_string()))),
            ("text", self.text.clone().map(Some)),
            ("host", self.host.clone().map(Some)),
            ("path", self.path.clone().map(Some)),
            ("place", self.place.clone().map(Some)),
            ("table", self.table.as_ref().map(|chosen| Some(chosen.word.clone()))),
            ("json", flag(self.json)),
            ("not-to-sender", flag(self.not_to_sender)),
            ("members-only", flag(self.members_only)),
            ("members", self.members.map(|members| Some(members.to_string()))),
            ("peers", self.peers.as_ref().map(|peers| Some(peers.to_string()))),
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
        if let Some(scale) = self.time_scale.filter(|scale| scale.to_bits() != default.time_scale.to_bits()) {
            words.push(format!("--time-scale {scale}"));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| *timeout != default.timeout) {
            words.push(format!("--timeout {}", value::span_text(timeout)));
        }
        words
    }
}
