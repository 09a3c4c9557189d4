//! `serve` and `call`: the same machines on real sockets.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::address::{self, Target};
use super::args::{RealArgs, ServeArgs};
use super::error::CliError;
use super::terminal::{Typist, say, show};
use super::world::read_plan;
use crate::drive::{self, Endpoint, LocalFaults, Setup};
use crate::engine::Prepared;
use crate::fault::Chance;
use crate::machine::{Boot, Peer, Status};
use crate::scenario::UnknownCommand;
use crate::systems::{Options, System, Transport, udp_remote::UdpRemote};

/// What udp-remote's server drops unless told otherwise.
const DROP: Chance = Chance::percent(50);

/// Serves until it is stopped.
pub(super) fn serve<S: System>(args: &ServeArgs) -> Result<Status, CliError> {
    let ServeArgs { real: args, workers } = args;
    refuse_output::<S>(args)?;
    if workers.get() > 1 && S::ABOUT.one_server {
        return Err(CliError::OneServer(S::ABOUT.name));
    }
    let mut options = options::<S>(args)?;
    if S::ABOUT.name == UdpRemote::ABOUT.name && !args.options.says_drop() {
        options.drop = DROP;
    }
    let bind = address::bind(&S::ABOUT, args.addr.as_deref())?;
    let endpoint = match S::ABOUT.transport_with(&options) {
        Transport::Udp => Endpoint::Datagram { bind, connect: None, broadcast: false },
        Transport::Tcp => Endpoint::Listener { bind },
    };
    let boot = boot(args);
    let opened = |addr| say(&format!("listening on {addr}\n"));
    let told = |event: S::Event| show::<S>(&event);
    if workers.get() > 1 {
        let seed = |number| boot.seed.wrapping_add(number as u64);
        let make = |number| S::server(&options, Boot { seed: seed(number), ..boot });
        return Ok(drive::run_workers(*workers, endpoint, make, opened, told)?);
    }
    let faults = faults(args, ["server", "client"])?;
    let setup = Setup { faults, ..Setup::new(endpoint) };
    Ok(drive::run(S::server(&options, boot), setup, opened, told)?)
}

/// Calls a server, and ends as the client does.
pub(super) fn call<S: System<Command: Send>>(args: &RealArgs) -> Result<Status, CliError> {
    refuse_output::<S>(args)?;
    let mut options = options::<S>(args)?;
    let Target { server, fallbacks, host } = address::target(&S::ABOUT, args.addr.as_deref())?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{host}.html")));
    if !args.options.says_host() {
        options.host = host;
    }
    options.fallbacks = fallbacks;
    let endpoint = match S::ABOUT.transport_with(&options) {
        Transport::Udp => Endpoint::Datagram {
            bind: own_address(server),
            connect: S::ABOUT.client_connects.then_some(server),
            broadcast: S::ABOUT.broadcasts,
        },
        Transport::Tcp => Endpoint::Dialer,
    };
    let machine = S::client(&options, server, boot(args));
    let faults = faults(args, ["client", "server"])?;
    let (typist, commands) = S::ABOUT.interactive.then(Typist::start::<S>).unzip();
    let setup = Setup { faults, commands, ..Setup::new(endpoint) };
    let mut unwritten = None;
    let told = |event: S::Event| {
        show::<S>(&event);
        if let Some(body) = S::file(&event) {
            unwritten = fs::write(&output, body).err();
        }
        if let Some(typist) = typist.as_ref().filter(|_| S::wants_line(&event)) {
            typist.want();
        }
    };
    let status = drive::run(machine, setup, |_| {}, told)?;
    match unwritten {
        Some(source) => Err(CliError::File { path: output.display().to_string(), source }),
        None => Ok(status),
    }
}

/// Where a datagram client is bound: anywhere, or at a path of its own, for a Unix socket without one gets no answer.
fn own_address(server: Peer) -> Peer {
    let any: IpAddr = match server {
        Peer::Inet(SocketAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        Peer::Inet(SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        Peer::Unix(_) => return own_path(),
    };
    (any, 0).into()
}

/// A path that no other process has.
fn own_path() -> Peer {
    let path = std::env::temp_dir().join(format!("lossproof-{}.sock", std::process::id()));
    let short = PathBuf::from(format!("lossproof-{}.sock", std::process::id()));
    // Where the directory's name is too long for a socket, the working directory has to do.
    let peer = |path: &PathBuf| format!("unix:{}", path.display()).parse().ok();
    peer(&path).or_else(|| peer(&short)).unwrap_or(Peer::Unix(crate::machine::UnixPath::UNNAMED))
}

/// Only who saves something takes a file to save it to.
fn refuse_output<S: System>(args: &RealArgs) -> Result<(), CliError> {
    let takes = S::ABOUT.options.contains(&"output");
    let refused = args.output.is_some() && !takes;
    if refused {
        return Err(CliError::OptionOfAnother { system: S::ABOUT.name, option: "output" });
    }
    Ok(())
}

fn options<S: System>(args: &RealArgs) -> Result<Options, CliError> {
    let local_time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    Ok(Options { local_time, ..args.options.options(&S::ABOUT)? })
}

/// The machine's start: without a seed of the user's, one of the clock's.
fn boot(args: &RealArgs) -> Boot<'static> {
    let seed = args.seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64);
    Boot { incarnation: 0, seed, disk: &[] }
}

/// The faults to inject, if any were given, in a plan that calls the two sides so.
fn faults(args: &RealArgs, [own, peer]: [&str; 2]) -> Result<Option<LocalFaults>, CliError> {
    if args.faults.is_none() {
        return Ok(None);
    }
    let plan = read_plan(args.faults.as_deref())?;
    Prepared::new(&plan, &["server", "client"])?;
    if plan.commands.is_some() {
        return Err(UnknownCommand::NoneGenerated.into());
    }
    Ok(Some(LocalFaults { plan, own: own.to_owned(), peer: peer.to_owned() }))
}
