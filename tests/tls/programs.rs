//! `serve --tls` and `call --tls` as programs, and what else speaks TLS on the other side: openssl and Python.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use lossproof::tls::fingerprint;

use crate::process::{Server, call, call_with, lines};
use crate::python::Python;
use crate::secured::certificate;

const CA: &str = "tests/tls/certificates/ca.pem";
const CERT: &str = "tests/tls/certificates/server.pem";
const KEY: &str = "tests/tls/certificates/server.key";

/// A server with this certificate of the tests' authority.
fn serve(system: &str, addr: &str, cert: &str) -> Server {
    let server = Server::start(&[system, addr, "--tls", "--cert", cert, "--key-file", KEY]);
    assert!(server.line().starts_with("certificate "));
    server
}

fn call_trusting(system: &str, addr: &str, more: &[&str]) -> Output {
    call_with(&[&[system, addr, "--tls", "--timeout", "5s"], more].concat(), "你好\n".as_bytes())
}

/// A client that fails: status 1, and one line of what it says.
fn assert_fails(output: &Output, expected: &str) {
    let said = lines(output);
    let [line] = &said[..] else { panic!("{said:?}, {}", String::from_utf8_lossy(&output.stderr)) };
    assert!(line.ends_with(expected), "{line}");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

/// Runs openssl with nothing more to say after `input`; `None`, and a word about it, if there is none.
fn openssl(words: &[&str], input: &[u8]) -> Option<String> {
    let mut command = Command::new("openssl");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("openssl is missing: what is tested with it is left out");
            return None;
        }
        child => child.expect("it can be started"),
    };
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("it reads");
    let mut stdout = Vec::new();
    child.stdout.take().expect("it is piped").read_to_end(&mut stdout).expect("it can be read");
    drop(stdin);
    assert!(child.wait().expect("it was started").success(), "{}", String::from_utf8_lossy(&stdout));
    Some(String::from_utf8_lossy(&stdout).into_owned())
}

/// S110, C27.
#[test]
fn each_client_ends_well_with_its_server() {
    let path = format!("unix:{}/tls-{}.sock", std::env::temp_dir().display(), std::process::id());
    for (system, more, last) in [
        ("greet", &[][..], "欢迎访问菜鸟教程!"),
        ("select-echo", &["127.0.0.1:0", "[::1]:0", &path][..], "closing socket"),
        ("suffix-echo", &[&path], "你好 我收到了"),
        ("http", &[], "Content-Length: 58"),
        ("geocode", &[], "{'lat': 41.521954, 'lng': -84.306691}"),
    ] {
        for addr in ["127.0.0.1:0"].into_iter().chain(more.iter().copied()) {
            let server = serve(system, addr, CERT);
            let own: &[&str] = match system {
                "http" => &["--output", "/dev/null"],
                "geocode" => &["archbold"],
                _ => &[],
            };
            let output = call_trusting(system, &server.addr, &[own, &["--ca", CA]].concat());
            let said = lines(&output);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{system} {addr}: {said:?}");
            assert!(said.iter().any(|line| line.contains(last)), "{system} {addr}: {said:?}");
        }
    }
}

#[test]
fn a_throw_away_certificate_is_known_by_its_fingerprint() {
    let server = Server::start(&["greet", "127.0.0.1:0", "--tls", "--workers", "2"]);
    let line = server.line();
    let shown = line.strip_prefix("certificate ").expect("it comes after the address");
    let output = call_trusting("greet", &server.addr, &["--fingerprint", shown]);
    assert_eq!((lines(&output), output.status.code()), (vec!["欢迎访问菜鸟教程!".to_owned()], Some(0)));
    let other = "00".repeat(32);
    let output = call_trusting("greet", &server.addr, &["--fingerprint", &other]);
    assert_fails(&output, "the peer's certificate has another fingerprint");
}

/// As openssl computes it, and writes it.
#[test]
fn fingerprints_are_those_of_openssl() {
    let Some(said) = openssl(&["x509", "-in", CERT, "-noout", "-fingerprint", "-sha256"], b"") else {
        return;
    };
    let (_, shown) = said.trim().split_once('=').expect("a name and a fingerprint");
    let hex: Vec<String> = fingerprint(&certificate()).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(shown, hex.join(":"));
    let server = serve("greet", "127.0.0.1:0", CERT);
    assert_eq!(call_trusting("greet", &server.addr, &["--fingerprint", shown]).status.code(), Some(0));
}

