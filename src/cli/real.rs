//! `serve` and `call`: the same machines on real sockets.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::address::{self, Reach, Target};
use super::app::App;
use super::endpoints;
use super::error::CliError;
use super::interrupt;
use super::outflow::Outflow;
use super::output::{self, complain};
use super::real_args::{RealArgs, ServeArgs};
use super::terminal::{Screen, Typist};
use super::tls::Served;
use super::world::{Built, read_plan};
use crate::actor::Events;
use crate::drive::{self, Audience, Endpoint, LocalFaults, Setup, Store};
use crate::fault::Chance;
use crate::host::{Boot, HostId};
use crate::machine::{Peer, Status};
use crate::network::Schedule;
use crate::scenario::{Scenario, UnknownCommand};
use crate::systems::{Options, udp_remote};

/// What udp-remote's server drops unless told otherwise.
const DROP: Chance = Chance::percent(50);

/// Serves until it is stopped.
pub(super) fn serve(app: &App, args: &ServeArgs) -> Result<Status, CliError> {
    let ServeArgs { real: args, state, max_clients, idle, share } = args;
    let (max_accepted, max_silence) = (*max_clients, *idle);
    let workers = args.options.workers();
    check_state(app, workers.get(), state.is_some())?;
    let (mut options, bug) = (options(app, args)?, args.options.bug(app)?);
    if app.name == udp_remote::ABOUT.name && app.known.is_some() && !args.options.says_drop() {
        options.drop = DROP;
    }
    let max_members = max_clients.filter(|_| app.known.is_some_and(|known| known.has_members));
    options.max_members = max_members.map_or(options.max_members, NonZeroUsize::get);
    let built = Built::new(app, &options, bug);
    let server = built.server(app)?;
    let bind = address::bind(&reach(app, &built, server), args.addr.as_deref())?;
    let is_own = |addr: SocketAddr| !addr.ip().is_unspecified() && addr.port() != 0;
    if !args.options.peers().is_empty() && !bind.inet().is_some_and(is_own) {
        return Err(CliError::NoOwnAddress(bind.to_string()));
    }
    let tls = args.options.tls.served(app, bug, bind, args.quiet)?;
    let built = Built::with(app, &options, bug, |net| tls.iter().for_each(|tls| tls.wrap(net, app.server)));
    let scenario = &built.scenario;
    let sockets = endpoints::of_server(scenario, server, bind);
    let given = [("idle", idle.is_some()), ("max-clients", max_clients.is_some() && max_members.is_none())];
    check_connections(app, &sockets, given)?;
    let mut peers = scenario.spec().peers.clone();
    peers[server.index()] = bind;
    let seed = seed(args);
    let printed = Printed::new();
    let opened = |locals: &[Peer]| {
        let mut screen = Screen::new(printed.0.clone());
        for local in locals {
            // A screen takes everything.
            screen.say(|to| to.write_fmt(format_args!("listening on {local}\n")).unwrap_or_default());
        }
        if let Some(Served { fingerprint, .. }) = &tls {
            screen.say(|to| to.write_fmt(format_args!("certificate {fingerprint}\n")).unwrap_or_default());
        }
    };
    let audience = || Shown { app, host: (scenario, server), screen: args.screen(&printed.0) };
    if workers.get() > 1 {
        let boot = |number| Boot {
            incarnation: 0,
            seed: seed.wrapping_add(number as u64),
            disk: &[],
            peers: &peers,
            names: None,
            first_number: 0,
        };
        if !share {
            drive::check_free(&sockets)?;
        }
        return Ok(drive::run_host_workers(
            workers,
            (scenario, server),
            &boot,
            (sockets, max_accepted, max_silence),
            opened,
            &audience,
        )?);
    }
    let store = state.as_ref().map(Store::open).transpose()?;
    let disk = store.as_ref().map_or_else(Vec::new, |store| store.bytes().to_vec());
    let boot = Boot { incarnation: 0, seed, disk: &disk, peers: &peers, names: None, first_number: 0 };
    let faults = faults(app, args, app.server)?;
    let setup = Setup { faults, store, max_accepted, max_silence, ..Setup::new(sockets) };
    Ok(drive::run_host(scenario, server, boot, setup, opened, &mut audience())?)
}

