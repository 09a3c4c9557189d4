//! tcp-chat on real sockets, against plain blocking peers written here.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use lossproof::drive::{Endpoint, Setup};
use lossproof::systems::tcp_chat::{self, Client, ClientEvent, Command, Server, ServerEvent};
use lossproof::{Peer, Status};
use tokio::sync::mpsc;

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, accept, assert_told_of_nobody, bounded, clock, file, is_timeout,
    listener, plain_tcp, printed, read_all, reset, type_all, typed_line, unix_path, within_bounds,
};

fn server_at(bind: Peer) -> Driven<ServerEvent> {
    Driven::start(Endpoint::listener(bind), None, || Server::new(tcp_chat::PATIENCE))
}

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, || Server::new(tcp_chat::PATIENCE))
}

/// A client with a terminal.
fn client(server: Peer) -> (Driven<ClientEvent>, mpsc::Sender<Command>) {
    let (sender, commands) = mpsc::channel(1);
    let setup = Setup { commands: Some(commands), ..Setup::new([]) };
    (Driven::start_with(setup, move || Client::new(server, Duration::from_secs(2))), sender)
}

/// Plain members, each of which the server has noted.
fn members<const N: usize>(server: &mut Driven<ServerEvent>) -> [TcpStream; N] {
    let addr = server.addr;
    let mut count = 0;
    [(); N].map(|()| {
        count += 1;
        let stream = plain_tcp(addr);
        server.wait_count("a member", count, |event| matches!(event, ServerEvent::Joined(_)));
        stream
    })
}

fn wait_left(server: &mut Driven<ServerEvent>, count: usize) {
    server.wait_count("a member leaves", count, |event| matches!(event, ServerEvent::Left(_)));
}

/// Reads exactly this.
fn assert_hears(stream: &mut impl Read, expected: &str) {
    let mut heard = vec![0; expected.len()];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

fn assert_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    assert!(is_timeout(&stream.read(&mut [0]).unwrap_err()));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// What all hear when this stream says something.
fn told(stream: &TcpStream, text: &str) -> String {
    format!("{}\n{text}", stream.local_addr().unwrap())
}

// Our server

/// S67, S70.
#[test]
fn what_a_member_says_goes_to_all() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let mut server = server(bind);
            let mut all: [TcpStream; 3] = members(&mut server);
            assert_silent(&mut all[0]);
            for (speaker, text) in [(0, "你好\n"), (2, "two\nlines\n"), (1, "\n"), (0, "late\r\n")] {
                all[speaker].write_all(text.as_bytes()).unwrap();
                let lines: String =
                    text.split_inclusive('\n').map(|line| told(&all[speaker], line)).collect();
                for stream in &mut all {
                    assert_hears(stream, &lines);
                }
            }
            assert_eq!(printed(&server.stop()), "", "a chat is not the server's affair");
        }
    });
}

/// S70: a classic client sends no newline; one that sends byte by byte still says one line.
#[test]
fn text_is_a_message_with_a_newline_or_with_silence_or_at_the_end() {
    within_bounds(|| {
        let mut server = server(V4);
        let [mut classic, mut slow, mut hearer]: [TcpStream; 3] = members(&mut server);
        classic.write_all(b"no newline").unwrap();
        let expected = told(&classic, "no newline");
        assert_hears(&mut hearer, &expected);
        for byte in "慢慢\n".as_bytes() {
            slow.write_all(&[*byte]).unwrap();
        }
        let expected = told(&slow, "慢慢\n");
        assert_hears(&mut hearer, &expected);
        classic.write_all(b"the end").unwrap();
        classic.shutdown(Shutdown::Write).unwrap();
        let expected = told(&classic, "the end");
        assert_hears(&mut hearer, &expected);
        // It hears its own last words before it is closed.
        assert!(read_all(&mut classic).unwrap().ends_with(expected.as_bytes()));
        server.stop();
    });
}

/// Has every one of these members speak, and hear what all say; how long so many rounds of that take.
fn rounds(members: &mut [TcpStream], count: usize, end: &str) -> Duration {
    let all_len: usize = members.iter().map(|member| told(member, "what I say").len() + end.len()).sum();
    let mut heard = vec![0; all_len];
    let begun = clock();
    for _ in 0..count {
        for member in &mut *members {
            member.write_all(format!("what I say{end}").as_bytes()).unwrap();
        }
        for member in &mut *members {
            member.read_exact(&mut heard).unwrap();
        }
    }
    let took = begun.elapsed();
    assert_eq!(String::from_utf8_lossy(&heard).matches("what I say").count(), members.len());
    took
}

