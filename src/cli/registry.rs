//! The systems, as one list of things that commands can be applied to.

use std::collections::BTreeSet;

use super::args::{CheckArgs, RealArgs, ServeArgs, SimArgs};
use super::error::CliError;
use super::import::{self, ImportArgs};
use super::sweep::{self, SweepArgs};
use super::{check, real, sim};
use crate::fault::Profile;
use crate::machine::Status;
use crate::systems::{
    About, System, greet::Greet, greeter::Greeter, hello_tcp::HelloTcp, hello_udp::HelloUdp, http::Http,
    select_echo::SelectEcho, suffix_echo::SuffixEcho, tcp_chat::TcpChat, tcp_deadlock::TcpDeadlock,
    tcp_sixteen::TcpSixteen, udp_broadcast::UdpBroadcast, udp_chat::UdpChat, udp_local::UdpLocal,
    udp_remote::UdpRemote,
};

/// All systems, in the order in which they are listed.
pub(super) const SYSTEMS: [&dyn AnySystem; 14] = [
    &UdpLocal,
    &UdpRemote,
    &UdpBroadcast,
    &TcpSixteen,
    &TcpDeadlock,
    &Greeter,
    &SelectEcho,
    &Greet,
    &Http,
    &HelloTcp,
    &HelloUdp,
    &TcpChat,
    &UdpChat,
    &SuffixEcho,
];

/// How like two names must be (Jaro and Winkler's measure) for one to be offered for the other.
const LIKENESS: f64 = 0.8;

/// A [`System`] whose commands and events are not known.
pub(super) trait AnySystem {
    /// What `list` tells.
    fn about(&self) -> About;
    /// Makes one run.
    fn sim(&self, args: &SimArgs) -> Result<Status, CliError>;
    /// Makes many runs.
    fn check(&self, args: &CheckArgs) -> Result<Status, CliError>;
    /// Makes many runs at each of several losses.
    fn sweep(&self, args: &SweepArgs) -> Result<Status, CliError>;
    /// Turns a capture into the run that replays it.
    fn import(&self, args: &ImportArgs) -> Result<Status, CliError>;
    /// Serves on a real socket.
    fn serve(&self, args: &ServeArgs) -> Result<Status, CliError>;
    /// Calls a server on a real socket.
    fn call(&self, args: &RealArgs) -> Result<Status, CliError>;
}

// A scenario is shared between the threads of a check, and holds commands.
impl<S: System<Command: Send + Sync>> AnySystem for S {
    fn about(&self) -> About {
        S::ABOUT
    }

    fn sim(&self, args: &SimArgs) -> Result<Status, CliError> {
        sim::run::<S>(args)
    }

    fn check(&self, args: &CheckArgs) -> Result<Status, CliError> {
        check::run::<S>(args)
    }

    fn sweep(&self, args: &SweepArgs) -> Result<Status, CliError> {
        sweep::run::<S>(args)
    }

    fn import(&self, args: &ImportArgs) -> Result<Status, CliError> {
        import::run::<S>(args)
    }

    fn serve(&self, args: &ServeArgs) -> Result<Status, CliError> {
        real::serve::<S>(args)
    }

    fn call(&self, args: &RealArgs) -> Result<Status, CliError> {
        real::call::<S>(args)
    }
}

/// The names of all systems.
pub(super) fn names() -> Vec<&'static str> {
    SYSTEMS.into_iter().map(|system| system.about().name).collect()
}

/// The names of all bugs, each once.
pub(super) fn bugs() -> Vec<&'static str> {
    let bugs = SYSTEMS.into_iter().flat_map(|system| system.about().bugs).map(|bug| bug.name);
    bugs.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The names of all profiles.
pub(super) fn profiles() -> Vec<&'static str> {
    Profile::NAMED.into_iter().map(|(name, _)| name).collect()
}

/// The system of this name.
pub(super) fn find(name: &str) -> Result<&'static dyn AnySystem, CliError> {
    if let Some(system) = SYSTEMS.into_iter().find(|system| system.about().name == name) {
        return Ok(system);
    }
    let near = nearest(name, names().into_iter());
    Err(CliError::UnknownSystem { name: name.to_owned(), near })
}

/// The known name that may have been meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
