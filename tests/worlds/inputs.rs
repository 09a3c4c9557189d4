//! What comes into a machine.

use std::process::{self, Command};

use lossproof::drive::{Setup, run};
use lossproof::machine::{ConnectError, limits};
use lossproof::{Input, Status};

use crate::play::{Scene, Side, World};
use crate::puppet::{Puppet, nobody, tell, teller, write};
use crate::{Cell, rows};

rows! {
    start command timeout stop datagram unreachable connected connect_failed received eof writable closed
}

fn start(cell: Cell) {
    let told = |side| {
        let played = Scene::new(side, Side::dialer(nobody)).play(cell);
        assert_eq!(played.statuses[0], Some(Status::Success));
        played.a
    };
    let datagrams = told(Side::datagrams(
        |me, input, out| {
            me.count += 1;
            if let Input::Start { local } = input {
                out.event(format!("{} {}", me.count, out.sockets().first() == Some(&local)));
                out.done(Status::Success);
            }
        },
        2,
    ));
    assert_eq!(datagrams, ["1 true"], "the address of the first of two datagram sockets");
    let has_port = |me: &mut Puppet, input: Input<'_, _>, out: &mut lossproof::Outbox<String>| {
        if let Input::Start { local } = input {
            me.count += 1;
            out.event(format!("{} {}", out.sockets().len(), local.port() != Some(0)));
            out.done(Status::Success);
        }
    };
    assert_eq!(told(Side::listener(has_port)), ["0 true"], "the address where it listens");
    assert_eq!(told(Side::dialer(has_port)), ["0 false"], "port 0, without a socket");
}

fn command(cell: Cell) {
    let mut scene = Scene::datagrams(
        |_, input, out| {
            if let Input::Command(ask) = input {
                out.event((*ask).to_owned());
                if *ask == "twice" {
                    out.done(Status::Success);
                }
            }
        },
        nobody,
    );
    scene.asks = vec![(10, "once"), (20, "twice"), (30, "too late")];
    assert_eq!(scene.play(cell).a, ["once", "twice"], "in their order, and none after the end");
}

fn timeout(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| match input {
            // Between two whole milliseconds.
            Input::Start { .. } => me.due_at = Some(me.now + std::time::Duration::from_micros(20_300)),
            Input::Timeout => {
                out.event((me.now.since_start().as_nanos()).to_string());
                out.done(Status::Success);
            }
            _ => {}
        },
        nobody,
    );
    // Its twin begins an hour later, so this machine tells something else.
    let scene = Scene { laws: false, ..scene };
    let told = scene.play(cell).a;
    let [at] = told.as_slice() else { panic!("{told:?}") };
    let at: u64 = at.parse().unwrap();
    match cell.world() {
        World::Engine => assert_eq!(at, 20_300_000, "at the very moment"),
        World::Turmoil => assert_eq!(at, 21_000_000, "at the next whole millisecond"),
        World::Sockets => assert!(at >= 20_300_000, "never earlier"),
    }
}

fn stop(cell: Cell) {
    let script = |me: &mut Puppet, input: Input<'_, _>, out: &mut lossproof::Outbox<String>| {
        tell(me, input, out);
        match input {
            Input::Stop => me.wake_in(20),
            Input::Timeout => out.done(Status::Success),
            _ => {}
        }
    };
    let scene = Scene { stop_at: Some(20), ..Scene::datagrams(script, nobody) };
    assert_eq!(scene.play(cell).a, ["Stop", "Timeout"], "once, and the end is the machine's to say");
    if cell.world() == World::Sockets {
        // What `run` takes for a Ctrl-C.
        for signal in ["-INT", "-TERM"] {
            let mut told = Vec::new();
            let kill = |_: &[_]| {
                let killed = Command::new("kill").args([signal, &process::id().to_string()]).status();
                assert!(killed.unwrap().success());
            };
            run(Puppet::new(script, Vec::new(), b""), Setup::dialer(), kill, |event| told.push(event))
                .unwrap();
            assert_eq!(told, ["Stop", "Timeout"], "{signal}");
        }
    }
}

fn datagram(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => out.send(me.other(), b"hello"),
            Input::Datagram { peer, local, .. } => {
                out.event(format!("{} {}", peer == me.other(), local == out.sockets()[0]));
                tell(me, input, out);
                out.done(Status::Success);
            }
            _ => {}
        },
        |me, input, out| {
            if let Input::Datagram { local, .. } = input {
                tell(me, input, out);
                out.event(format!("{}", local == out.sockets()[0]));
                out.reply(b"hi");
                out.done(Status::Success);
            }
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.b, ["Datagram hello", "true"]);
    assert_eq!(
        played.a,
        ["true true", "Datagram hi"],
        "from where it was sent to, to where it was sent from"
    );
}

fn unreachable(cell: Cell) {
    // Where the other host listens for streams, it has no datagram socket.
    let a = Side::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => out.send(me.other(), b"anybody?"),
            Input::Unreachable { peer, local } => {
                out.event(format!("{} {}", peer == me.other(), local == out.sockets()[0]));
                out.done(Status::Success);
            }
            _ => {}
        },
        1,
    );
    let scene = Scene::new(Side { is_connected: true, ..a }, Side::listener(until_asked));
    assert_eq!(scene.play(cell).a, ["true true"]);
}

