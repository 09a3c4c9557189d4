//! The systems, with somebody who does as he likes: beside their clients, or in the place of their server.

use std::sync::Arc;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::host::FIRST_EPHEMERAL_PORT;
use lossproof::machine::limits;
use lossproof::systems::{About, Options, Transport, Typed};
use lossproof::{Instant, Machine, Net, Promises, Scenario};

use super::planted::planted;
use super::puppet::Puppet;
use super::script::{Script, Step};

/// A system on trial. Five lists name those of its properties that cannot hold in some of its trials: where somebody takes
/// part who tells nothing and says what he likes, none can that compares what one side tells with what the other does.
/// All others do.
#[derive(Debug)]
pub struct Trial {
    pub(super) about: About,
    pub(super) net: fn(&Options) -> Net,
    /// Adds somebody who calls its server.
    pub(super) guest: fn(&Net, &Script, bool),
    /// Has somebody else play its server.
    pub(super) impostor: fn(&Net, &Script, bool),
    /// Types something at one of its clients, if that is possible.
    pub(super) type_at: fn(&Net, Instant, usize, &Typed),
    /// With somebody more among the clients.
    pub(super) not_with_a_guest: &'static [&'static str],
    /// With somebody else in the place of the server.
    pub(super) not_with_an_impostor: &'static [&'static str],
    /// With lines typed that are anything: it takes them for none with the reply's own words in it.
    pub(super) not_with_any_line: &'static [&'static str],
    /// Where datagrams are changed on their way: it takes each text for what was said, as its protocol has no checksum.
    pub(super) not_with_changed_bytes: &'static [&'static str],
    /// Where a host's clock jumps: what rests on clocks that run.
    pub(super) not_with_jumps: &'static [&'static str],
    /// When the faults of a schedule stop, for a system that says what comes to be then.
    pub(super) calm_at: Option<Instant>,
}

impl Trial {
    /// A system with a server of this type, which is exempt from nothing.
    pub(super) const fn of<S: Machine>(about: About, net: fn(&Options) -> Net) -> Self {
        Self {
            about,
            net,
            guest: guest::<S>,
            impostor: impostor::<S>,
            type_at: |_, _, _, _| {},
            not_with_a_guest: &[],
            not_with_an_impostor: &[],
            not_with_any_line: &[],
            not_with_changed_bytes: &[],
            not_with_jumps: &[],
            calm_at: None,
        }
    }
}

/// Whatever somebody does to a system, the laws hold, and all properties but the exempt ones. The input is a script.
pub fn holds(trial: &Trial, input: &[u8]) {
    let script = Script::read(input);
    let Some(net) = planted(trial, &script.options) else { return };
    let is_stream = trial.about.transport_with(&script.options) == Transport::Tcp;
    // Who answers nobody has no place to stand in.
    let exempt = if script.is_impostor && !trial.about.broadcasts {
        (trial.impostor)(&net, &script, is_stream);
        trial.not_with_an_impostor
    } else {
        (trial.guest)(&net, &script, is_stream);
        trial.not_with_a_guest
    };
    for (after, client, typed) in &script.typed {
        (trial.type_at)(&net, Instant::START + *after, *client, typed);
    }
    let of_lines = if script.typed.is_empty() { &[] } else { trial.not_with_any_line };
    judge(&without(net, &[exempt, of_lines].concat()), &script);
}

/// What becomes of a net without those of these properties that it has: some depend on options.
pub(super) fn without(net: Net, exempt: &[&str]) -> Scenario {
    let leave_out =
        |net: Net, name: &&str| if net.has_property(name) { net.without_property(name) } else { net };
    exempt.iter().fold(net, leave_out).into()
}

fn judge(scenario: &Scenario, script: &Script) {
    let mut search = Search::new(scenario, Prepared::default(), Profile::default(), 0);
    if let Err(broken) = search.once(0) {
        let transcript = search.engine().transcript();
        panic!("{}: {broken}\n{:?}\n{transcript}", scenario.name(), script.steps);
    }
}

/// One host more, who calls the server.
pub(super) fn guest<S: Machine>(net: &Net, script: &Script, is_stream: bool) {
    guest_of::<S>(net, "server", script, is_stream);
}

/// The same where the server has another name.
pub(super) fn guest_of<S: Machine>(net: &Net, server: &str, script: &Script, is_stream: bool) {
    let (server, steps) = (net.find::<S>(server), steps(script));
    let place = net.host("guest").promises(anything());
    let place = if is_stream { place } else { place.udp(FIRST_EPHEMERAL_PORT) };
    place.machine(move |boot| Puppet::<(), ()>::new(Arc::clone(&steps), Some(boot.peer(server)), is_stream));
}

pub(super) fn impostor<S: Machine>(net: &Net, script: &Script, is_stream: bool) {
    impostor_of::<S>(net, "server", script, is_stream);
}

/// The same where the server has another name.
pub(super) fn impostor_of<S: Machine>(net: &Net, server: &str, script: &Script, is_stream: bool) {
    let (server, steps) = (net.find::<S>(server), steps(script));
    net.promises(server, anything());
    net.replace(server, move |_| Puppet::<S::Command, S::Event>::new(Arc::clone(&steps), None, is_stream));
}

fn steps(script: &Script) -> Arc<[Step]> {
    script.steps.as_slice().into()
}

fn anything() -> Promises {
    Promises::DEFAULT.max_messages(1024).max_bytes(4 * limits::SEND_BUFFER_LEN)
}
