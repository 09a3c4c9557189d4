//! The words of the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::choices::SystemArgs;
use super::formats::CheckFormat;
use super::output::quoted;
use super::profile::{self, NamedProfile};
use super::real_args::{RealArgs, ServeArgs};
use super::shards::CiArgs;
use super::value;
use crate::check::Draws;
use crate::fault::{Chance, Profile, StreamKind};

/// What the help of the program shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof list
  lossproof sim udp-remote --seed 4 --loss 50%
  lossproof check udp-remote
  lossproof serve udp-remote          (and in another terminal: lossproof call udp-remote)

Exit status: 0 everything passed; 1 the protocol failed or a property was violated; 2 wrong usage.";

/// The words of every command.
#[derive(Debug, Args)]
pub(super) struct Globals {
    // The short form shows all there is, and on fewer lines.
    /// Show this help
    #[arg(short, long, global = true, display_order = 1000, action = ArgAction::HelpShort)]
    help: Option<bool>,
    /// Log socket activity to standard error (-vv: also every datagram)
    #[arg(short, long, global = true, display_order = 999, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

/// What to do with systems.
#[derive(Debug, Subcommand)]
pub(super) enum Run {
    /// Show the systems, one line each
    #[command(after_help = "Examples:\n  lossproof list\n  lossproof list --bugs --format json")]
    List(ListArgs),
    /// Simulate one run and print its transcript
    #[command(after_help = SIM_EXAMPLES)]
    Sim(SimArgs),
    /// Simulate many runs with random faults, and check the properties and the laws in each
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Measure how often the client succeeds at several loss rates, and how long it takes
    #[command(after_help = super::sweep::SWEEP_EXAMPLES)]
    Sweep(super::sweep::SweepArgs),
    /// Join the shards of a sweep or of a check into the whole
    #[command(after_help = super::sweep::MERGE_EXAMPLES)]
    Merge(super::sweep::MergeArgs),
    /// Find the simulated run that reproduces a capture of packets, or measure its link
    ///
    /// In a capture that 'sim' did not write, losses and delays are inferred: the result is the best match for all
    /// packets and their times, to within 25 ms.
    #[command(after_help = super::import::EXAMPLES)]
    Import(super::import::ImportArgs),
    /// Run the server of a system on a real socket
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Run the client of a system on a real socket
    #[command(after_help = CALL_EXAMPLES)]
    Call(RealArgs),
}

/// What has nothing to do with systems.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Show an address or a network in all its forms
    #[command(after_help = super::ip::EXAMPLES)]
    Ip(super::ip::IpArgs),
    /// Relay between real programs, and lose, delay, cut or reset what they send
    ///
    /// Each source address is a client of its own: client-1 is the first that appears. At the end it prints the plan of
    /// what happened; --faults repeats it.
    #[command(after_help = super::proxy::EXAMPLES)]
    Proxy(Box<super::proxy::ProxyArgs>),
    /// Run a program behind a proxy until it fails, and find the smallest plan that makes it fail
    ///
    /// Each run has other faults. The plan of the first failing run is tried again, then with fewer and weaker faults:
    /// each plan as often as needed to tell chance from cause, at a risk of 5%.
    #[command(after_help = super::hunt::EXAMPLES)]
    Hunt(Box<super::hunt::HuntArgs>),
    /// Look up a host, a service or a byte order
    #[command(after_help = super::lookup::EXAMPLES)]
    Lookup(super::lookup::LookupArgs),
}

/// What tells of the program itself.
#[derive(Debug, Subcommand)]
pub(super) enum Manual {
    /// Write the completions of a shell to standard output
    #[command(after_help = super::manual::COMPLETIONS_EXAMPLES)]
    Completions(super::manual::CompletionsArgs),
    /// Write the pages of the manual, one for each command
    #[command(after_help = super::manual::MAN_EXAMPLES)]
    Man(super::manual::ManArgs),
}

const SIM_EXAMPLES: &str = "\
Examples:
  lossproof sim udp-remote --seed 4 --loss 50%
  lossproof sim udp-remote --faults 'client>server #0 drop; server>client #0 delay 40ms'
  lossproof sim tcp-sixteen --profile satellite
  lossproof sim tcp-sixteen --faults 'at 2ms partition client|server; at 1s heal'
  lossproof sim udp-remote --faults @plan.txt --format json
  lossproof sim udp-remote --loss 50% --seed 4 --format ladder
  lossproof sim tcp-sixteen --faults 'client>server @3 reset' --format mermaid
  lossproof sim udp-chat --loss 20% --format html -o run.html       (open it in a browser)
  lossproof sim tcp-sixteen --format pcapng -o run.pcapng           (open it in Wireshark)

Equal arguments give the same bytes on standard output, always.";

