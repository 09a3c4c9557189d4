//! What goes out of a machine.

use lossproof::drive::Store;
use lossproof::machine::{Conn, Ecn};
use lossproof::{Input, Outbox, Peer, Status};

use crate::play::{Scene, Side, World};
use crate::puppet::{Ask, GROUP, Puppet, nobody, tell, teller, write as put};
use crate::sockets::play_with;
use crate::{Cell, rows};

rows! {
    send send_from reply set_ecn connect write shutdown close abort pause resume join leave save event
    done
}

/// Answers one datagram from where it was asked.
fn answer(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { local, .. } = input {
        let which = out.sockets().iter().position(|socket| *socket == local);
        out.event(format!("asked at {which:?}"));
        tell(me, input, out);
        out.reply(b"yes");
        out.done(Status::Success);
    }
}

/// Tells at which of its sockets, and from which of the other's, the answer came.
fn hear(me: &Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { peer, local, .. } = input {
        let at = out.sockets().iter().position(|socket| *socket == local);
        let from = me.others.iter().position(|other| *other == peer);
        out.event(format!("at {at:?} from {from:?}"));
        out.done(Status::Success);
    }
}

fn send(cell: Cell) {
    let a = Side::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => out.send(me.other(), b"?"),
            _ => hear(me, input, out),
        },
        2,
    );
    let played = Scene::new(a, Side::datagrams(answer, 1)).play(cell);
    assert_eq!(played.b, ["asked at Some(0)", "Datagram ?"]);
    assert_eq!(played.a, ["at Some(0) from Some(0)"], "it left from the first socket");
}

fn send_from(cell: Cell) {
    let a = Side::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => {
                let second = out.sockets()[1];
                out.send_from(second, me.other(), b"?");
            }
            _ => hear(me, input, out),
        },
        2,
    );
    let played = Scene::new(a, Side::datagrams(answer, 1)).play(cell);
    assert_eq!(played.a, ["at Some(1) from Some(0)"], "it left from the second socket");
}

fn reply(cell: Cell) {
    let a = Side::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => out.send(me.others[1], b"?"),
            _ => hear(me, input, out),
        },
        1,
    );
    let played = Scene::new(a, Side::datagrams(answer, 2)).play(cell);
    assert_eq!(played.b, ["asked at Some(1)", "Datagram ?"]);
    assert_eq!(played.a, ["at Some(0) from Some(1)"], "it was answered from there");
}

fn set_ecn(cell: Cell) {
    let a = |me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>| match input {
        Input::Start { .. } => {
            out.send(me.other(), b"plain");
            out.set_ecn(Ecn::Ect0);
            out.send(me.other(), b"first");
            out.send(me.other(), b"second");
            out.set_ecn(Ecn::Ect1);
            out.send(me.other(), b"third");
            me.wake_in(100);
        }
        Input::Timeout => {
            out.send(me.other(), b"later");
            out.set_ecn(Ecn::Ce);
            out.send(me.other(), b"last");
            out.done(Status::Success);
        }
        _ => {}
    };
    let b = |me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>| {
        if let Input::Datagram { ecn, bytes, .. } = input {
            out.event(format!("{} {ecn}", String::from_utf8_lossy(bytes)));
            me.count += 1;
            if me.count == 6 {
                out.done(Status::Success);
            }
        }
    };
    let played = Scene::datagrams(a, b).play(cell);
    let expected =
        ["plain not-ect", "first ect(0)", "second ect(0)", "third ect(1)", "later not-ect", "last ce"];
    assert_eq!(played.b, expected);
}

fn connect(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => {
                let names: Vec<usize> = (0..4).map(|_| out.connect(me.other()).index()).collect();
                out.event(format!("{names:?}"));
            }
            Input::Connected { conn, .. } => out.shutdown(conn),
            Input::Closed { .. } => {
                me.count += 1;
                if me.count == 4 {
                    out.event("four streams".to_owned());
                    out.done(Status::Success);
                }
            }
            _ => {}
        },
        |me, input, out| match input {
            Input::Eof { conn } => out.shutdown(conn),
            Input::Closed { .. } => {
                me.count += 1;
                if me.count == 4 {
                    out.event("four streams".to_owned());
                    out.done(Status::Success);
                }
            }
            _ => {}
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["[0, 1, 2, 3]", "four streams"], "several to one address");
    assert_eq!(played.b, ["four streams"]);
}