/// S70: a classic member waits once. Then what it says comes as soon as a line does.
#[test]
fn a_classic_member_waits_once() {
    const TIMES: usize = 101;
    within_bounds(|| {
        let mut server = server(V4);
        let [mut classic, mut lines, mut hearer]: [TcpStream; 3] = members(&mut server);
        let mut say = |speaker: &mut TcpStream, text: &str| {
            let expected = told(speaker, text);
            let begun = clock();
            speaker.write_all(text.as_bytes()).unwrap();
            assert_hears(&mut hearer, &expected);
            begun.elapsed()
        };
        assert!(say(&mut classic, "the first") >= tcp_chat::PATIENCE);
        let (mut of_classic, mut of_lines) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            of_classic.push(say(&mut classic, "later ones"));
            of_lines.push(say(&mut lines, "later ones\n"));
        }
        of_classic.sort();
        of_lines.sort();
        let (of_classic, of_lines) = (of_classic[TIMES / 2], of_lines[TIMES / 2]);
        println!("a message without a newline takes {of_classic:?}, one with a newline {of_lines:?}");
        assert!(of_classic < of_lines + Duration::from_millis(1), "{of_classic:?}, {of_lines:?}");
        // Once it ends a line, lines count: half of one waits.
        say(&mut classic, "two lines\n");
        assert!(say(&mut classic, "half a line") >= tcp_chat::PATIENCE);
        server.stop();
    });
}

/// S70: classic members who all speak get at least a third of what members with newlines get.
#[test]
fn many_classic_members_speak_as_fast_as_others() {
    const ROUNDS: usize = 20;
    within_bounds(|| {
        let mut server = server(V4);
        let mut classic: [TcpStream; 32] = members(&mut server);
        // The first messages wait.
        assert!(rounds(&mut classic, 1, "") >= tcp_chat::PATIENCE);
        let mut blocks = |end| (0..5).map(|_| rounds(&mut classic, ROUNDS, end)).min().unwrap();
        let of_classic = blocks("");
        let of_lines = blocks("\n");
        println!("{ROUNDS} rounds of 32 take {of_classic:?} without newlines, {of_lines:?} with them");
        assert!(of_classic <= 3 * of_lines, "{of_classic:?}, {of_lines:?}");
        server.stop();
    });
}

/// S68, S71.
#[test]
fn who_leaves_leaves_silently() {
    within_bounds(|| {
        let mut server = server(V4);
        let [mut with, mut without, ended, gone, mut stays]: [TcpStream; 5] = members(&mut server);
        with.write_all(b" /quit\r\nnever said\n").unwrap();
        assert_eq!(read_all(&mut with).unwrap(), b"");
        without.write_all(b"/quit").unwrap();
        assert_eq!(read_all(&mut without).unwrap(), b"");
        drop((with, without, ended));
        wait_left(&mut server, 3);
        reset(gone);
        wait_left(&mut server, 4);
        assert_silent(&mut stays);
        stays.write_all(b"alone\n").unwrap();
        let expected = told(&stays, "alone\n");
        assert_hears(&mut stays, &expected);
        server.stop();
    });
}

/// S73.
#[test]
fn bad_bytes_are_replaced_and_a_cut_character_is_not() {
    within_bounds(|| {
        let mut server = server(V4);
        let [mut speaker, mut hearer]: [TcpStream; 2] = members(&mut server);
        speaker.write_all(b"\xff\xfe\n\xe4\xbd").unwrap();
        let expected = told(&speaker, "\u{fffd}\u{fffd}\n");
        assert_hears(&mut hearer, &expected);
        // Longer than the server waits for the rest of a line.
        thread::sleep(A_WHILE);
        speaker.write_all(b"\xa0\n").unwrap();
        let expected = told(&speaker, "你\n");
        assert_hears(&mut hearer, &expected);
        server.stop();
    });
}

/// S72, S74.
#[test]
fn a_member_that_does_not_read_is_dropped_and_the_others_lose_nothing() {
    within_bounds(|| {
        let mut server = server(V4);
        let [mut speaker, _slow, mut hearer]: [TcpStream; 3] = members(&mut server);
        let line = format!("{}\n", "x".repeat(50_000));
        let expected = told(&speaker, &line);
        let is_dropped = |event: &ServerEvent| matches!(event, ServerEvent::Dropped(_));
        // More than the system's own buffers hold.
        for _ in 0..400 {
            speaker.write_all(line.as_bytes()).unwrap();
            assert_hears(&mut hearer, &expected);
            assert_hears(&mut speaker, &expected);
        }
        server.wait_count("the drop", 1, is_dropped);
        let shown = printed(&server.stop());
        assert!(
            shown.starts_with("dropped 127.0.0.1:") && shown.ends_with(", which does not read\n"),
            "{shown}"
        );
    });
}

