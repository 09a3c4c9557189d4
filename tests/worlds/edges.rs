//! Where worlds would differ first: bounds, ends and nobody there.

use std::cell::RefCell;
use std::future::pending;
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use lossproof::drive::{Setup, run_until};
use lossproof::machine::limits;
use lossproof::{Input, Outbox, Peer, Status};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};

use crate::play::{Scene, Side, nowhere};
use crate::puppet::{Ask, GROUP, Puppet, nobody, tell, teller, write};
use crate::sockets::{HUSH, block_on, heard};
use crate::{Cell, rows};

rows! {
    an_empty_datagram the_largest_datagram a_datagram_to_a_port_that_nobody_has a_datagram_to_no_host
    a_datagram_to_a_group_of_nobody a_stream_to_no_host a_stream_to_a_silent_host shutdown_while_dialing given_up_while_dialing
    reset_overtakes_data reset_while_paused reset_after_the_end a_peer_that_never_ends exit_with_unsent_data
    exit_with_a_peer_that_never_reads
}

/// Tells how long one datagram is.
fn measures(_: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { bytes, .. } = input {
        out.event(bytes.len().to_string());
        out.done(Status::Success);
    }
}

fn an_empty_datagram(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), b"");
                out.done(Status::Success);
            }
        },
        measures,
    );
    assert_eq!(scene.play(cell).b, ["0"]);
}

fn the_largest_datagram(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), &vec![7; limits::MAX_DATAGRAM_LEN]);
                out.done(Status::Success);
            }
        },
        measures,
    );
    assert_eq!(scene.play(cell).b, ["65507"]);
}

/// Waits for what comes of it, and tells.
fn waits(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => me.wake_in(200),
        Input::Timeout => {
            out.event("enough".to_owned());
            out.done(Status::Success);
        }
        _ => tell(me, input, out),
    }
}

fn a_datagram_to_a_port_that_nobody_has(cell: Cell) {
    let a = Side::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), b"anybody?");
            }
            waits(me, input, out);
        },
        1,
    );
    // Where it listens for streams, it has no datagram socket.
    let played = Scene::new(a, Side::listener(waits)).play(cell);
    assert_eq!(
        (played.a, played.b),
        (vec!["enough".to_owned()], vec!["enough".to_owned()]),
        "nobody hears of it"
    );
}

fn a_datagram_to_no_host(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send("203.0.113.9:9".parse().unwrap(), b"lost");
                out.send(me.other(), b"hello");
            }
            waits(me, input, out);
        },
        waits,
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["enough"], "the sender hears nothing");
    assert_eq!(played.b, ["Datagram hello", "enough"]);
}

fn a_datagram_to_a_group_of_nobody(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(Peer::from((GROUP, me.other().port().unwrap())), b"lost");
                out.send(me.other(), b"hello");
            }
            waits(me, input, out);
        },
        waits,
    );
    let played = scene.play(cell);
    assert_eq!(played.a, ["enough"], "the sender hears nothing");
    assert_eq!(played.b, ["Datagram hello", "enough"], "it has the port, and is in no group");
}

fn a_stream_to_no_host(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(nowhere()),
            _ => teller(me, input, out),
        },
        nobody,
    );
    assert_eq!(scene.play(cell).a, ["ConnectFailed: host unreachable"]);
}

/// Dials, and tells after how many seconds it failed.
fn dials_for_long(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => {
            _ = out.connect(me.other());
            // Half a minute is too long for a test, so on sockets the runtime's clock goes on by itself from here.
            out.event(HUSH.to_owned());
            me.count = me.now.since_start().as_secs() as usize;
        }
        Input::ConnectFailed { .. } => {
            let seconds = me.now.since_start().as_secs() as usize - me.count;
            out.event(format!("after {seconds} s"));
            teller(me, input, out);
        }
        _ => {}
    }
}

fn a_stream_to_a_silent_host(cell: Cell) {
    let expected = ["after 30 s", "ConnectFailed: connecting timed out"];
    assert_eq!(limits::MAX_CONNECT, Duration::from_secs(30));
    if cell.is_on_sockets() {
        return assert_eq!(dial_a_full_listener(), expected);
    }
    let played = Scene::streams(dials_for_long, nobody).plan("at 0s partition a|b").play(cell);
    assert_eq!(played.a[0], HUSH);
    assert_eq!(played.a[1..], expected);
}

/// The system answers nothing to who dials a listener whose queue is full.
fn dial_a_full_listener() -> Vec<String> {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let at: SockaddrIn = getsockname(listener.as_raw_fd()).unwrap();
    let at = std::net::SocketAddr::from((at.ip(), at.port()));
    let _first_in_the_queue = TcpStream::connect(at).unwrap();
    let told = RefCell::new(Vec::new());
    let puppet = Puppet::new(dials_for_long, vec![at.into()], b"");
    let run = run_until(puppet, Setup::dialer(), |_| (), |event| heard(&told, event), pending());
    block_on(run).unwrap();
    told.take()
}

/// Closes when the other does.
fn closes_last(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    teller(me, input, out);
    if let Input::Eof { conn } = input {
        out.close(conn);
    }
}