fn write_two(conn: Conn, out: &mut Outbox<String>) {
    put(out, conn, b"one");
    put(out, conn, b"");
    let chunk = out.put(b"two");
    assert_eq!(out.write_chunk(conn, chunk), 3);
}

fn write(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                write_two(conn, out);
                out.close(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| {
            teller(me, input, out);
            if let Input::Eof { conn } = input {
                out.close(conn);
            }
        },
    );
    assert_eq!(scene.play(cell).b, ["Connected", "Eof after 'onetwo'", "Closed: finished"]);
}

fn shutdown(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                put(out, conn, b"all");
                out.shutdown(conn);
                // Ending twice is once.
                out.shutdown(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| {
            teller(me, input, out);
            match input {
                Input::Eof { .. } => me.wake_in(50),
                Input::Timeout => out.shutdown(me.conn()),
                _ => {}
            }
        },
    );
    let played = scene.play(cell);
    assert_eq!(played.b, ["Connected", "Eof after 'all'", "Timeout", "Closed: finished"]);
    assert_eq!(played.a, ["Eof after ''", "Closed: finished"], "it is over when both have ended");
}

fn close(cell: Cell) {
    let scene = Scene::streams(close_at_last, |me, input, out| match input {
        // It never reads the request.
        Input::Connected { conn, .. } => {
            out.pause(conn);
            me.wake_in(20);
        }
        Input::Timeout => {
            put(out, me.conn(), b"no");
            out.close(me.conn());
        }
        _ => teller(me, input, out),
    });
    let played = scene.play(cell);
    assert_eq!(played.a, ["Eof after 'no'", "Closed: finished"], "the answer is not lost");
    assert_eq!(played.b, ["Closed: finished"], "what comes after a close is discarded");
}

/// Asks, hears the answer, says more, and closes.
fn close_at_last(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => _ = out.connect(me.other()),
        Input::Connected { conn, .. } => put(out, conn, b"a request"),
        Input::Eof { conn } => {
            tell(me, input, out);
            put(out, conn, b"and more of it");
            out.close(conn);
        }
        _ => teller(me, input, out),
    }
}

fn abort(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { .. } => me.wake_in(50),
            Input::Timeout => out.abort(me.conn()),
            _ => teller(me, input, out),
        },
        teller,
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["Closed: aborted"]);
    assert_eq!(played.b, ["Connected", "Closed: reset"]);
}

/// Pauses at once, and resumes after a while.
fn reads_late(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Connected { conn, .. } => {
            out.pause(conn);
            me.wake_in(100);
        }
        Input::Timeout => {
            out.event(format!("so far '{}'", me.read_text()));
            out.resume(me.conn());
        }
        Input::Eof { conn } => {
            tell(me, input, out);
            out.close(conn);
        }
        _ => teller(me, input, out),
    }
}

/// Writes twice and closes.
fn writes_soon(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => _ = out.connect(me.other()),
        Input::Connected { conn, .. } => {
            put(out, conn, b"one");
            me.wake_in(20);
        }
        Input::Timeout => {
            put(out, me.conn(), b"two");
            out.close(me.conn());
        }
        _ => teller(me, input, out),
    }
}

fn pause(cell: Cell) {
    let played = Scene::streams(writes_soon, reads_late).play(cell);
    assert_eq!(played.b[0], "so far ''", "neither bytes nor the end were handed in");
}

fn resume(cell: Cell) {
    let played = Scene::streams(writes_soon, reads_late).play(cell);
    assert_eq!(played.b, ["so far ''", "Eof after 'onetwo'", "Closed: finished"]);
    assert_eq!(played.a, ["Closed: finished"]);
}

/// Once the other has joined, says something to the group.
fn says_to_group(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    let to = Peer::from((GROUP, me.other().port().unwrap()));
    match input {
        Input::Start { .. } => me.wake_in(50),
        Input::Timeout if me.count == 0 => {
            me.count = 1;
            out.send(to, b"?");
        }
        Input::Datagram { .. } => {
            tell(me, input, out);
            out.send(to, b"once more");
            out.done(Status::Success);
        }
        _ => {}
    }
}

