//! What every client does, whatever its protocol.

use std::net::{TcpListener, UdpSocket};

use crate::dialogues::{ALL, Carrier};
use crate::process::{Server, call, call_with, lines};

/// The words of a client that calls this address and does not wait long.
fn words<'a>(args: &[&'a str], addr: &'a str) -> Vec<&'a str> {
    let (system, options) = args.split_first().expect("there is a system");
    // What is the server's alone is not for the client.
    let own = options.iter().filter(|word| matches!(**word, "--ids" | "--datagram"));
    let quick = ["--timeout", "2s", "--time-scale", "0.05"];
    // Its single word would be a place.
    let place = (*system == "geocode").then_some("archbold");
    [*system, addr].into_iter().chain(place).chain(own.copied()).chain(quick).collect()
}

/// Each client ends well with its own server; the interactive ones when their input does.
#[test]
fn every_client_ends_well_with_its_server() {
    for dialogue in ALL.iter().filter(|dialogue| dialogue.args[0] != "udp-broadcast") {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let own = dialogue.serve(addr);
            let mut own: Vec<&str> = own.iter().map(String::as_str).collect();
            if !own.contains(&"--time-scale") {
                own.extend(["--time-scale", "0.05"]);
            }
            let server = Server::start(&own);
            let mut called = words(dialogue.args, &server.addr);
            if dialogue.args[0] == "http" {
                called.extend(["--output", "/dev/null"]);
            }
            let output = call_with(&called, "你好\nhello\n".as_bytes());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                (output.status.code(), said.as_str()),
                (Some(0), ""),
                "{called:?}: {:?}",
                lines(&output)
            );
        }
    }
}

/// A server of all addresses answers from the one that was asked: a client whose socket is connected hears no other.
#[test]
fn a_server_of_all_addresses_answers_from_the_one_that_is_asked() {
    for (everywhere, asked) in [("0.0.0.0:0", ["127.0.0.1", "127.0.0.2"]), ("[::]:0", ["[::1]", "127.0.0.2"])]
    {
        let server = Server::start(&["udp-remote", everywhere, "--drop", "0%"]);
        let (_, port) = server.addr.rsplit_once(':').expect("it has a port");
        for host in asked {
            let output = call(&["udp-remote", &format!("{host}:{port}"), "--time-scale", "0.5"]);
            let answer = "The server says 'Your data was 23 bytes long'".to_owned();
            assert_eq!((lines(&output).last(), output.status.code()), (Some(&answer), Some(0)), "{host}");
        }
    }
}

/// Nobody listens: one plain line where a connection is refused, a bounded wait elsewhere, and a status that says so.
#[test]
fn nobody_listening_is_told_and_does_not_hang() {
    let tcp = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let udp = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let addrs = [tcp, udp].map(|addr| addr.expect("there is a free port").to_string());
    for dialogue in ALL {
        match (dialogue.args[0], dialogue.carrier) {
            // They say what they have to say, and wait for nothing; or ask when they are told to.
            ("udp-broadcast" | "udp-chat" | "election", _) => {}
            (_, Carrier::Stream) => {
                let output = call(&words(dialogue.args, &addrs[0]));
                let refused = format!("cannot connect to {}: connection refused", addrs[0]);
                // Some have said before that they connect; and what is shown of a place goes nowhere else.
                let beside = String::from_utf8_lossy(&output.stderr).trim_end().replace("lossproof: ", "");
                let told = lines(&output).pop().unwrap_or(beside);
                assert_eq!(told, refused, "{:?}", dialogue.args);
                assert_eq!(output.status.code(), Some(1), "{:?}", dialogue.args);
            }
            (_, Carrier::Datagram) => {
                let output = call(&words(dialogue.args, &addrs[1]));
                assert_eq!(output.status.code(), Some(1), "{:?}", dialogue.args);
                assert!(!lines(&output).is_empty(), "{:?} says why", dialogue.args);
            }
        }
    }
}
