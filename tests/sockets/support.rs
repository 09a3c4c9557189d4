//! What the tests of systems on real sockets share, beside what the driver's own tests have.

#[allow(dead_code, reason = "the driver's tests use the rest of it")]
#[path = "../driver/support.rs"]
mod driven;

use std::fmt::{self, Display};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

pub(crate) use driven::*;
use lossproof::drive::{DriveError, LocalFaults};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::machine::UnixPath;
use lossproof::scenario::Net;
use lossproof::systems::{
    About, Options, Transport, Typed, geocode, greet, greeter, hello_tcp, hello_udp, http, select_echo,
    suffix_echo, tcp_chat, tcp_deadlock, tcp_sixteen, udp_broadcast, udp_chat, udp_local, udp_remote,
};
use lossproof::{Input, Machine, Outbox, Peer, Scenario, Status};

/// What a terminal shows of an event: its line, unless the original prints it otherwise or not at all.
pub(crate) trait Print: Display {
    fn print(&self, to: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(to, "{self}")
    }
}

/// Events that are printed by their lines, and those that a function of their system prints.
macro_rules! printed {
    ($($lined:ty),* ; $($event:ty => $print:path),* $(,)?) => {
        $(impl Print for $lined {})*
        $(impl Print for $event {
            fn print(&self, to: &mut dyn fmt::Write) -> fmt::Result {
                $print(self, to)
            }
        })*
    };
}

printed! {
    greet::ServerEvent, greet::ClientEvent, greeter::ClientEvent, hello_tcp::ClientEvent, hello_udp::ServerEvent,
    select_echo::ServerEvent, select_echo::ClientEvent, tcp_deadlock::ServerEvent, tcp_deadlock::ClientEvent,
    tcp_sixteen::ServerEvent, tcp_sixteen::ClientEvent, udp_broadcast::ServerEvent, udp_local::ServerEvent,
    udp_local::ClientEvent, udp_remote::ServerEvent, udp_remote::ClientEvent;
    geocode::ServerEvent => geocode::print_server,
    geocode::ClientEvent => geocode::print_client,
    greeter::ServerEvent => greeter::print_server,
    hello_tcp::ServerEvent => hello_tcp::print_server,
    hello_udp::ClientEvent => hello_udp::print_client,
    http::ServerEvent => http::print_server,
    http::ClientEvent => http::print_client,
    suffix_echo::ServerEvent => suffix_echo::print_server,
    suffix_echo::ClientEvent => suffix_echo::print_client,
    tcp_chat::ServerEvent => tcp_chat::print_server,
    tcp_chat::ClientEvent => tcp_chat::print_client,
    udp_broadcast::ClientEvent => udp_broadcast::print_client,
    udp_chat::ServerEvent => udp_chat::print_server,
    udp_chat::ClientEvent => udp_chat::print_client,
}

/// What a terminal shows of this.
pub(crate) fn printed(told: &[impl Print]) -> String {
    let mut text = String::new();
    for event in told {
        event.print(&mut text).unwrap();
    }
    text
}

/// A line that is typed.
pub(crate) fn typed_line(line: &str) -> Typed {
    Typed::Line(line.as_bytes().to_vec())
}

/// What is asked when something was typed, and after which events a line is wanted.
pub(crate) type Terminal<C, E> = (fn(Typed) -> C, fn(&E) -> bool);

/// Types lines, each when it is asked for, and then the end of the input.
///
/// # Panics
/// If a line is not asked for.
pub(crate) fn type_all<C, E: fmt::Debug + Send + 'static>(
    client: &mut Driven<E>,
    keyboard: &tokio::sync::mpsc::Sender<C>,
    (typed, wants_line): Terminal<C, E>,
    lines: &[&str],
) {
    let commands = lines.iter().map(|text| typed_line(text)).chain([Typed::End]).map(typed);
    for (index, command) in commands.enumerate() {
        client.wait_count("the next line is wanted", index + 1, wants_line);
        assert!(keyboard.blocking_send(command).is_ok(), "the client has ended");
    }
}

/// Calls a server that is not there, over both families, and wants one plain line. `call` says how the client ended, and
/// what it told.
pub(crate) fn assert_told_of_nobody<E: Print>(
    call: impl Fn(SocketAddr) -> (Result<Status, DriveError>, Vec<E>),
) {
    for bind in [V4, V6] {
        let nobody = TcpListener::bind(bind).unwrap().local_addr().unwrap();
        let (status, told) = call(nobody);
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), format!("cannot connect to {nobody}: connection refused\n"));
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

/// A system, and how its two machines are made by hand as its net makes them.
pub(crate) struct Pair<S, C> {
    pub(crate) about: About,
    pub(crate) net: fn(&Options) -> Net,
    pub(crate) server: fn(&Options) -> S,
    pub(crate) client: fn(&Options, Peer) -> C,
}

/// Runs a system in the event engine and over loopback with the same plan, and holds that both roles tell the same.
pub(crate) fn assert_same_over_loopback<S, C>(pair: &Pair<S, C>, options: &Options, plan: &str)
where
    S: Machine<Command: Send, Event: Display + Send>,
    C: Machine<Command: Send, Event: Display + Send>,
{
    let net = (pair.net)(options);
    let (of_server, of_client) = (net.find::<S>("server"), net.find::<C>("client"));
    let scenario = Scenario::from(net);
    let plan: FaultPlan = plan.parse().unwrap();
    let prepared = Prepared::new(&plan, &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan: prepared, properties: false, ..Settings::default() });
    let (run, at) = (engine.view(), scenario.peer(of_server).inet().unwrap());
    let by_server = shown(run.events(of_server), at);
    let by_client = shown(run.events(of_client), at);

    let local = |own: &str, peer: &str| {
        Some(LocalFaults { plan: plan.clone(), own: own.to_owned(), peer: peer.to_owned() })
    };
    let (at_server, is_datagram) = match pair.about.transport {
        Transport::Udp => (datagram(V4, None), true),
        Transport::Tcp => (listener(V4), false),
    };
    let (make, chosen) = (pair.server, options.clone());
    let mut server = Driven::start(at_server, local("server", "client"), move || make(&chosen));
    let (addr, peer) = (server.addr, server.peer());
    let connect = pair.about.client_connects.then_some(addr);
    let at_client = if is_datagram { vec![datagram(V4, connect)] } else { Vec::new() };
    let (make, chosen) = (pair.client, options.clone());
    let client = Driven::start(at_client, local("client", "server"), move || make(&chosen, peer));
    let (status, told) = client.join();
    assert_eq!(shown(&told, addr), by_client, "{plan}");
    assert_eq!(Some(status.unwrap()), run.status(of_client), "{plan}");
    server.wait("what the server tells in the engine", |told| told.len() >= by_server.len());
    assert_eq!(shown(&server.stop(), addr), by_server, "{plan}");
}

/// Events as texts without addresses.
fn shown(told: &[impl Display], server: SocketAddr) -> Vec<String> {
    told.iter().map(|event| named(&event.to_string(), server)).collect()
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

/// A stream to a Unix socket whose waits are bounded.
pub(crate) fn plain_unix(path: &UnixPath) -> UnixStream {
    let stream = UnixStream::connect(file(path)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}