/// Two hosts, of which the second can be in a group.
fn group(b: crate::puppet::Script) -> Scene {
    Scene::new(Side::datagrams(says_to_group, 1), Side { hears_groups: true, ..Side::datagrams(b, 1) })
}

fn join(cell: Cell) {
    let scene = group(|me, input, out| match input {
        Input::Start { .. } => {
            out.join(GROUP);
            out.join(GROUP);
        }
        Input::Datagram { bytes: b"?", .. } => {
            tell(me, input, out);
            out.reply(b"yes");
        }
        Input::Datagram { bytes: b"mine", .. } => {
            tell(me, input, out);
            out.done(Status::Success);
        }
        Input::Datagram { peer, .. } => {
            tell(me, input, out);
            me.others = vec![peer];
            let own = out.sockets()[0].port().unwrap();
            out.send(Peer::from((GROUP, own)), b"mine");
        }
        _ => {}
    });
    let played = scene.play(cell);
    assert_eq!(played.a, ["Datagram yes"], "it was answered from an address of its own");
    assert_eq!(played.b, ["Datagram ?", "Datagram once more", "Datagram mine"]);
}

fn leave(cell: Cell) {
    let scene = group(|me, input, out| match input {
        Input::Start { .. } => {
            out.leave(GROUP);
            out.join(GROUP);
        }
        Input::Datagram { .. } => {
            tell(me, input, out);
            out.leave(GROUP);
            out.reply(b"yes");
            me.wake_in(50);
        }
        Input::Timeout => out.done(Status::Success),
        _ => {}
    });
    let played = scene.play(cell);
    assert_eq!((played.a.len(), played.b), (1, vec!["Datagram ?".to_owned()]));
}

/// Saves more than it found.
fn saves(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => {
            out.event(format!("found '{}'", me.found));
            out.save(b"lost");
            out.save(format!("{}x", me.found).as_bytes());
            me.wake_in(30);
        }
        Input::Timeout => out.done(Status::Success),
        _ => {}
    }
}

fn save(cell: Cell) {
    let scene = Scene::datagrams(saves, nobody);
    match cell.world() {
        World::Engine => {
            let played = scene.plan("at 10ms poweroff a; at 20ms restart a").play(cell);
            assert_eq!(played.a, ["found ''", "found 'x'"], "what was saved last, after a restart");
        }
        World::Turmoil => {
            let played = scene.play(cell);
            assert_eq!((played.a, played.statuses[0]), (vec!["found ''".to_owned()], Some(Status::Success)));
            // And nobody could find it: see the row on crashes.
        }
        World::Sockets => {
            let dir = std::env::temp_dir().join(format!("lossproof-worlds-{}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            let path = dir.join("state");
            let told = [(); 2].map(|()| play_with(&scene, Some(Store::open(&path).unwrap())).a.join(" "));
            std::fs::remove_dir_all(&dir).unwrap();
            assert_eq!(told, ["found ''", "found 'x'"], "what was saved last, in the next process");
            let error = scene.play(cell).error.unwrap();
            assert!(error.contains("has nowhere to: give its setup a store"), "without one: {error}");
        }
    }
}

fn event(cell: Cell) {
    let scene = Scene::datagrams(
        |_, input, out| {
            if let Input::Start { .. } = input {
                (0..3).for_each(|n| out.event(n.to_string()));
                out.done(Status::Success);
            }
        },
        nobody,
    );
    assert_eq!(scene.play(cell).a, ["0", "1", "2"], "in order");
}

fn done(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                put(out, conn, b"bye");
                out.event("last".to_owned());
                out.done(Status::Failure);
            }
            _ => tell(me, input, out),
        },
        |me, input, out| {
            teller(me, input, out);
            if let Input::Eof { conn } = input {
                out.close(conn);
            }
        },
    );
    let played = scene.play(cell);
    assert_eq!((played.a, played.statuses[0]), (vec!["last".to_owned()], Some(Status::Failure)));
    assert_eq!(
        played.b,
        ["Connected", "Eof after 'bye'", "Closed: finished"],
        "its streams end in good order"
    );
}