/// S111.
#[test]
fn a_certificate_that_does_not_fit_is_one_line() {
    let server = serve("greet", "127.0.0.1:0", CERT);
    let untrusted = "nobody who is trusted has signed the peer's certificate";
    assert_fails(
        &call_trusting("greet", &server.addr, &["--ca", "tests/tls/certificates/p256.pem"]),
        untrusted,
    );
    // The system does not know the tests' authority.
    assert_fails(&call_trusting("greet", &server.addr, &[]), untrusted);
    for (cert, expected) in [
        ("tests/tls/certificates/expired.pem", "the peer's certificate has expired"),
        ("tests/tls/certificates/other.pem", "the peer's certificate is for another name"),
    ] {
        for system in ["greet", "select-echo", "suffix-echo", "http"] {
            let server = serve(system, "127.0.0.1:0", cert);
            let own: &[&str] = if system == "http" { &["--output", "/dev/null"] } else { &[] };
            let output = call_trusting(system, &server.addr, &[own, &["--ca", CA]].concat());
            if system == "select-echo" {
                assert_eq!(
                    (lines(&output).len(), output.status.code()),
                    (2, Some(1)),
                    "it says that it begins"
                );
                assert!(lines(&output)[1].ends_with(expected));
            } else {
                assert_fails(&output, expected);
            }
        }
    }
}

/// The server goes on, and says who it was.
#[test]
fn a_peer_that_speaks_no_tls_is_one_line() {
    let mut server = Server::start_with_errors(&["greet", "127.0.0.1:0", "--tls"]);
    let mut plain = TcpStream::connect(&server.addr).expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it can be written");
    let mut alert = Vec::new();
    plain.read_to_end(&mut alert).expect("it is closed in good order");
    assert_eq!(alert.first(), Some(&21), "an alert");
    let local = plain.local_addr().expect("it is connected");
    assert!(
        openssl(&["s_client", "-quiet", "-connect", &server.addr], b"").is_none_or(|said| said.contains('!'))
    );
    let mut errors = server.errors();
    server.end("-TERM");
    let mut said = String::new();
    errors.read_to_string(&mut said).expect("it is text");
    assert_eq!(said, format!("lossproof: note: {local}: the peer speaks no TLS\n"));

    let server = Server::start(&["greet", "127.0.0.1:0"]);
    assert_fails(&call_trusting("greet", &server.addr, &["--ca", CA]), "the peer speaks no TLS");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let addr = listener.local_addr().expect("it has an address").to_string();
    let ends = thread::spawn(move || drop(listener.accept()));
    let output = call_trusting("greet", &addr, &["--ca", CA]);
    assert_fails(&output, "the peer ended the connection within the TLS handshake");
    ends.join().expect("it has ended");
}

