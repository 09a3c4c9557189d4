//! The systems, with somebody who does as he likes: beside their clients, or in the place of their server.

use std::sync::Arc;

use lossproof::check::{Property, Search};
use lossproof::engine::Prepared;
use lossproof::fault::Profile;
use lossproof::host::FIRST_EPHEMERAL_PORT;
use lossproof::machine::limits;
use lossproof::systems::{About, Options, SERVER, System, Transport};
use lossproof::{Binding, Instant, Peer, Promises, Scenario};

use super::planted::plant;
use super::puppet::Puppet;
use super::script::Script;

/// A system on trial. Two lists name those of its properties that compare what one side tells with what the other does,
/// so that they cannot hold where somebody takes part who tells nothing and says what he likes. All others do.
pub trait Trial: System {
    /// With somebody more among the clients.
    const NOT_WITH_A_GUEST: &[&str] = &[];
    /// With somebody else in the place of the server.
    const NOT_WITH_AN_IMPOSTOR: &[&str] = &[];
    /// With lines typed that are anything: it takes them for none with the reply's own words in it.
    const NOT_WITH_ANY_LINE: &[&str] = &[];
    /// Where datagrams are changed on their way: it takes each text for what was said, as its protocol has no checksum.
    const NOT_WITH_CHANGED_BYTES: &[&str] = &[];
}

/// Whatever somebody does to a system, the laws hold, and all properties but the exempt ones. The input is a script.
pub fn holds<S: Trial>(input: &[u8]) {
    let mut script = Script::read(input);
    if !plant::<S>(&mut script.options) {
        return;
    }
    let mut properties = S::properties(&script.options);
    // Who answers nobody has no place to stand in.
    let (scenario, exempt) = if script.is_impostor && !S::ABOUT.broadcasts {
        (impostor::<S>(&script), S::NOT_WITH_AN_IMPOSTOR)
    } else {
        (guest::<S>(&script), S::NOT_WITH_A_GUEST)
    };
    let of_lines = if script.typed.is_empty() { &[] } else { S::NOT_WITH_ANY_LINE };
    let exempt = [exempt, of_lines].concat();
    properties.retain(|property| !exempt.contains(&property.name.as_str()));
    judge(&scenario, &properties, &script);
}

/// The exempt names that no property has: none, or the exemption is out of date.
pub(super) fn unknown<S: Trial>() -> Vec<&'static str> {
    let properties = S::properties(&Options::default());
    let is_unknown = |name: &&&str| !properties.iter().any(|property| property.name == **name);
    let exempt =
        [S::NOT_WITH_A_GUEST, S::NOT_WITH_AN_IMPOSTOR, S::NOT_WITH_ANY_LINE, S::NOT_WITH_CHANGED_BYTES];
    exempt.into_iter().flatten().filter(is_unknown).copied().collect()
}

fn judge<C: Clone + 'static, E: PartialEq + std::fmt::Debug + 'static>(
    scenario: &Scenario<C, E>,
    properties: &[Property<E>],
    script: &Script,
) {
    let mut search = Search::new(scenario, properties, Prepared::default(), Profile::default(), 0);
    if let Err(broken) = search.once(0) {
        let names = scenario.names();
        let transcript = search.engine().transcript(scenario, &names);
        panic!("{}: {broken}\n{:?}\n{transcript}", scenario.name, script.steps);
    }
}

/// The scenario of a system with one host more, who calls the server.
fn guest<S: System>(script: &Script) -> Scenario<S::Command, S::Event> {
    let mut scenario = S::scenario(&script.options);
    let server = scenario.peer(SERVER);
    let is_stream = is_stream(&S::ABOUT, script);
    let binding = if is_stream {
        Binding::Dialer
    } else {
        Binding::Datagram { port: FIRST_EPHEMERAL_PORT, connect: None }
    };
    let steps: Arc<[_]> = script.steps.as_slice().into();
    scenario.host_promising("guest", binding, anything(), move |_| {
        Box::new(Puppet::new(Arc::clone(&steps), Some(server), is_stream))
    });
    type_lines::<S>(&mut scenario, script, 1);
    scenario
}

/// The clients of a system, with another in the place of their server.
fn impostor<S: System>(script: &Script) -> Scenario<S::Command, S::Event> {
    let original = S::scenario(&script.options);
    let mut scenario = Scenario::new(&original.name);
    scenario.max_time = original.max_time;
    scenario.max_inputs = original.max_inputs;
    scenario.show = original.show;
    let (server, clients) = original.hosts().split_first().expect("a scenario has hosts");
    let is_stream = is_stream(&S::ABOUT, script);
    let steps: Arc<[_]> = script.steps.as_slice().into();
    let server = scenario.host_promising(&server.name, server.binding, anything(), move |_| {
        Box::new(Puppet::new(Arc::clone(&steps), None, is_stream))
    });
    let peer: Peer = scenario.peer(server);
    for client in clients {
        let options = script.options.clone();
        scenario.host_promising(&client.name, client.binding, client.promises, move |boot| {
            S::client(&options, peer, boot)
        });
    }
    for (at, host, command) in original.commands() {
        scenario.command(*at, *host, command.clone());
    }
    type_lines::<S>(&mut scenario, script, 0);
    scenario
}

/// Has lines typed at the clients: all hosts but the first, and so many at the end.
fn type_lines<S: System>(scenario: &mut Scenario<S::Command, S::Event>, script: &Script, others: usize) {
    let clients = scenario.hosts().len() - 1 - others;
    for (after, client, typed) in &script.typed {
        let name = scenario.hosts()[1 + client % clients].name.clone();
        if let (Some(host), Some(command)) = (scenario.find(&name), S::typed(typed.clone())) {
            scenario.command(Instant::START + *after, host, command);
        }
    }
}

fn is_stream(about: &About, script: &Script) -> bool {
    about.transport_with(&script.options) == Transport::Tcp
}

fn anything() -> Promises {
    Promises { max_messages: 1024, max_bytes: 4 * limits::SEND_BUFFER_LEN, ..Promises::DEFAULT }
}
