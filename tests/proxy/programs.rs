//! Classic blocking programs, written without a thought of this crate. A hunt runs each as a process of its own: it is this
//! test binary, told to run one ignored test.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// A command that runs one of these programs.
pub(crate) fn command(program: &str) -> Vec<String> {
    let binary = std::env::current_exe().expect("it has a path");
    let binary = binary.to_str().expect("it is text").to_owned();
    let test = format!("programs::{program}");
    [&binary, "--ignored", "--exact", &test, "--nocapture"].map(str::to_owned).into()
}

fn port(variable: &str) -> Option<u16> {
    std::env::var(variable).ok()?.parse().ok()
}

fn proxy() -> Option<(&'static str, u16)> {
    Some(("127.0.0.1", port("LOSSPROOF_PORT")?))
}

/// Whether a wait for a datagram came to its end.
fn recv(client: &UdpSocket) -> Option<String> {
    let mut bytes = [0; 1024];
    let len = client.recv(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
}

fn client() -> Option<UdpSocket> {
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    client.connect(proxy()?).expect("it is an address");
    // Longer than a busy machine takes for an answer.
    client.set_read_timeout(Some(Duration::from_millis(250))).expect("it is a span");
    Some(client)
}

/// Asks for the doubles of numbers, each again until something comes, and takes that for the answer, for its requests have
/// no ids.
#[test]
#[ignore = "a program for hunts"]
fn asks() {
    let Some(client) = client() else { return };
    for number in 1..=5_u32 {
        let answer = (0..20).find_map(|_| {
            client.send(number.to_string().as_bytes()).expect("it can be sent");
            recv(&client)
        });
        let Some(answer) = answer else { return };
        assert_eq!(answer, (2 * number).to_string(), "the double of {number}");
    }
}

/// The same with ids: what answers another request is left aside.
#[test]
#[ignore = "a program for hunts"]
fn asks_with_ids() {
    let Some(client) = client() else { return };
    for number in 1..=5_u32 {
        let until = Instant::now() + Duration::from_secs(2);
        let answer = loop {
            client.send(number.to_string().as_bytes()).expect("it can be sent");
            let answers = std::iter::from_fn(|| recv(&client));
            let own =
                answers.map(|text| text.parse().unwrap_or(0)).find(|answer: &u32| *answer == 2 * number);
            if own.is_some() || Instant::now() > until {
                break own;
            }
        };
        assert_eq!(answer, Some(2 * number));
    }
}

/// Takes what one read brings for the whole message.
#[test]
#[ignore = "a program for hunts"]
fn reads_once() {
    let Some(proxy) = proxy() else { return };
    let mut stream = TcpStream::connect(proxy).expect("somebody listens");
    let mut bytes = [0; 100];
    let len = stream.read(&mut bytes).expect("the stream stands");
    let _ = stream.write_all(b"bye\n");
    assert_eq!(&bytes[..len], b"welcome to the greeter\n");
}

/// Answers each number with its double.
#[test]
#[ignore = "a program for hunts"]
fn doubles_server() {
    let Some(port) = port("LOSSPROOF_SERVER_PORT") else { return };
    let server = UdpSocket::bind(("127.0.0.1", port)).expect("the port is free");
    let mut bytes = [0; 1024];
    loop {
        let (len, peer) = server.recv_from(&mut bytes).expect("the socket works");
        let number: u32 = String::from_utf8_lossy(&bytes[..len]).parse().unwrap_or(0);
        let _ = server.send_to((2 * number).to_string().as_bytes(), peer);
    }
}

/// A chat that forgets nobody who does not say good-bye.
#[test]
#[ignore = "a program for hunts"]
fn chat_server() {
    let Some(port) = port("LOSSPROOF_SERVER_PORT") else { return };
    let server = UdpSocket::bind(("127.0.0.1", port)).expect("the port is free");
    let (mut members, mut bytes) = (BTreeSet::new(), [0; 1024]);
    loop {
        let (len, peer) = server.recv_from(&mut bytes).expect("the socket works");
        let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
        let (word, name) = text.split_once(' ').expect("a word and a name");
        match word {
            "join" => _ = members.insert(name.to_owned()),
            "leave" => _ = members.remove(name),
            _ => {}
        }
        let all: Vec<&str> = members.iter().map(String::as_str).collect();
        let _ = server.send_to(all.join(" ").as_bytes(), peer);
    }
}

/// Two members of it: one joins and leaves, the other looks whether it is alone.
#[test]
#[ignore = "a program for hunts"]
fn chat_members() {
    let (Some(anna), Some(bert)) = (client(), client()) else { return };
    let until = |client: &UdpSocket, message: &str, patience: u64, is_wanted: &dyn Fn(&str) -> bool| {
        let until = Instant::now() + Duration::from_millis(patience);
        let mut last = String::new();
        while Instant::now() < until && !is_wanted(&last) {
            client.send(message.as_bytes()).expect("it can be sent");
            last = recv(client).unwrap_or(last);
            std::thread::sleep(Duration::from_millis(10));
        }
        last
    };
    until(&anna, "join anna", 2_000, &|members| members.contains("anna"));
    until(&bert, "join bert", 2_000, &|members| members.contains("bert"));
    anna.send(b"leave anna").expect("it can be sent");
    let members = until(&bert, "who bert", 400, &|members| members == "bert");
    assert!(!members.contains("anna"), "anna has left, and is still a member");
}