const CHECK_EXAMPLES: &str = "\
Examples:
  lossproof check udp-remote
  lossproof check udp-remote --ids --loss 20% --jitter --duplicate 10% --runs 100000
  lossproof check udp-chat --profile wifi
  lossproof check udp-remote --ids --exhaustive 4
  lossproof check tcp-sixteen --exhaustive 1 --fates 'reset; server>client'
  lossproof check tcp-sixteen --faults 'at 1s crash server' --format json
  lossproof check udp-remote --seed-from $(date +%F) --corpus corpus --format junit
  lossproof check udp-remote --shard 3/5 -o part-3.json   (after all five: lossproof merge)

What -o writes and, with -o, what is printed is the same for equal arguments, in any number of
shards: how long it took is left out.";

const SERVE_EXAMPLES: &str = "\
Examples:
  lossproof serve udp-remote
  lossproof serve udp-remote '[::1]:0' --drop 0%
  lossproof serve tcp-sixteen 127.0.0.1:9001 --workers 2
  lossproof serve udp-local --quiet   (shows no line for each datagram, which makes it faster)";

const CALL_EXAMPLES: &str = "\
Examples:
  lossproof call udp-remote
  lossproof call udp-remote '[::1]:1060' --time-scale 0.5
  lossproof call tcp-sixteen 127.0.0.1:9001 --timeout 2s
  lossproof call geocode localhost 'Tahrir Square, Cairo'";

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// JSON, one object a line.
    Json,
}

/// How a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    /// For people, one line for each thing that happened.
    Text,
    /// JSON, one object a line.
    Json,
    /// A sequence diagram in text.
    Ladder,
    /// A sequence diagram for Mermaid, which pull requests show as a picture.
    Mermaid,
    /// A picture.
    Svg,
    /// A page to step through.
    Html,
    /// A capture of its packets, for Wireshark.
    Pcapng,
}

/// Simulator to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineKind {
    /// Discrete events over the machines themselves.
    Event,
    /// The async driver on turmoil's simulated network.
    Turmoil,
}

/// What streams are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Streams {
    /// Bytes in order, cut, stalled and reset at random.
    Model,
    /// TCP's segments, each a packet that can be lost.
    Segments,
}

impl From<Streams> for StreamKind {
    fn from(streams: Streams) -> Self {
        match streams {
            Streams::Model => Self::Model,
            Streams::Segments => Self::SEGMENTS,
        }
    }
}

/// The words after `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// The systems' own.
    #[arg(skip)]
    pub(super) options: SystemArgs,
}

/// What goes wrong beside losses.
#[derive(Clone, Debug, Args)]
pub(super) struct FaultArgs {
    /// A network by its name (lan, wifi, lte, satellite, lossy, hostile), by its figures ('latency 20ms; loss 1%'), or
    /// from a file (@FILE); --loss and the like override its figures
    #[arg(long, value_name = "NAME", value_parser = value::known(profile::profile, profile::profiles()), hide_possible_values = true)]
    pub(super) profile: Option<NamedProfile>,
    /// Maximum extra delay of a packet; 20ms if no span is given
    #[arg(long, value_name = "SPAN", num_args = 0..=1, default_missing_value = "20ms", value_parser = value::jitter)]
    pub(super) jitter: Option<Duration>,
    /// Probability that a datagram is duplicated [default: 0%]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) duplicate: Option<Chance>,
    /// Probability that one bit of a datagram is inverted [default: 0%]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) corrupt: Option<Chance>,
    /// Faults to inject, as in 'client>server #0 drop', or @FILE to read them; a seed or link in them overrides the
    /// options
    #[arg(long, value_name = "PLAN", allow_hyphen_values = true)]
    pub(super) faults: Option<String>,
    /// What streams are made of: the model's bytes, or TCP's segments, which are packets like datagrams [default: model]
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true)]
    pub(super) streams: Option<Streams>,
}

impl SimArgs {
    /// What is drawn at random: nothing, unless asked for.
    pub(super) fn profile(&self) -> Profile {
        self.faults.profile(self.loss, Chance::NEVER)
    }

    /// How a run goes on that is to tell when it was lost: in every way, unless something is asked for.
    pub(super) fn rest(&self) -> Draws {
        let says = self.loss.is_some() || self.faults.says_draws();
        if says { Draws::Profiles(vec![self.profile()]) } else { Draws::Swarm }
    }
}

impl CheckArgs {
    /// How faults are drawn: in every way, unless something is asked for; then losses, unless it says otherwise.
    pub(super) fn draws(&self) -> Draws {
        let says = self.loss.is_some() || self.faults.says_draws() || self.faults.faults.is_some();
        if says { Draws::Profiles(vec![self.profile()]) } else { Draws::Swarm }
    }

    /// The one profile that is asked for.
    pub(super) fn profile(&self) -> Profile {
        self.faults.profile(self.loss, Chance::percent(30))
    }
}

impl FaultArgs {
    /// The given faults, and what streams consist of.
    pub(super) fn given(&self) -> (Option<&str>, Option<Streams>) {
        (self.faults.as_deref(), self.streams)
    }

    /// Whether something is asked for that is drawn, beside losses.
    pub(super) const fn says_draws(&self) -> bool {
        self.profile.is_some() || self.jitter.is_some() || self.duplicate.is_some() || self.corrupt.is_some()
    }