#[test]
fn openssl_speaks_with_our_servers() {
    let [greet, http] = ["greet", "http"].map(|system| serve(system, "127.0.0.1:0", CERT));
    for version in ["-tls1_2", "-tls1_3"] {
        let verified = ["s_client", "-quiet", version, "-CAfile", CA, "-verify_return_error"];
        let talk = |server: &Server, said: &[u8]| {
            openssl(
                &[&verified[..], &["-verify_hostname", "localhost", "-connect", &server.addr]].concat(),
                said,
            )
        };
        let Some(text) = talk(&greet, b"") else { return };
        assert_eq!(text, "欢迎访问菜鸟教程!\r\n");
        let page = talk(&http, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is there");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("<p>It works.</p>\n"), "{page}");
    }
}

/// Says this, hears the answer, and ends in good order. Its words: the port, the file of the authority, the version.
const CLIENT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
version = getattr(ssl.TLSVersion, sys.argv[3])
context.minimum_version = context.maximum_version = version
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as plain:
    with context.wrap_socket(plain, server_hostname='localhost') as secured:
        said = sys.argv[4].encode() * int(sys.argv[5])
        secured.sendall(said)
        heard = b''
        while len(heard) < len(said):
            heard += secured.recv(65536)
        assert heard.startswith(said), heard
        secured.unwrap()
        print(version.name, len(heard))
";

#[test]
fn python_speaks_with_our_servers() {
    let server = serve("select-echo", "127.0.0.1:0", CERT);
    let (_, port) = server.addr.rsplit_once(':').expect("it has a port");
    for version in ["TLSv1_2", "TLSv1_3"] {
        for (text, times) in [("hello", "1"), ("0123456789", "5000")] {
            let Some(mut python) = Python::start(CLIENT, &[port, CA, version, text, times]) else { return };
            let len = text.len() * times.parse::<usize>().expect("a number");
            assert_eq!(python.line(), format!("{version} {len}"));
            python.assert_ended();
        }
    }
}

/// A server in Python. Its words: the certificate, the key, what it says, and how it ends: well or badly.
const SERVER: &str = "
import socket, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()
secured = context.wrap_socket(plain, server_side=True)
if sys.argv[5] == 'reads':
    secured.recv(65536)
secured.sendall(sys.argv[3].encode().decode('unicode_escape').encode())
if sys.argv[4] == 'well':
    secured.unwrap()
else:
    plain = secured.detach()
    socket.socket(fileno=plain).close()
";

#[test]
fn our_clients_speak_with_python() {
    let page = "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello";
    for (system, says, ends, reads, more) in [
        ("greet", "hello\\r\\n", "well", "no", &[][..]),
        ("http", page, "well", "reads", &["--output", "/dev/null"]),
        // Its message has its length, so its end is not in doubt.
        ("http", page, "badly", "reads", &["--output", "/dev/null"]),
    ] {
        let Some(mut python) = Python::start(SERVER, &[CERT, KEY, says, ends, reads]) else { return };
        let addr = format!("127.0.0.1:{}", python.line());
        let output = call_trusting(system, &addr, &[more, &["--ca", CA]].concat());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{system}: {:?}", lines(&output));
        if system == "greet" {
            assert_eq!(lines(&output), ["hello"]);
        }
    }
}

/// An end in the middle of a message: what the system says, and beside it why.
#[test]
fn an_end_without_close_notify_is_no_end() {
    let page = "HTTP/1.1 200 OK\\r\\n\\r\\nhello";
    for (system, says, reads, more) in
        [("greet", "hel", "no", &[][..]), ("http", page, "reads", &["--output", "/dev/null"])]
    {
        let Some(mut python) = Python::start(SERVER, &[CERT, KEY, says, "badly", reads]) else { return };
        let addr = format!("127.0.0.1:{}", python.line());
        let output = call_trusting(system, &addr, &[more, &["--ca", CA]].concat());
        let last = lines(&output).last().cloned().unwrap_or_default();
        assert_eq!(last, format!("the connection with {addr} was reset"));
        let why = "the stream ended without TLS's close_notify: it may be cut short";
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors), (Some(1), format!("lossproof: note: {addr}: {why}\n")));
    }
}

#[test]
fn our_client_speaks_with_openssl() {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", CERT, "-key", KEY]);
    let mut server = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("openssl is missing: what is tested with it is left out");
            return;
        }
        server => server.expect("it can be started"),
    };
    let mut said = String::new();
    let mut stdout = server.stdout.take().expect("it is piped");
    while !said.ends_with('\n') || !said.contains("ACCEPT") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("it says where it listens");
        said.push(byte[0].into());
    }
    let port = said.trim_end().rsplit(':').next().expect("it has a port");
    let output = call_trusting("http", &format!("localhost:{port}"), &["--output", "/dev/null", "--ca", CA]);
    server.kill().expect("it is our child");
    server.wait().expect("it is our child");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{:?}", lines(&output));
    assert!(lines(&output)[0].contains("200"), "{:?}", lines(&output));
}

/// Status 2, one line, and no panic.
#[test]
fn files_that_are_none_are_one_line() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}.pem", std::process::id()));
    let path = path.to_str().expect("it is text");
    let (cert, key) = (std::fs::read(CERT).expect("it is there"), std::fs::read(KEY).expect("it is there"));
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] = b'!';
        bytes
    };
    let binary: Vec<u8> = (0..=255).collect();
    let certs =
        [b"".to_vec(), binary.clone(), cert[..cert.len() / 2].to_vec(), changed(&cert, 100), key.clone()];
    for bytes in certs.into_iter().chain((28..cert.len()).step_by(97).map(|at| changed(&cert, at))) {
        std::fs::write(path, &bytes).expect("it can be written");
        assert_refused(&call(&["greet", "127.0.0.1:1", "--tls", "--ca", path]), "--ca");
    }
    let keys = [b"".to_vec(), binary, key[..key.len() / 2].to_vec(), cert];
    for bytes in keys.into_iter().chain((28..90).step_by(11).map(|at| changed(&key, at))) {
        std::fs::write(path, &bytes).expect("it can be written");
        let words = ["serve", "greet", "127.0.0.1:0", "--tls", "--cert", CERT, "--key-file", path];
        let output = Command::new(env!("CARGO_BIN_EXE_lossproof")).args(words).output();
        assert_refused(&output.expect("it was built for this test"), "--key-file");
    }
    std::fs::remove_file(path).expect("it is there");
}

fn assert_refused(output: &Output, option: &str) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.starts_with(&format!("lossproof: {option}: ")), "{said}");
}
