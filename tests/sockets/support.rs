//! What the tests of systems on real sockets share, beside what the driver's own tests have.

#[path = "../driver/support.rs"]
mod driven;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

pub(crate) use driven::*;
use lossproof::drive::{DriveError, LocalFaults};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::systems::{CLIENT, Options, SERVER, System, Transport, Typed};
use lossproof::{Boot, Input, Machine, Outbox, Status};

/// The first machine of its host.
pub(crate) const BOOT: Boot<'static> = Boot::alone(7);

/// What a terminal shows of this.
pub(crate) fn printed<S: System>(told: &[S::Event]) -> String {
    let mut text = String::new();
    for event in told {
        S::print(event, &mut text).unwrap();
    }
    text
}

/// The command that a typed line is.
///
/// # Panics
/// If nothing can be typed.
pub(crate) fn typed<S: System>(line: &str) -> S::Command {
    S::typed(Typed::Line(line.as_bytes().to_vec())).unwrap()
}

/// Types lines, each when it is asked for, and then the end of the input.
///
/// # Panics
/// If a line is not asked for, or nothing can be typed.
pub(crate) fn type_all<S: System>(
    client: &mut Driven<S::Event>,
    keyboard: &tokio::sync::mpsc::Sender<S::Command>,
    lines: &[&str],
) where
    S::Event: Send,
{
    let commands = lines.iter().map(|line| typed::<S>(line)).chain(S::typed(Typed::End));
    for (index, command) in commands.enumerate() {
        client.wait_count("the next line is wanted", index + 1, S::wants_line);
        assert!(keyboard.blocking_send(command).is_ok(), "the client has ended");
    }
}

/// Calls a server that is not there, over both families, and wants one plain line. `call` says how the client ended, and
/// what it told.
pub(crate) fn assert_told_of_nobody<S: System>(
    call: impl Fn(SocketAddr) -> (Result<Status, DriveError>, Vec<S::Event>),
) {
    for bind in [V4, V6] {
        let nobody = TcpListener::bind(bind).unwrap().local_addr().unwrap();
        let (status, told) = call(nobody);
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed::<S>(&told), format!("cannot connect to {nobody}: connection refused\n"));
    }
}

/// A machine whose inputs are noted, in a few words each, before it gets them.
pub(crate) struct Spied<M> {
    pub(crate) machine: M,
    pub(crate) inputs: Arc<Mutex<Vec<String>>>,
}

impl<M: Machine> Machine for Spied<M> {
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: lossproof::Instant, out: &mut Outbox<M::Event>) {
        let noted = match &input {
            Input::Datagram { bytes, .. } => format!("datagram {}", bytes.escape_ascii()),
            Input::Unreachable { peer, .. } => format!("unreachable {peer}"),
            _ => String::new(),
        };
        if !noted.is_empty() {
            self.inputs.lock().unwrap().push(noted);
        }
        self.machine.handle(input, now, out);
    }

    fn deadline(&self) -> Option<lossproof::Instant> {
        self.machine.deadline()
    }
}

/// Runs a system in the event engine and over loopback with the same plan, and holds that both roles tell the same.
pub(crate) fn assert_same_over_loopback<S>(options: &Options, plan: &str)
where
    S: System<Command: Send, Event: Send>,
{
    let scenario = Rc::new(S::scenario(options));
    let plan: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&plan, &scenario.names()).unwrap();
    let mut engine = Engine::default();
    engine.run(&scenario, &Settings { plan: prepared, ..Settings::default() });
    let told_by = |host| {
        let of_host = engine.events().iter().filter(move |happened| happened.host == host);
        let server = scenario.peer(SERVER).inet().unwrap();
        of_host.map(|happened| named(&happened.event.to_string(), server)).collect::<Vec<_>>()
    };
    let (by_server, by_client) = (told_by(SERVER), told_by(CLIENT));

    let local = |own: &str, peer: &str| {
        Some(LocalFaults { plan: plan.clone(), own: own.to_owned(), peer: peer.to_owned() })
    };
    let (of_server, of_client) = (options.clone(), options.clone());
    let (at_server, at_client) = match S::ABOUT.transport {
        Transport::Udp => (datagram(V4, None), None),
        Transport::Tcp => (listener(V4).into(), Some(dialer())),
    };
    let mut server = Driven::start(at_server, local("server", "client"), move || S::server(&of_server, BOOT));
    let (addr, peer) = (server.addr, server.peer());
    let connect = S::ABOUT.client_connects.then_some(addr);
    let at_client = at_client.unwrap_or_else(|| datagram(V4, connect));
    let client =
        Driven::start(at_client, local("client", "server"), move || S::client(&of_client, peer, BOOT));
    let (status, told) = client.join();
    let shown = |told: &[S::Event]| -> Vec<String> {
        told.iter().map(|event| named(&event.to_string(), addr)).collect()
    };
    assert_eq!(shown(&told), by_client, "{plan}");
    assert_eq!(Some(status.unwrap()), engine.statuses()[CLIENT.index()], "{plan}");
    server.wait("what the server tells in the engine", |told| told.len() >= by_server.len());
    assert_eq!(shown(&server.stop()), by_server, "{plan}");
}

/// A text with addresses as names: the server's, and everybody else's.
fn named(text: &str, server: SocketAddr) -> String {
    let word = |word: &str| match word.parse::<SocketAddr>() {
        Ok(addr) if addr == server => "server".to_owned(),
        Ok(_) => "client".to_owned(),
        Err(_) => word.to_owned(),
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}
