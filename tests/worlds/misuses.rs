//! What cannot be done, wherever a machine runs: it has no effect. A simulation stops at it; the network at large goes on.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use lossproof::machine::{Conn, Law, limits};
use lossproof::{Input, Outbox, Status};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::play::{Scene, Side, World};
use crate::puppet::{Ask, Puppet, Script, tell, teller, write};
use crate::{Cell, rows};

rows! {
    too_long_a_datagram no_socket not_a_local_address reply_to_nothing write_when_not_open not_a_group
    no_socket_to_join_with too_many_groups after_done
}

/// Plays a scene in which `a` does what cannot be done.
#[track_caller]
fn no_effect(cell: Cell, scene: Scene, a: &[&str], b: &[&str]) {
    let is_simulated = cell.world() != World::Sockets;
    if is_simulated {
        let law = scene.play(cell).law;
        assert_eq!(law, Some(Law::SilentAfterTheEnd), "law 9 is broken, and the run ends");
    }
    let scene = Scene { laws: false, ..scene };
    let warnings = Warnings::default();
    let played = tracing::subscriber::with_default(warnings.clone(), || scene.play(cell));
    assert_eq!((played.a, played.b), (texts(a), texts(b)));
    assert_eq!((played.law, played.error), (None, None), "where no laws are checked, it goes on");
    if !is_simulated {
        let warnings = warnings.0.lock().unwrap();
        assert_eq!(warnings.len(), 1, "once for each kind: {warnings:?}");
        assert!(warnings[0].starts_with("the machine breaks law 9: it "), "{warnings:?}");
    }
}

fn texts(told: &[&str]) -> Vec<String> {
    told.iter().map(ToString::to_string).collect()
}

/// The warnings in the log.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "message" {
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Tells of one datagram.
fn hears_one(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { .. } = input {
        tell(me, input, out);
        out.done(Status::Success);
    }
}

fn too_long_a_datagram(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), &vec![0; limits::MAX_DATAGRAM_LEN + 1]);
                out.send(me.other(), b"short");
                out.done(Status::Success);
            }
        },
        hears_one,
    );
    no_effect(cell, scene, &[], &["Datagram short"]);
}

fn no_socket(cell: Cell) {
    let b = Side { datagrams: 1, ..Side::listener(until_closed) };
    let a = Side::dialer(|me, input, out| match input {
        Input::Start { .. } => {
            out.send(me.other(), b"from nowhere");
            _ = out.connect(*me.others.last().unwrap());
        }
        Input::Connected { conn, .. } => out.close(conn),
        _ => teller(me, input, out),
    });
    no_effect(cell, Scene::new(a, b), &["Closed: finished"], &["Eof after ''", "Closed: finished"]);
}

/// Closes when the other does.
fn until_closed(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Connected { .. } => {}
        Input::Eof { conn } => {
            tell(me, input, out);
            out.close(conn);
        }
        _ => teller(me, input, out),
    }
}

fn not_a_local_address(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { local } = input {
                out.send_from(local.with_port(9), me.other(), b"a lie");
                out.send_from(me.other(), me.other(), b"a lie");
                out.send_from(local, me.other(), b"the truth");
                out.done(Status::Success);
            }
        },
        hears_one,
    );
    no_effect(cell, scene, &[], &["Datagram the truth"]);
}

fn reply_to_nothing(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.reply(b"to whom?");
                out.send(me.other(), b"hello");
                out.event("replied".to_owned());
                out.done(Status::Success);
            }
        },
        hears_one,
    );
    no_effect(cell, scene, &["replied"], &["Datagram hello"]);
}

fn write_when_not_open(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => {
                let conn = out.connect(me.other());
                try_to_write(out, conn, b"too early");
            }
            Input::Connected { conn, .. } => {
                write(out, conn, b"now");
                out.shutdown(conn);
                try_to_write(out, conn, b"too late");
            }
            Input::Closed { conn, .. } => {
                try_to_write(out, conn, b"far too late");
                out.shutdown(conn);
                out.done(Status::Success);
            }
            _ => {}
        },
        until_closed,
    );
    no_effect(cell, scene, &["0 written"; 3], &["Eof after 'now'", "Closed: finished"]);
}

/// Tells how much of it was taken.
fn try_to_write(out: &mut Outbox<String>, conn: Conn, bytes: &[u8]) {
    let fitted_len = out.write(conn, bytes);
    out.event(format!("{fitted_len} written"));
}

/// Joins these, tells in how many it is, and says something.
fn joins(me: &Puppet, out: &mut Outbox<String>, groups: impl IntoIterator<Item = IpAddr>) {
    groups.into_iter().for_each(|group| out.join(group));
    out.event(format!("in {} groups", out.groups().len()));
    out.send(me.other(), b"hello");
    out.done(Status::Success);
}

/// Plays a scene in which `a` joins what it cannot.
fn cannot_join(cell: Cell, script: Script, told: &str) {
    let a = Side { hears_groups: true, ..Side::datagrams(script, 1) };
    no_effect(cell, Scene::new(a, Side::datagrams(hears_one, 1)), &[told], &["Datagram hello"]);
}

fn not_a_group(cell: Cell) {
    let script: Script = |me, input, out| {
        if let Input::Start { .. } = input {
            out.leave([10, 0, 0, 1].into());
            joins(me, out, [[10, 0, 0, 1].into()]);
        }
    };
    cannot_join(cell, script, "in 0 groups");
}

fn no_socket_to_join_with(cell: Cell) {
    let script: Script = |me, input, out| {
        if let Input::Start { .. } = input {
            joins(me, out, ["ff02::1:2".parse().unwrap()]);
        }
    };
    cannot_join(cell, script, "in 0 groups");
}

fn too_many_groups(cell: Cell) {
    let script: Script = |me, input, out| {
        if let Input::Start { .. } = input {
            let groups = (0..=limits::MAX_GROUPS as u8).map(|n| IpAddr::from([239, 77, 4, n]));
            joins(me, out, groups);
        }
    };
    cannot_join(cell, script, "in 20 groups");
}

fn after_done(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), b"last");
                out.done(Status::Success);
                out.send(me.other(), b"more");
                out.event("more".to_owned());
                out.done(Status::Failure);
            }
        },
        |me, input, out| match input {
            Input::Datagram { .. } => {
                tell(me, input, out);
                me.wake_in(50);
            }
            Input::Timeout => out.done(Status::Success),
            _ => {}
        },
    );
    let status = Scene { laws: false, ..scene.clone() }.play(cell).statuses[0];
    assert_eq!(status, Some(Status::Success), "the first one counts");
    no_effect(cell, scene, &[], &["Datagram last"]);
}