/// Checks whether this number of machines can serve, with or without a file for what they save.
fn check_state(app: &App, workers: usize, has_state: bool) -> Result<(), CliError> {
    if workers > 1 && !app.takes("workers") {
        return Err(CliError::OneServer(app.name));
    }
    if workers > 1 && has_state {
        return Err(CliError::OneState);
    }
    if !has_state && app.known.is_some_and(|known| known.keeps_state) {
        return Err(CliError::NeedsState(app.name));
    }
    Ok(())
}

/// Checks that a server has connections if one of these options about them was given.
fn check_connections(
    app: &App,
    sockets: &[Endpoint],
    given: [(&'static str, bool); 2],
) -> Result<(), CliError> {
    let has_connections = sockets.iter().any(|socket| matches!(socket, Endpoint::Listener { .. }));
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) if !has_connections => Err(CliError::NoConnections { system: app.name, option }),
        _ => Ok(()),
    }
}

/// Standard output, all of which has left when this is dropped: or as much as a reader took until a signal came.
struct Printed(Outflow);

impl Printed {
    fn new() -> Self {
        interrupt::watch();
        Self(Outflow::stdout())
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        self.0.finish(interrupt::is_asked);
    }
}

/// Shows what a host tells, as soon as the driver has time for it.
struct Shown<'a> {
    app: &'a App,
    host: (&'a Scenario, HostId),
    /// None if nobody wants to see it.
    screen: Option<Screen>,
}

impl Shown<'_> {
    /// Whoever looks has seen all that was told, unless that takes long.
    fn show(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.show();
        }
    }
}

impl Audience for Shown<'_> {
    fn told(&mut self, events: &dyn Events, new: Range<usize>) {
        if let Some(screen) = &mut self.screen {
            screen.say(|to| self.app.terminal.write(self.host, events, new, to));
        }
    }

    fn rest(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.flush();
        }
    }

    fn note(&mut self, text: &str) {
        complain(format_args!("note: {text}"));
    }
}

/// A client at a terminal: what it tells is shown, goes to a file, or asks for a line.
struct Caller<'a> {
    shown: Shown<'a>,
    output: &'a Path,
    /// Why the file could not be written.
    unwritten: Option<CliError>,
    typist: Option<Typist>,
}

impl Audience for Caller<'_> {
    fn told(&mut self, events: &dyn Events, new: Range<usize>) {
        let terminal = &self.shown.app.terminal;
        self.shown.told(events, new.clone());
        for index in new {
            if let Some(note) = terminal.note(events, index) {
                self.shown.show();
                complain(note);
            }
            if let Some(body) = terminal.body(events, index) {
                self.unwritten = output::write_file(self.output, body).err();
            }
            if let Some(typist) = self.typist.as_ref().filter(|_| terminal.wants_line(events, index)) {
                // Whoever types has seen all that led to it.
                self.shown.show();
                typist.want();
            }
        }
    }

    fn rest(&mut self) {
        self.shown.rest();
    }

    fn note(&mut self, text: &str) {
        self.shown.note(text);
    }
}