fn shutdown_while_dialing(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => {
                let conn = out.connect(me.other());
                out.shutdown(conn);
            }
            _ => teller(me, input, out),
        },
        |me, input, out| {
            if let Input::Eof { conn } = input {
                write(out, conn, b"hello");
            }
            closes_last(me, input, out);
        },
    );
    let played = scene.play(cell);
    assert_eq!(
        played.b,
        ["Connected", "Eof after ''", "Closed: finished"],
        "the stream stands, and ends at once"
    );
    assert_eq!(played.a, ["Connected", "Eof after 'hello'", "Closed: finished"]);
}

fn given_up_while_dialing(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                let (closed, aborted) = (out.connect(me.other()), out.connect(me.other()));
                out.close(closed);
                out.abort(aborted);
            }
            waits(me, input, out);
        },
        waits,
    );
    let played = scene.play(cell);
    assert_eq!(
        (played.a, played.b),
        (vec!["enough".to_owned()], vec!["enough".to_owned()]),
        "nothing follows"
    );
}

/// Tells what it had read in the end.
fn reads(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Closed { .. } = input {
        out.event(format!("read '{}'", me.read_text()));
    }
    closes_last(me, input, out);
}

/// Writes, and gives the stream up a little later.
fn writes_and_aborts(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => _ = out.connect(me.other()),
        Input::Connected { conn, .. } => {
            write(out, conn, b"unread");
            me.wake_in(50);
        }
        Input::Timeout => out.abort(me.conn()),
        _ => teller(me, input, out),
    }
}

fn reset_overtakes_data(cell: Cell) {
    let played = Scene::streams(writes_and_aborts, reads).plan("a>b @0 stall 300ms").play(cell);
    assert_eq!(played.b, ["Connected", "read ''", "Closed: reset"], "what is late is destroyed");
}

fn reset_while_paused(cell: Cell) {
    let scene = Scene::streams(writes_and_aborts, |me, input, out| match input {
        Input::Connected { conn, .. } => {
            out.pause(conn);
            me.wake_in(200);
        }
        Input::Timeout => {
            out.event("resumed".to_owned());
            out.resume(me.conn());
        }
        _ => reads(me, input, out),
    });
    assert_eq!(scene.play(cell).b, ["read ''", "Closed: reset"], "and what was held back is lost");
}

fn reset_after_the_end(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                out.shutdown(conn);
                me.wake_in(50);
            }
            Input::Timeout => out.abort(me.conn()),
            _ => teller(me, input, out),
        },
        |me, input, out| match input {
            Input::Connected { .. } => me.wake_in(200),
            Input::Timeout => {
                out.event("wrote".to_owned());
                write(out, me.conn(), b"still there?");
            }
            _ => teller(me, input, out),
        },
    );
    assert_eq!(scene.play(cell).b, ["Eof after ''", "Closed: reset"], "without another write");
}

fn a_peer_that_never_ends(cell: Cell) {
    let scene = Scene::streams(
        |me, input, out| match input {
            Input::Start { .. } => _ = out.connect(me.other()),
            Input::Connected { conn, .. } => {
                me.count = me.now.since_start().as_millis() as usize;
                out.close(conn);
            }
            Input::Closed { .. } => {
                let millis = me.now.since_start().as_millis() as usize - me.count;
                out.event((2_000..4_000).contains(&millis).to_string());
                teller(me, input, out);
            }
            _ => {}
        },
        teller,
    );
    assert_eq!(limits::MAX_LINGER, Duration::from_secs(2));
    let played = scene.play(cell);
    assert_eq!(played.a, ["true", "Closed: linger expired"]);
    assert_eq!(played.b, ["Connected", "Eof after ''", "Closed: reset"]);
}

/// Writes as much as goes, tells how much that was, and is done with it on its way.
fn writes_and_exits(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => _ = out.connect(me.other()),
        Input::Connected { conn, .. } | Input::Writable { conn } => {
            if me.due_at.is_none() {
                me.wake_in(200);
            }
            loop {
                let fitted_len = out.write(conn, &vec![b'x'; limits::SEND_BUFFER_LEN]);
                me.count += fitted_len;
                if fitted_len < limits::SEND_BUFFER_LEN {
                    break;
                }
            }
        }
        Input::Timeout => {
            out.event(me.count.to_string());
            out.done(Status::Success);
        }
        _ => {}
    }
}

fn exit_with_unsent_data(cell: Cell) {
    let scene = Scene::streams(writes_and_exits, |me, input, out| match input {
        Input::Connected { conn, .. } => {
            out.pause(conn);
            me.wake_in(1_200);
        }
        Input::Timeout => out.resume(me.conn()),
        Input::Eof { conn } => {
            out.event(me.read.len().to_string());
            out.close(conn);
        }
        _ => teller(me, input, out),
    });
    let played = scene.play(cell);
    let written: usize = played.a[0].parse().unwrap();
    assert!(written >= limits::SEND_BUFFER_LEN, "{written}");
    assert_eq!(played.b, [written.to_string().as_str(), "Closed: finished"], "all of it arrives");
}

fn exit_with_a_peer_that_never_reads(cell: Cell) {
    let scene = Scene::streams(writes_and_exits, |me, input, out| match input {
        Input::Connected { conn, .. } => {
            out.pause(conn);
            // Later than the bound.
            me.wake_in(2_800);
        }
        Input::Timeout => out.resume(me.conn()),
        _ => teller(me, input, out),
    });
    let played = scene.play(cell);
    assert_eq!(played.statuses[0], Some(Status::Success));
    assert_eq!(played.b, ["Closed: reset"], "it is told that something is missing");
}