/// Is there for a while.
fn until_asked(me: &mut Puppet, input: Input<'_, crate::puppet::Ask>, out: &mut lossproof::Outbox<String>) {
    match input {
        Input::Start { .. } => me.wake_in(200),
        Input::Timeout => out.done(Status::Success),
        _ => tell(me, input, out),
    }
}

fn connected(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => me.conn = Some(out.connect(me.other())),
            Input::Connected { conn, peer, local } => {
                let is_named = Some(conn) == me.conn;
                out.event(format!("{is_named} {} {}", peer == me.other(), local.port() != Some(0)));
                write(out, conn, local.port().unwrap().to_string().as_bytes());
                out.close(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| match input {
            Input::Connected { peer, .. } => me.count = usize::from(peer.port().unwrap()),
            Input::Eof { conn } => {
                out.event((me.read_text() == me.count.to_string()).to_string());
                out.close(conn);
            }
            _ => teller(me, input, out),
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["true true true", "Closed: finished"], "the name, the peer, a port of its own");
    assert_eq!(played.b, ["true", "Closed: finished"], "the address that the connector has");
}

fn connect_failed(cell: Cell) {
    // Where the other host has a datagram socket, it does not listen.
    let a = Side::dialer(|me, input, out| match input {
        Input::Start { .. } => me.conn = Some(out.connect(me.other())),
        Input::ConnectFailed { conn, peer, reason } => {
            let is_refused = reason == ConnectError::Refused;
            out.event(format!("{} {} {is_refused}", Some(conn) == me.conn, peer == me.other()));
            let next = out.connect(peer);
            out.event(format!("free again: {}", next.index() == conn.index()));
            out.done(Status::Success);
        }
        _ => {}
    });
    let played = Scene::new(a, Side::datagrams(until_asked, 1)).play(cell);
    assert_eq!(played.a, ["true true true", "free again: true"]);
}

/// How much is sent where it has to be more than fits anywhere.
const LONG: usize = 600_000;

/// The byte at a place of a long stream.
fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

fn received(cell: Cell) {
    fn go_on(me: &mut Puppet, out: &mut lossproof::Outbox<String>) {
        let left: Vec<u8> = (me.count..LONG).map(byte).collect();
        me.count += out.write(me.conn(), &left);
        if me.count == LONG {
            out.shutdown(me.conn());
        }
    }
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { .. } | Input::Writable { .. } => go_on(me, out),
            _ => teller(me, input, out),
        },
        |me, input, out| match input {
            Input::Received { bytes, .. } => {
                assert!(!bytes.is_empty() && bytes.len() <= limits::MAX_READ_LEN);
            }
            Input::Eof { conn } => {
                let is_whole = me.read.iter().enumerate().all(|(at, got)| *got == byte(at));
                out.event(format!("{} {is_whole}", me.read.len()));
                out.shutdown(conn);
            }
            _ => teller(me, input, out),
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.b, ["Connected", "600000 true", "Closed: finished"], "all of it, in order");
}

fn eof(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                write(out, conn, b"first half");
                out.shutdown(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| {
            teller(me, input, out);
            if let Input::Eof { conn } = input {
                write(out, conn, b"second half");
                out.shutdown(conn);
            }
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.b, ["Connected", "Eof after 'first half'", "Closed: finished"]);
    assert_eq!(played.a, ["Eof after 'second half'", "Closed: finished"], "this end still could");
}

fn writable(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                let fitted_len = out.write(conn, &vec![b'x'; limits::SEND_BUFFER_LEN + 1]);
                out.event(format!("short: {}", fitted_len == limits::SEND_BUFFER_LEN));
            }
            Input::Writable { conn } => {
                me.count += 1;
                out.event(format!("Writable {}", me.count));
                write(out, conn, b"y");
                out.close(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| match input {
            Input::Eof { conn } => {
                out.event(format!("{}", me.read.len()));
                out.close(conn);
            }
            _ => teller(me, input, out),
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["short: true", "Writable 1", "Closed: finished"]);
    assert_eq!(played.b, ["Connected", "65537", "Closed: finished"]);
}

fn closed(cell: Cell) {
    // Both end, one after the other; then it is over, and nothing more comes of it.
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => out.shutdown(conn),
            Input::Closed { .. } => {
                tell(me, input, out);
                me.wake_in(50);
            }
            Input::Timeout => {
                let next = out.connect(me.other());
                out.event(format!("free again: {}", next.index() == me.conn().index() && next != me.conn()));
                out.done(Status::Success);
            }
            _ => tell(me, input, out),
        },
        |me, input, out| {
            teller(me, input, out);
            if let Input::Eof { conn } = input {
                out.shutdown(conn);
            }
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["Eof after ''", "Closed: finished", "free again: true"]);
    assert_eq!(played.b, ["Connected", "Eof after ''", "Closed: finished"]);
}