/// Calls a server, and ends as the client does.
pub(super) fn call(app: &App, args: &RealArgs) -> Result<Status, CliError> {
    let (mut options, bug) = (options(app, args)?, args.options.bug(app)?);
    let built = Built::new(app, &options, bug);
    let reach = reach(app, &built, built.server(app)?);
    let Target { server: target, fallbacks, host } = address::target(&reach, args.addr.as_deref())?;
    let tls = args.options.tls.called(app, bug, reach.takes_names.then_some(&*host))?;
    let output = args.options.body.clone().unwrap_or_else(|| PathBuf::from(format!("{host}.html")));
    let is_chosen = args.options.body.is_some() || args.options.force;
    if app.takes("output") && !is_chosen && output.exists() {
        return Err(CliError::Exists(output.display().to_string()));
    }
    if !args.options.says_host() {
        options.host = host;
    }
    options.fallbacks = fallbacks;
    options.broadcast_to = reach.broadcasts.then_some(target);
    // Now that it is known who is called.
    let built = Built::with(app, &options, bug, |net| tls.iter().for_each(|tls| tls.wrap(net, app.client)));
    let (scenario, server, client) = (&built.scenario, built.server(app)?, built.client(app)?);
    let sockets =
        endpoints::of_client(scenario, (client, own_address(target)), (server, target), reach.broadcasts);
    let mut peers = scenario.spec().peers.clone();
    peers[server.index()] = target;
    let boot =
        Boot { incarnation: 0, seed: seed(args), disk: &[], peers: &peers, names: None, first_number: 0 };
    let faults = faults(app, args, app.client)?;
    app.terminal.check(scenario, client);
    let typing = app.terminal.typed.as_ref();
    let eager = app.terminal.wants_line.is_none();
    let (typist, commands) = typing.map(|typing| Typist::start(typing, eager)).unzip();
    let setup = Setup { faults, commands, ..Setup::new(sockets) };
    let printed = Printed::new();
    let shown = Shown { app, host: (scenario, client), screen: args.screen(&printed.0) };
    let mut caller = Caller { shown, output: &output, unwritten: None, typist };
    let status = drive::run_host(scenario, client, boot, setup, |_| {}, &mut caller)?;
    match caller.unwritten.take() {
        Some(error) => Err(error),
        None => Ok(status),
    }
}

/// What is to be known for the system's addresses.
fn reach(app: &App, built: &Built, server: HostId) -> Reach {
    let known = app.known;
    Reach {
        system: app.name,
        server: built.scenario.peer(server),
        unix: known.is_none_or(|known| known.unix),
        broadcasts: known.is_some_and(|known| known.broadcasts),
        takes_names: known.is_some_and(|known| known.takes_names),
    }
}

/// Where a datagram client is bound: anywhere, or at a path of its own, for a Unix socket without one gets no answer.
fn own_address(server: Peer) -> Peer {
    let any: IpAddr = match server {
        Peer::V4 { .. } => Ipv4Addr::UNSPECIFIED.into(),
        Peer::V6 { .. } => Ipv6Addr::UNSPECIFIED.into(),
        Peer::Unix(_) => return own_path(),
    };
    (any, 0).into()
}

/// A path that no other process has.
fn own_path() -> Peer {
    let name = format!("lossproof-{}.sock", std::process::id());
    let (path, short) = (std::env::temp_dir().join(&name), PathBuf::from(&name));
    // Where the directory's name is too long for a socket, the working directory has to do.
    let peer = |path: &PathBuf| format!("unix:{}", path.display()).parse().ok();
    peer(&path).or_else(|| peer(&short)).unwrap_or(Peer::Unix(crate::machine::UnixPath::UNNAMED))
}

fn options(app: &App, args: &RealArgs) -> Result<Options, CliError> {
    let local_time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let peers = Some(args.options.peers().to_vec());
    Ok(Options { peers, local_time, ..args.options.options(app)? })
}

/// Where a machine's randomness comes from: without a seed of the user's, the system, which gives a hasher its keys. So
/// nobody can guess the ids of requests (S102).
fn seed(args: &RealArgs) -> u64 {
    args.seed.unwrap_or_else(|| RandomState::new().hash_one(()))
}

/// The faults to inject, if any were given. The plan calls a system's two sides as the net does; of the systems of this
/// crate, whose clients may be several, `server` and `client`.
fn faults(app: &App, args: &RealArgs, own: &str) -> Result<Option<LocalFaults>, CliError> {
    if args.faults.is_none() {
        return Ok(None);
    }
    let plan = read_plan(args.faults.as_deref())?;
    let [server, client] = if app.known.is_some() { ["server", "client"] } else { [app.server, app.client] };
    Schedule::new(&plan, &[server, client])?;
    if plan.commands.is_some() {
        return Err(UnknownCommand::NoneGenerated.into());
    }
    let (own, peer) = if own == app.server { (server, client) } else { (client, server) };
    Ok(Some(LocalFaults { plan, own: own.to_owned(), peer: peer.to_owned() }))
}
