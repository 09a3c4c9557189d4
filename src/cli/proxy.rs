//! `proxy`: faults between real programs.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::interrupt;
use super::output::{self, Tint};
use super::relayed::{self, Trouble, route_words};
use super::value;
use crate::capture;
use crate::machine::Status;
use crate::number::count;
use crate::proxy::Passed;
use crate::transcript::{Look, Recording};

/// What the help of `proxy` shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof proxy udp 127.0.0.1:7000 127.0.0.1:1060 --loss 30%
  lossproof proxy tcp 127.0.0.1:0 127.0.0.1:8080 --faults 'server>client-1 @100 cut'
  lossproof proxy tcp 127.0.0.1:7000 127.0.0.1:8080 --faults 'at 2s partition client-1|server; at 5s heal'
  lossproof proxy udp 127.0.0.1:7000 127.0.0.1:1060 tcp 127.0.0.1:7000 127.0.0.1:1060 --profile lte
  lossproof proxy unix:/tmp/in unix:/tmp/db.sock client=app server=db --rate 2mbit
  lossproof proxy udp 127.0.0.1:7000 127.0.0.1:1060 --until-idle 2s -o run.pcapng --format pcapng";

/// How often the proxy looks whether Ctrl-C has come.
const LOOK: Duration = Duration::from_millis(20);

/// How what passed is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PassedFormat {
    /// For people, one line for each thing that happened.
    Text,
    /// JSON, one object a line.
    Json,
    /// A sequence diagram in text.
    Ladder,
    /// A page to step through.
    Html,
    /// A capture of its packets, for Wireshark.
    Pcapng,
}

/// The words after `proxy`.
#[derive(Debug, Args)]
pub(super) struct ProxyArgs {
    /// Pairs of addresses: 'udp LISTEN TO', 'tcp LISTEN TO' or 'unix:PATH TO'; after each may stand client=NAME and server=NAME
    #[arg(required = true, value_name = "PAIR", num_args = 1..)]
    routes: Vec<String>,
    #[command(flatten)]
    trouble: Trouble,
    /// End after this span
    #[arg(long = "for", value_name = "SPAN", value_parser = value::timeout)]
    lasts: Option<Duration>,
    /// End once nothing has passed for this long
    #[arg(long, value_name = "SPAN", value_parser = value::timeout)]
    until_idle: Option<Duration>,
    /// Record what passes, and write it to this file at the end
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = PassedFormat::Text, requires = "output")]
    format: PassedFormat,
}

/// Relays until it is stopped, and prints the plan of what happened.
pub(super) fn run(args: &ProxyArgs) -> Result<Status, CliError> {
    let routes = relayed::routes(&args.routes)?;
    let mut proxy = args.trouble.proxy(routes)?.record(args.output.is_some());
    if let Some(span) = args.lasts {
        proxy = proxy.ends_after(span);
    }
    if let Some(span) = args.until_idle {
        proxy = proxy.ends_idle(span);
    }
    interrupt::watch_to_the_end();
    let began_at = jiff::Timestamp::now();
    let relay = proxy.start()?;
    for local in relay.locals() {
        output::print_as(&format!("listening on {local}\n"), Tint::None)?;
    }
    while !(interrupt::is_asked() || relay.has_ended_within(LOOK)) {}
    let passed = relay.stop();
    output::print_as(&format!("{}\n", passed.plan), Tint::None)?;
    tell(&passed);
    if let (Some(path), Some(recording)) = (&args.output, &passed.recording) {
        let again = format!(
            "{} proxy {} --faults {}",
            output::program(),
            route_words(&args.routes),
            output::quoted(&passed.plan.to_string())
        );
        let began_at = Duration::from_nanos(u64::try_from(began_at.as_nanosecond()).unwrap_or_default());
        output::write_file(path, shown(recording, args.format, &again, began_at))?;
    }
    Ok(Status::Success)
}

/// Says on standard error how much passed, and what is not as it seems.
fn tell(passed: &Passed) {
    let counts = &passed.counts;
    let of = |n: u64, what: &str| count(n, what);
    output::complain(format_args!(
        "relayed {} and {} with {} of {}; {}",
        of(counts.datagrams, "datagram"),
        of(counts.streams, "stream"),
        of(counts.stream_bytes, "byte"),
        of(counts.clients, "client"),
        of(passed.plan.len() as u64, "fault")
    ));
    for fault in &passed.unfired {
        output::complain(format_args!("note: {fault} never fired"));
    }
    let notes = [
        (counts.not_sent, "datagram", "the system did not take, or there was no room: lost without a fault"),
        (counts.turned_away, "time", "a client found no place or no socket"),
        (counts.more_faults, "fault", "did not fit into the plan"),
    ];
    for (n, what, why) in notes.into_iter().filter(|(n, ..)| *n > 0) {
        output::complain(format_args!("note: {} {why}", of(n, what)));
    }
    if passed.is_cut {
        output::complain("note: the file has only the first of what passed: there was more than is kept");
    }
}

/// What passed, as it is written.
fn shown(recording: &Recording, format: PassedFormat, replay: &str, began_at: Duration) -> Vec<u8> {
    let transcript = recording.transcript();
    match format {
        PassedFormat::Text => transcript.to_string().into_bytes(),
        PassedFormat::Json => transcript.json_lines().into_bytes(),
        PassedFormat::Ladder => {
            let width = if io::stdout().is_terminal() { output::width(None) } else { Look::default().width };
            transcript.ladder_or_wider(Look { width, ..Look::default() }).into_bytes()
        }
        PassedFormat::Html => transcript.page("lossproof proxy", replay).into_bytes(),
        // Packets of a capture have the time of the day.
        PassedFormat::Pcapng => capture::export(&recording.clone().later_by(began_at).transcript(), replay),
    }
}