/// S67, S68.
#[test]
fn members_on_unix_sockets_hear_each_other() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = server_at(Peer::Unix(path));
        let mut open = |count| {
            let stream = UnixStream::connect(file(&path)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            server.wait_count("a member", count, |event| matches!(event, ServerEvent::Joined(_)));
            stream
        };
        let (mut one, mut two) = (open(1), open(2));
        // A socket that was never bound has no name.
        one.write_all("你好\n".as_bytes()).unwrap();
        assert_hears(&mut two, "unix:\n你好\n");
        let (mut client, keyboard) = client(Peer::Unix(path));
        type_all(&mut client, &keyboard, (tcp_chat::typed, tcp_chat::wants_line), &["from ours"]);
        assert_hears(&mut two, "unix:\nfrom ours\n");
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), printed(&told).as_str()), (Status::Success, "unix:\nfrom ours\n"));
        two.write_all(b"/quit\n").unwrap();
        let mut rest = Vec::new();
        two.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        server.stop();
    });
}

// Our client

/// S69, S70.
#[test]
fn the_client_sends_each_line_and_quit_and_prints_what_it_receives() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let listener = TcpListener::bind(bind).unwrap();
            let (mut client, keyboard) = client(listener.local_addr().unwrap().into());
            let mut stream = accept(&listener);
            client.wait_count("the first line is wanted", 1, tcp_chat::wants_line);
            keyboard.blocking_send(tcp_chat::typed(typed_line("你好"))).unwrap();
            assert_hears(&mut stream, "你好\n");
            for byte in "1.2.3.4:5\n好".as_bytes() {
                stream.write_all(&[*byte]).unwrap();
            }
            stream.write_all(b"\xff").unwrap();
            client.wait_count("the second line is wanted", 2, tcp_chat::wants_line);
            keyboard.blocking_send(tcp_chat::typed(typed_line("/quit"))).unwrap();
            assert_hears(&mut stream, "/quit\n");
            assert_eq!(read_all(&mut stream).unwrap(), b"");
            // What is still on its way is heard.
            stream.write_all(b"bye").unwrap();
            drop(stream);
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert_eq!(printed(&told), "1.2.3.4:5\n好\u{fffd}bye");
        }
    });
}

/// S76.
#[test]
fn the_client_ends_with_success_when_the_server_goes() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        for is_reset in [false, true] {
            let (client, _keyboard) = client(listener.local_addr().unwrap().into());
            let mut stream = accept(&listener);
            stream.write_all(b"half a line").unwrap();
            if is_reset {
                reset(stream);
            } else {
                drop(stream);
            }
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            assert!("half a line".starts_with(&printed(&told)), "{told:?}");
        }
        let unix = unix_path();
        let listener = UnixListener::bind(file(&unix)).unwrap();
        let (client, _keyboard) = client(Peer::Unix(unix));
        drop(listener.accept().unwrap());
        assert_eq!(client.join().0.unwrap(), Status::Success);
        std::fs::remove_file(file(&unix)).unwrap();
    });
}

/// S69: the end of the input leaves once all is delivered, and what comes back is heard.
#[test]
fn the_client_says_all_before_it_leaves() {
    within_bounds(|| {
        let mut server = server(V4);
        let [mut hearer]: [TcpStream; 1] = members(&mut server);
        let (mut client, keyboard) = client(server.peer());
        let long = "长".repeat(20_000);
        type_all(&mut client, &keyboard, (tcp_chat::typed, tcp_chat::wants_line), &["one", &long, "two"]);
        let (status, told_it) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        let heard = printed(&told_it);
        let name = heard.lines().next().unwrap().to_owned();
        assert_eq!(heard, format!("{name}\none\n{name}\n{long}\n{name}\ntwo\n"));
        assert_hears(&mut hearer, &heard);
        server.stop();
    });
}

/// S69: a server that is not there is one plain line; one that says nothing ends the wait within bounds.
#[test]
fn the_client_waits_within_bounds() {
    within_bounds(|| {
        assert_told_of_nobody(|nobody| client(nobody.into()).0.join());
        let listener = TcpListener::bind(V4).unwrap();
        let (mut client, keyboard) = client(listener.local_addr().unwrap().into());
        let mut stream = bounded(accept(&listener));
        type_all(&mut client, &keyboard, (tcp_chat::typed, tcp_chat::wants_line), &["hello"]);
        // It has said all and the server leaves its side open: it does not wait for ever.
        let (status, told) = client.join();
        assert_eq!((status.unwrap(), printed(&told).as_str()), (Status::Success, ""));
        assert_hears(&mut stream, "hello\n");
    });
}
