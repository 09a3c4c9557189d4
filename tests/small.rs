//! Small promises of the command line: what ends with which status, and what is never lost.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use command::{directory, lossproof, stderr};

/// Every command, and what it prints by itself: where nothing can be written, that is an error.
#[test]
fn what_cannot_be_printed_is_no_success() {
    let commands: [&[&str]; 14] = [
        &["--help"],
        &["--version"],
        &["list"],
        &["list", "--help"],
        &["sim", "--help"],
        &["check", "--help"],
        &["sweep", "--help"],
        &["merge", "--help"],
        &["serve", "--help"],
        &["call", "--help"],
        &["sim", "udp-local"],
        &["check", "udp-local", "--runs", "3"],
        &["ip", "127.0.0.1"],
        &["completions", "bash"],
    ];
    for args in commands {
        let full = File::create("/dev/full").expect("there is such a device");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        let output = command.args(args).stdout(full).stderr(Stdio::piped()).output().expect("it was built");
        let line = "lossproof: cannot write to standard output: no space left on device\n";
        assert_eq!((stderr(&output), output.status.code()), (line, Some(1)), "{args:?}");
    }
}

/// Where one request is answered by this.
fn answer(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(response.as_bytes());
    });
    addr
}

fn call_in(directory: &std::path::Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    command.arg("call").args(args).current_dir(directory).stdin(Stdio::null()).output().expect("it was built")
}

#[test]
fn a_page_that_is_refused_is_saved_and_no_success() {
    let directory = directory("statuses");
    for (response, status, body) in [
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, Some("ok")),
        ("HTTP/1.0 302 Found\r\nContent-Length: 2\r\n\r\nok", 0, Some("ok")),
        ("HTTP/1.0 399 ?\r\nContent-Length: 2\r\n\r\nok", 0, Some("ok")),
        ("HTTP/1.0 400 Bad\r\nContent-Length: 2\r\n\r\nno", 1, Some("no")),
        ("HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 1, Some("no")),
        ("HTTP/1.0 503 Busy\r\nContent-Length: 2\r\n\r\nno", 1, Some("no")),
        ("HTTP/1.0 000 Nothing\r\nContent-Length: 2\r\n\r\nno", 1, None),
        ("HTTP/1.0 099 Nothing\r\nContent-Length: 2\r\n\r\nno", 1, None),
    ] {
        let _ = fs::remove_file(directory.join("page"));
        let output = call_in(&directory, &["http", &answer(response), "--output", "page"]);
        assert_eq!(output.status.code(), Some(status), "{response}: {}", stderr(&output));
        let saved = fs::read_to_string(directory.join("page")).ok();
        assert_eq!(saved.as_deref(), body, "{response}");
    }
}

#[test]
fn a_file_that_is_there_is_not_written_anew_unasked() {
    const OK: &str = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let directory = directory("there");
    let file = directory.join("127.0.0.1.html");
    let call = |more: &[&str]| call_in(&directory, &[&["http", &answer(OK)], more].concat());
    assert_eq!(call(&[]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).expect("it was saved"), "ok");
    fs::write(&file, "mine").expect("it can be written");
    let output = call(&[]);
    let line = "lossproof: '127.0.0.1.html' is there already: give --force to overwrite it, or another file with --output\n";
    assert_eq!((stderr(&output), output.status.code()), (line, Some(2)));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    assert_eq!(call(&["--force"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "ok");
    // A file that is named is meant.
    fs::write(&file, "mine").expect("it can be written");
    assert_eq!(call(&["--output", "127.0.0.1.html"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "ok");
}

/// A path or a host with a line break is no part of a request, on the command line as in the library.
#[test]
fn a_request_takes_no_line_break() {
    use lossproof::systems::{Options, geocode, http};

    for bad in ["/a\r\nX: y", "/a\nb", "/a\u{7f}", "/a b", ""] {
        let output = lossproof(&["sim", "http", "--path", bad]);
        assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(2), 1), "{bad:?}");
        for options in [
            Options { path: bad.to_owned(), ..Options::default() },
            Options { host: bad.to_owned(), ..Options::default() },
        ] {
            assert!(std::panic::catch_unwind(|| http::net(&options)).is_err(), "{bad:?}");
        }
        let options = Options { host: bad.to_owned(), ..Options::default() };
        assert!(std::panic::catch_unwind(|| geocode::net(&options)).is_err(), "{bad:?}");
    }
}
