//! suffix-echo on real sockets, against plain blocking peers written here.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use lossproof::drive::{Endpoint, Setup};
use lossproof::systems::Typed;
use lossproof::systems::suffix_echo::{self, Client, ClientEvent, Command, SUFFIX, Server, ServerEvent};
use lossproof::{Peer, Status};
use tokio::sync::mpsc;

use crate::support::{
    A_WHILE, Driven, PATIENCE, V4, V6, accept, assert_told_of_nobody, file, listener, plain_tcp, printed,
    read_all, reset, type_all, typed_line, unix_path, within_bounds,
};

const PROMPT: &str = "你要发送的数据:";

fn server_at(bind: Peer) -> Driven<ServerEvent> {
    Driven::start(Endpoint::listener(bind), None, Server::default)
}

fn server(bind: SocketAddr) -> Driven<ServerEvent> {
    Driven::start(listener(bind), None, Server::default)
}

/// A client with a terminal.
fn client_with(server: Peer, timeout: Duration) -> (Driven<ClientEvent>, mpsc::Sender<Command>) {
    let (sender, commands) = mpsc::channel(1);
    let setup = Setup { commands: Some(commands), ..Setup::new([]) };
    (Driven::start_with(setup, move || Client::new(server, timeout)), sender)
}

fn client(server: Peer) -> (Driven<ClientEvent>, mpsc::Sender<Command>) {
    client_with(server, PATIENCE)
}

/// Reads exactly this.
fn assert_hears(stream: &mut impl Read, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

fn suffixed(text: &[u8]) -> Vec<u8> {
    [text, SUFFIX.as_bytes()].concat()
}

// Our server

/// S87, S88.
#[test]
fn each_read_comes_back_with_the_suffix() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind);
            let mut stream = plain_tcp(server.addr);
            for text in ["你好", "hello\n", "x"] {
                stream.write_all(text.as_bytes()).unwrap();
                assert_hears(&mut stream, &suffixed(text.as_bytes()));
            }
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&mut stream).unwrap(), b"");
            let from = stream.local_addr().unwrap();
            assert_eq!(printed(&server.stop()), format!("你好\nhello\n\nx\n客户端{from}:断开链接\n"));
        }
    });
}

/// S88, S92: each read is answered, and what is printed has whole characters and no bad bytes.
#[test]
fn a_character_cut_in_two_is_printed_whole() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = plain_tcp(server.addr);
        for bytes in [&b"a\xe4"[..], b"\xbd", b"\xa0b", b"\xff", b"\xe4"] {
            stream.write_all(bytes).unwrap();
            assert_hears(&mut stream, &suffixed(bytes));
        }
        let from = stream.local_addr().unwrap();
        drop(stream);
        let mut server = server;
        server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Ended(_)));
        let expected = format!("a\n你b\n\u{fffd}\n\u{fffd}\n客户端{from}:断开链接\n");
        assert_eq!(printed(&server.stop()), expected);
    });
}