    /// What is drawn at random. Without a profile and a word about losses there are so many.
    pub(super) fn profile(&self, loss: Option<Chance>, otherwise: Chance) -> Profile {
        let plain = Profile { loss: otherwise, ..Profile::CALM };
        let base = self.profile.as_ref().map_or(plain, |named| named.profile);
        Profile {
            loss: loss.unwrap_or(base.loss),
            duplicate: self.duplicate.unwrap_or(base.duplicate),
            corrupt: self.corrupt.unwrap_or(base.corrupt),
            jitter: self.jitter.unwrap_or(base.jitter),
            ..base
        }
    }

    /// The word that chooses what streams are made of, if one does.
    pub(super) fn streams_word(&self) -> Option<String> {
        self.streams.map(|streams| format!("--streams {}", StreamKind::from(streams)))
    }

    /// The words for a shell that choose what is drawn at random, and what streams consist of.
    pub(super) fn words(&self, loss: Option<Chance>) -> Vec<String> {
        let mut words: Vec<String> =
            self.profile.iter().map(|named| format!("--profile {}", quoted(&named.text))).collect();
        words.extend(loss.map(|loss| format!("--loss {loss}")));
        words.extend(self.jitter.map(|jitter| format!("--jitter {}", value::span_text(jitter))));
        let chances = [("--duplicate", self.duplicate), ("--corrupt", self.corrupt)];
        let chances = chances.into_iter().filter_map(|(word, chance)| Some((word, chance?)));
        let chances = chances.filter(|(_, chance)| *chance != Chance::NEVER || self.profile.is_some());
        words.extend(chances.map(|(word, chance)| format!("{word} {chance}")));
        words.extend(self.streams_word());
        words
    }
}

/// The words after `sim`.
#[derive(Debug, Args)]
pub(super) struct SimArgs {
    /// Which system; 'lossproof list' shows all
    pub(super) system: String,
    /// Seed of all random choices
    #[arg(long, value_name = "N", default_value = "0", allow_hyphen_values = true, value_parser = value::seed)]
    pub(super) seed: u64,
    /// Probability that a datagram is lost, or a write to a stream is retransmitted [default: 0%]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) loss: Option<Chance>,
    /// What else goes wrong.
    #[command(flatten)]
    pub(super) faults: FaultArgs,
    /// What simulates
    #[arg(long, value_enum, default_value_t = EngineKind::Event)]
    pub(super) engine: EngineKind,
    /// Report when a failing run was lost, and show it in pictures: see 'check --turn'
    #[arg(long)]
    pub(super) turn: bool,
    /// Format of the transcript
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    pub(super) format: RunFormat,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Width of a ladder in columns [default: that of the terminal, 80 elsewhere]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::width)]
    pub(super) width: Option<usize>,
    /// Draw a ladder in ASCII
    #[arg(long)]
    pub(super) ascii: bool,
    /// The system's own.
    #[arg(skip)]
    pub(super) options: SystemArgs,
}

/// The words after `check`.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckArgs {
    /// Which system; 'lossproof list' shows all
    pub(super) system: String,
    /// Number of runs [default: 1000000; with --exhaustive all]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::runs)]
    pub(super) runs: Option<u64>,
    /// Base seed; the seed of each run follows from it
    #[arg(long, value_name = "N", default_value = "0", allow_hyphen_values = true, value_parser = value::seed)]
    pub(super) seed: u64,
    /// Probability that a datagram is lost, or a write to a stream is retransmitted [default: random faults of all
    /// kinds; with other options about faults 30%, or that of --profile]
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(super) loss: Option<Chance>,
    /// What else goes wrong.
    #[command(flatten)]
    pub(super) faults: FaultArgs,
    /// Try every combination of at most K faults instead
    #[arg(long, value_name = "K", allow_hyphen_values = true, value_parser = value::max_faults)]
    #[arg(conflicts_with_all = ["profile", "loss", "jitter", "duplicate", "corrupt", "twice", "turn"])]
    pub(super) exhaustive: Option<usize>,
    /// Faults to try on each packet, and in which directions: 'drop; delay 40ms; client>server'
    #[arg(long, value_name = "LIST", requires = "exhaustive", allow_hyphen_values = true)]
    pub(super) fates: Option<String>,
    /// Make each run twice and fail if the two differ: the run depends on more than its seed
    #[arg(long)]
    pub(super) twice: bool,
    /// Begin half of the runs where earlier runs reached something new; on one thread
    #[arg(long, conflicts_with_all = ["jobs", "shard", "exhaustive"])]
    pub(super) guided: bool,
    /// Show for each step of a failure how many random continuations fail, and where the run was lost
    #[arg(long)]
    pub(super) turn: bool,
    /// Number of threads [default: the number of processors]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = value::jobs)]
    pub(super) jobs: Option<NonZeroUsize>,
    /// What is there for computers that test.
    #[command(flatten)]
    pub(super) ci: CiArgs,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(super) format: CheckFormat,
    /// The system's own.
    #[arg(skip)]
    pub(super) options: SystemArgs,
}
