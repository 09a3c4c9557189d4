//! The files of Unix sockets: when they come and go, and what is said of those that cannot be.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};

use lossproof::Peer;
use lossproof::drive::Endpoint;
use lossproof::machine::UnixPath;

use crate::streams::echo;
use crate::support::{Driven, Length, file, open_error, unix_path, within_bounds};

fn datagram(path: UnixPath) -> Endpoint {
    Endpoint::Datagram { bind: Peer::Unix(path), connect: None, broadcast: false }
}

fn listener(path: UnixPath) -> Endpoint {
    Endpoint::Listener { bind: Peer::Unix(path) }
}

/// What each of the two kinds of socket says of a path that it cannot have.
fn errors(path: UnixPath) -> [String; 2] {
    [listener(path), datagram(path)].map(|endpoint| open_error(Length, endpoint).to_string())
}

fn assert_opens_and_goes(path: UnixPath) {
    let (server, _) = echo(listener(path));
    assert_eq!(server.peer(), Peer::Unix(path));
    assert!(file(&path).exists());
    server.stop();
    assert!(!file(&path).exists());
    let server = Driven::start(datagram(path), None, || Length);
    assert_eq!(server.peer(), Peer::Unix(path));
    assert!(file(&path).exists());
    server.stop();
    assert!(!file(&path).exists());
}

#[test]
fn the_file_of_a_socket_goes_with_it() {
    within_bounds(|| assert_opens_and_goes(unix_path()));
}

#[test]
fn a_path_may_have_its_full_length() {
    within_bounds(|| {
        let short = file(&unix_path()).to_owned();
        let missing_len = UnixPath::MAX_LEN - short.as_os_str().len();
        let longest = [short.as_os_str().as_bytes(), "x".repeat(missing_len).as_bytes()].concat();
        assert_opens_and_goes(UnixPath::new(&longest).unwrap());
    });
}

#[test]
fn what_a_crash_leaves_behind_is_replaced() {
    within_bounds(|| {
        let path = unix_path();
        drop(UnixListener::bind(file(&path)).unwrap());
        assert_opens_and_goes(path);
        drop(UnixDatagram::bind(file(&path)).unwrap());
        assert_opens_and_goes(path);
    });
}

#[test]
fn a_path_in_use_is_one_plain_line() {
    within_bounds(|| {
        let path = unix_path();
        let text = |action| {
            format!(
                "cannot {action} unix:{}: the address is in use; choose another path",
                file(&path).display()
            )
        };
        let taken = UnixListener::bind(file(&path)).unwrap();
        taken.set_nonblocking(true).unwrap();
        assert_eq!(errors(path), [text("listen on"), text("bind")]);
        // It is still there, and was not disturbed.
        assert!(file(&path).exists() && taken.accept().is_err());
        fs::remove_file(file(&path)).unwrap();
        let _taken = UnixDatagram::bind(file(&path)).unwrap();
        assert_eq!(errors(path), [text("listen on"), text("bind")]);
        fs::remove_file(file(&path)).unwrap();
    });
}

#[test]
fn a_file_that_is_no_socket_stays() {
    within_bounds(|| {
        let path = unix_path();
        fs::write(file(&path), "dear").unwrap();
        for error in errors(path) {
            assert!(error.ends_with(": a file that is no socket is there; choose another path"), "{error}");
        }
        assert_eq!(fs::read_to_string(file(&path)).unwrap(), "dear");
        fs::remove_file(file(&path)).unwrap();
    });
}

#[test]
fn a_link_is_no_socket_even_to_one() {
    within_bounds(|| {
        let (path, link) = (unix_path(), unix_path());
        drop(UnixListener::bind(file(&path)).unwrap());
        std::os::unix::fs::symlink(file(&path), file(&link)).unwrap();
        for error in errors(link) {
            assert!(error.ends_with(": a file that is no socket is there; choose another path"), "{error}");
        }
        assert!(file(&path).exists());
        fs::remove_file(file(&link)).unwrap();
        fs::remove_file(file(&path)).unwrap();
    });
}

/// Somebody has put another file in the place of ours.
#[test]
fn only_the_own_file_is_removed() {
    within_bounds(|| {
        let path = unix_path();
        let (server, _) = echo(listener(path));
        fs::remove_file(file(&path)).unwrap();
        let other = UnixListener::bind(file(&path)).unwrap();
        server.stop();
        assert!(file(&path).exists());
        drop(other);
        fs::remove_file(file(&path)).unwrap();
    });
}

#[test]
fn what_cannot_be_opened_is_one_plain_line() {
    within_bounds(|| {
        let missing = format!("{}/socket", file(&unix_path()).display());
        let missing = UnixPath::new(missing.as_bytes()).unwrap();
        for error in errors(missing) {
            assert!(error.ends_with("/socket: no such file or directory; check the path"), "{error}");
        }
        for error in errors(UnixPath::UNNAMED) {
            assert!(error.ends_with(" unix:: a path is missing; write unix:/path"), "{error}");
        }

        let connected = |to: Peer| {
            let bind = Peer::Unix(unix_path());
            open_error(Length, Endpoint::Datagram { bind, connect: Some(to), broadcast: false }).to_string()
        };
        let gone = unix_path();
        assert_eq!(
            connected(Peer::Unix(gone)),
            format!(
                "cannot connect to unix:{}: no such file or directory; check the path",
                file(&gone).display()
            )
        );
        drop(UnixDatagram::bind(file(&gone)).unwrap());
        assert_eq!(
            connected(Peer::Unix(gone)),
            format!(
                "cannot connect to unix:{}: nobody has that socket open; start the server first",
                file(&gone).display()
            )
        );
        fs::remove_file(file(&gone)).unwrap();
        let inet = "127.0.0.1:1060".parse().unwrap();
        assert_eq!(
            connected(inet),
            "cannot connect to 127.0.0.1:1060: the socket and its peer must be of one family"
        );
    });
}