/// S87: more than a read holds has a suffix after each read, and none is lost before the end.
#[test]
fn what_is_long_comes_back_whole_and_a_half_close_loses_nothing() {
    within_bounds(|| {
        let server = server(V4);
        let mut stream = plain_tcp(server.addr);
        let said: Vec<u8> = (0..300_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
        let mut writer = stream.try_clone().unwrap();
        let to_write = said.clone();
        let thread = std::thread::spawn(move || {
            writer.write_all(&to_write).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let reply = String::from_utf8(read_all(&mut stream).unwrap()).unwrap();
        thread.join().unwrap();
        assert_eq!(reply.replace(SUFFIX, "").as_bytes(), said);
        let reads: Vec<&str> = reply.split_terminator(SUFFIX).collect();
        assert!(reads.iter().all(|taken| (1..=1024).contains(&taken.len())));
        assert!(reply.ends_with(SUFFIX));
        server.stop();
    });
}

/// S88: an early end and a reset are told, and the others are served.
#[test]
fn ends_and_resets_are_told_and_the_server_goes_on() {
    within_bounds(|| {
        let mut server = server(V4);
        let mut idle = plain_tcp(server.addr);
        let (ended, gone) = (plain_tcp(server.addr), plain_tcp(server.addr));
        server.wait_count("the clients", 3, |event| matches!(event, ServerEvent::Accepted(_)));
        let from = [ended.local_addr().unwrap(), gone.local_addr().unwrap()];
        drop(ended);
        server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Ended(_)));
        reset(gone);
        server.wait_count("the reset", 2, |event| matches!(event, ServerEvent::Ended(_)));
        idle.write_all(b"still here").unwrap();
        assert_hears(&mut idle, &suffixed(b"still here"));
        let [ended, gone] = from;
        let expected = format!("客户端{ended}:断开链接\n客户端{gone}:断开链接\nstill here\n");
        assert_eq!(printed(&server.stop()), expected);
    });
}

/// S87, S89.
#[test]
fn both_roles_speak_over_unix_sockets() {
    within_bounds(|| {
        let path = unix_path();
        let mut server = server_at(Peer::Unix(path));
        let mut stream = UnixStream::connect(file(&path)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all("你好".as_bytes()).unwrap();
        assert_hears(&mut stream, &suffixed("你好".as_bytes()));
        drop(stream);
        server.wait_count("the end", 1, |event| matches!(event, ServerEvent::Ended(_)));
        assert_eq!(printed(&server.stop()), "你好\n客户端unix::断开链接\n");

        let path = unix_path();
        let listener = UnixListener::bind(file(&path)).unwrap();
        let (mut client, keyboard) = client(Peer::Unix(path));
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        client.wait_count("a prompt", 1, suffix_echo::wants_line);
        keyboard.blocking_send(suffix_echo::typed(typed_line("hi"))).unwrap();
        assert_hears(&mut stream, b"hi");
        stream.write_all(&suffixed(b"hi")).unwrap();
        client.wait_count("the next prompt", 2, suffix_echo::wants_line);
        keyboard.blocking_send(suffix_echo::typed(Typed::End)).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(printed(&told), format!("{PROMPT}hi 我收到了\n{PROMPT}"));
        std::fs::remove_file(file(&path)).unwrap();
    });
}

// Our client

/// A client of ours that was asked for a line and has sent it, and the plain end of its connection.
fn client_that_sends(
    listener: &TcpListener,
    line: &str,
) -> (Driven<ClientEvent>, mpsc::Sender<Command>, TcpStream) {
    let (mut client, keyboard) = client_with(listener.local_addr().unwrap().into(), PATIENCE);
    let mut stream = accept(listener);
    client.wait_count("a prompt", 1, suffix_echo::wants_line);
    keyboard.blocking_send(suffix_echo::typed(typed_line(line))).unwrap();
    assert_hears(&mut stream, line.as_bytes());
    (client, keyboard, stream)
}

/// S89, S93.
#[test]
fn the_client_prompts_sends_and_prints_the_reply() {
    within_bounds(|| {
        for bind in [V4, V6] {
            let server = server(bind);
            let (mut client, keyboard) = client(server.peer());
            let long = "长话".repeat(2_000);
            type_all(
                &mut client,
                &keyboard,
                (suffix_echo::typed, suffix_echo::wants_line),
                &["你好", "", &long, "short"],
            );
            let (status, told) = client.join();
            assert_eq!(status.unwrap(), Status::Success);
            let replies: Vec<&Vec<u8>> = told
                .iter()
                .filter_map(|event| match event {
                    ClientEvent::Replied(reply) => Some(reply),
                    _ => None,
                })
                .collect();
            assert_eq!(replies.len(), 3);
            let shown = printed(&told);
            assert!(shown.starts_with(&format!("{PROMPT}你好 我收到了\n{PROMPT}{PROMPT}长话")), "{shown}");
            // The long reply does not shift the next one.
            assert!(shown.ends_with(&format!("\n{PROMPT}short 我收到了\n{PROMPT}")), "{shown}");
            server.stop();
        }
    });
}

/// S89, S93: the reply is whole at its end and not before, however it comes.
#[test]
fn a_reply_is_taken_byte_by_byte_and_with_surplus() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let (mut client, keyboard, mut stream) = client_that_sends(&listener, "你好");
        for byte in suffixed("你好".as_bytes()) {
            stream.write_all(&[byte]).unwrap();
        }
        client.wait_count("the second prompt", 2, suffix_echo::wants_line);
        keyboard.blocking_send(suffix_echo::typed(typed_line("again"))).unwrap();
        assert_hears(&mut stream, b"again");
        stream.write_all(&[suffixed(b"ag"), suffixed(b"ain"), b"unasked".to_vec()].concat()).unwrap();
        client.wait_count("the third prompt", 3, suffix_echo::wants_line);
        keyboard.blocking_send(suffix_echo::typed(Typed::End)).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(
            printed(&told),
            format!("{PROMPT}你好 我收到了\n{PROMPT}ag 我收到了ain 我收到了\n{PROMPT}")
        );
    });
}

/// S93.
#[test]
fn the_end_of_the_server_is_noticed_at_once() {
    within_bounds(|| {
        let listener = TcpListener::bind(V4).unwrap();
        let addr = listener.local_addr().unwrap();
        // At the prompt, while nobody types.
        let (mut at_prompt, _keyboard) = client(addr.into());
        let stream = accept(&listener);
        at_prompt.wait_count("a prompt", 1, suffix_echo::wants_line);
        drop(stream);
        let (status, told) = at_prompt.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), format!("{PROMPT}\n{addr} has closed the connection\n"));
        // In a reply.
        let (client, _keyboard, mut stream) = client_that_sends(&listener, "hello");
        stream.write_all(b"hello").unwrap();
        drop(stream);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(
            printed(&told),
            format!("{PROMPT}{addr} closed the connection before its reply was whole\n")
        );
        let (client, _keyboard, stream) = client_that_sends(&listener, "hello");
        reset(stream);
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), format!("{PROMPT}the connection with {addr} was reset\n"));
    });
}

/// S89: every wait is bounded, and a text that is no echo is told.
#[test]
fn the_client_waits_within_bounds() {
    within_bounds(|| {
        assert_told_of_nobody(|nobody| client(nobody.into()).0.join());
        let listener = TcpListener::bind(V4).unwrap();
        let (mut client, keyboard) = client_with(listener.local_addr().unwrap().into(), A_WHILE);
        let stream = accept(&listener);
        client.wait_count("a prompt", 1, suffix_echo::wants_line);
        keyboard.blocking_send(suffix_echo::typed(typed_line("hello"))).unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), format!("{PROMPT}no answer within 0.1 seconds\n"));
        drop(stream);

        let (client, _keyboard, mut stream) = client_that_sends(&listener, "hello");
        stream.write_all(b"help").unwrap();
        let (status, told) = client.join();
        assert_eq!(status.unwrap(), Status::Failure);
        assert_eq!(printed(&told), format!("{PROMPT}the reply is not what was sent: \"help\"\n"));
    });
}
