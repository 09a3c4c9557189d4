//! `serve` and `call`: the same machines on real sockets.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::args::RealArgs;
use super::error::CliError;
use super::world::read_plan;
use crate::drive::{self, Endpoint, LocalFaults, Setup};
use crate::engine::Prepared;
use crate::fault::Chance;
use crate::machine::{Boot, Peer, Status};
use crate::systems::{Options, System, Transport, udp_remote::UdpRemote};

/// What udp-remote's server drops unless told otherwise.
const DROP: Chance = Chance::percent(50);

/// Serves until it is stopped.
pub(super) fn serve<S: System>(args: &RealArgs) -> Result<Status, CliError> {
    let own_drop = if S::ABOUT.name == UdpRemote::ABOUT.name { DROP } else { Chance::NEVER };
    let options = options(args, own_drop);
    let bind = Peer::from(address::<S>(args)?);
    let endpoint = match S::ABOUT.transport {
        Transport::Udp => Endpoint::Datagram { bind, connect: None, broadcast: false },
        Transport::Tcp => Endpoint::Listener { bind },
    };
    let machine = S::server(&options, boot(args));
    let faults = faults::<S>(args, &options, ["server", "client"])?;
    let opened = |addr| say(format_args!("listening on {addr}"));
    let setup = Setup { faults, ..Setup::new(endpoint) };
    Ok(drive::run(machine, setup, opened, |event| say(format_args!("{event}")))?)
}

/// Calls a server, and ends as the client does.
pub(super) fn call<S: System>(args: &RealArgs) -> Result<Status, CliError> {
    let options = options(args, Chance::NEVER);
    let addr = address::<S>(args)?;
    let server = Peer::from(addr);
    let any: IpAddr =
        if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let endpoint = match S::ABOUT.transport {
        Transport::Udp => {
            let connect = S::ABOUT.client_connects.then_some(server);
            Endpoint::Datagram { bind: (any, 0).into(), connect, broadcast: false }
        }
        Transport::Tcp => Endpoint::Dialer,
    };
    let machine = S::client(&options, server, boot(args));
    let faults = faults::<S>(args, &options, ["client", "server"])?;
    let setup = Setup { faults, ..Setup::new(endpoint) };
    Ok(drive::run(machine, setup, |_| {}, |event| say(format_args!("{event}")))?)
}

fn options(args: &RealArgs, drop: Chance) -> Options {
    let local_time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    Options { local_time, ..args.options.options(drop) }
}

fn address<S: System>(args: &RealArgs) -> Result<SocketAddr, CliError> {
    match args.addr {
        None => Ok((Ipv4Addr::LOCALHOST, S::ABOUT.port).into()),
        Some(Peer::Inet(addr)) => Ok(addr),
        Some(Peer::Unix(path)) => Err(CliError::NoUnix { system: S::ABOUT.name, addr: path.to_string() }),
    }
}

/// The machine's start: without a seed of the user's, one of the clock's.
fn boot(args: &RealArgs) -> Boot<'static> {
    let seed = args.seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64);
    Boot { incarnation: 0, seed, disk: &[] }
}

/// The faults to inject, if any were given; their hosts are those of the simulated run.
fn faults<S: System>(
    args: &RealArgs,
    options: &Options,
    [own, peer]: [&str; 2],
) -> Result<Option<LocalFaults>, CliError> {
    if args.faults.is_none() {
        return Ok(None);
    }
    let plan = read_plan(args.faults.as_deref())?;
    Prepared::new(&plan, &S::scenario(options).names())?;
    Ok(Some(LocalFaults { plan, own: own.to_owned(), peer: peer.to_owned() }))
}

/// Writes one line at once, for whoever waits for it.
fn say(line: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush())
        && error.kind() == ErrorKind::BrokenPipe
    {
        // Nobody reads any more, and the driver has no other end than its machine's: leave quietly.
        std::process::exit(0);
    }
}
