//! The systems, with somebody who does as he likes: beside their clients, or in the place of their server.

use std::sync::Arc;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::machine::limits;
use lossproof::systems::{About, Options, Transport, Typed};
use lossproof::{HostId, Instant, Machine, Net, Promises, Scenario};

use super::planted::planted;
use super::puppet::Puppet;
use super::script::{Script, Step};

/// A system on trial. Its lists name those of its properties that compare what one side tells with what the other does,
/// so that they cannot hold where somebody takes part who tells nothing and says what he likes. All others do.
pub trait Trial {
    /// What plays the server.
    type Server: Machine;
    /// What is to be known of it.
    const ABOUT: About;
    /// What its clients are called, where lines are typed at them.
    const CLIENTS: &[&str] = &[];
    /// With somebody more among the clients.
    const NOT_WITH_A_GUEST: &[&str] = &[];
    /// With somebody else in the place of the server.
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[];
    /// With lines typed that are anything: it takes them for none with the reply's own words in it.
    const NOT_WITH_ANY_LINE: &[&str] = &[];
    /// Where datagrams are changed on their way: it takes each text for what was said, as its protocol has no checksum.
    const NOT_WITH_CHANGED_BYTES: &[&str] = &[];

    /// The system with these options.
    fn net(options: &Options) -> Net;

    /// Its server.
    fn server(net: &Net, _: &Options) -> HostId {
        net.find::<Self::Server>("server").id()
    }

    /// Has somebody else stand in the place of the server.
    fn impose(net: &Net, _: &Options, play: &Play) {
        play.instead_of::<Self::Server>(net);
    }

    /// Has something typed at a client.
    fn type_at(_net: &Net, _client: &str, _at: Instant, _typed: Typed) {}
}

/// What somebody plays in the place of a server.
#[derive(Clone, Debug)]
pub struct Play {
    steps: Arc<[Step]>,
    is_stream: bool,
}

impl Play {
    /// Has it play the role of this server.
    pub(super) fn instead_of<M: Machine>(&self, net: &Net) {
        let (host, play) = (net.find::<M>("server"), self.clone());
        net.promises(host, anything());
        net.replace(host, move |_| Puppet::new(Arc::clone(&play.steps), None, play.is_stream));
    }
}

/// Whatever somebody does to a system, the laws hold, and all properties but the exempt ones. The input is a script.
pub fn holds<S: Trial>(input: &[u8]) {
    let mut script = Script::read(input);
    let Some(net) = planted::<S>(&mut script.options) else { return };
    let play = Play {
        steps: script.steps.as_slice().into(),
        is_stream: S::ABOUT.transport_with(&script.options) == Transport::Tcp,
    };
    // Who answers nobody has no place to stand in.
    let exempt = if script.is_impostor && !S::ABOUT.broadcasts {
        S::impose(&net, &script.options, &play);
        S::NOT_WITH_AN_IMPOSTOR
    } else {
        guest(&net, S::server(&net, &script.options), &play);
        S::NOT_WITH_A_GUEST
    };
    for (after, client, typed) in &script.typed {
        if let Some(client) = S::CLIENTS.get(client % S::CLIENTS.len().max(1)) {
            S::type_at(&net, client, Instant::START + *after, typed.clone());
        }
    }
    let of_lines = if script.typed.is_empty() { &[] } else { S::NOT_WITH_ANY_LINE };
    for name in exempt.iter().chain(of_lines) {
        // Not every form of a system has every property.
        let _ = net.forgive(name);
    }
    judge(&Scenario::from(net), &script);
}

/// The exempt names that no property has: none, or the exemption is out of date.
pub(super) fn unknown<S: Trial>() -> Vec<&'static str> {
    let is_unknown = |name: &&&str| !S::net(&Options::default()).forgive(name);
    let exempt =
        [S::NOT_WITH_A_GUEST, S::NOT_WITH_AN_IMPOSTOR, S::NOT_WITH_ANY_LINE, S::NOT_WITH_CHANGED_BYTES];
    exempt.into_iter().flatten().filter(is_unknown).copied().collect()
}

fn judge(scenario: &Scenario, script: &Script) {
    let mut search = Search::new(scenario, Prepared::default(), Profile::default(), 0);
    if let Err(broken) = search.once(0) {
        let transcript = search.engine().transcript();
        panic!("{}: {broken}\n{:?}\n{transcript}", scenario.name(), script.steps);
    }
}

/// Adds one host more, who calls the server.
fn guest(net: &Net, server: HostId, play: &Play) {
    let (place, play) = (net.host("guest").promises(anything()), play.clone());
    let place = if play.is_stream { place } else { place.udp(0) };
    place.machine(move |boot| {
        Puppet::<(), ()>::new(Arc::clone(&play.steps), Some(boot.peer(server)), play.is_stream)
    });
}

fn anything() -> Promises {
    Promises::DEFAULT.max_messages(1024).max_bytes(4 * limits::SEND_BUFFER_LEN)
}
