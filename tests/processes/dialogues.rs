//! A short dialogue with each server, as a plain client has it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process::{PATIENCE, now};

/// What carries a server's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Stream,
    Datagram,
}

/// What a plain client says to a server, and what it is to hear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialogue {
    /// The words after `serve`; the address goes after the first.
    pub(crate) args: &'static [&'static str],
    pub(crate) carrier: Carrier,
    /// Whether it serves on Unix sockets, too.
    pub(crate) unix: bool,
    /// What is said, each in a write of its own.
    pub(crate) says: &'static [&'static [u8]],
    /// The end of what is heard; nothing where there is no answer.
    pub(crate) hears: &'static [u8],
}

const fn stream(
    args: &'static [&'static str],
    says: &'static [&'static [u8]],
    hears: &'static [u8],
) -> Dialogue {
    Dialogue { args, carrier: Carrier::Stream, unix: false, says, hears }
}

const fn datagram(
    args: &'static [&'static str],
    says: &'static [&'static [u8]],
    hears: &'static [u8],
) -> Dialogue {
    Dialogue { args, carrier: Carrier::Datagram, unix: false, says, hears }
}

const fn unix(dialogue: Dialogue) -> Dialogue {
    Dialogue { unix: true, ..dialogue }
}

/// All servers, some in several forms.
pub(crate) const ALL: &[Dialogue] = &[
    datagram(&["udp-local"], &[b"abc"], b"Your data was 3 bytes long"),
    datagram(&["udp-remote", "--drop", "0%"], &[b"abc"], b"Your data was 3 bytes long"),
    datagram(
        &["udp-remote", "--drop", "0%", "--ids"],
        &[b"0000002a abc"],
        b"0000002a Your data was 3 bytes long",
    ),
    datagram(&["udp-broadcast"], &[b"Broadcast datagram!"], b""),
    stream(&["tcp-sixteen"], &[b"Hi there, server"], b"Farewell, client"),
    stream(&["tcp-deadlock"], &[b"capitalize this!"], b"CAPITALIZE THIS!"),
    unix(stream(&["greeter"], &[], b"Thank you for connecting")),
    unix(stream(&["greeter", "--kind", "sync"], &[], b"Thank you for connecting")),
    unix(datagram(&["greeter", "--datagram"], &[b"x"], b"Thank you for connecting")),
    unix(stream(&["select-echo"], &[b"This is the message"], b"This is the message")),
    stream(&["greet"], &[], "欢迎访问菜鸟教程!\r\n".as_bytes()),
    stream(&["http"], &[b"GET /no-such-page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"], b"\r\n\r\n"),
    unix(stream(&["hello-tcp", "--time-scale", "0.01"], &[b"Tracy"], b"Welcome!Hello, Tracy!")),
    datagram(&["hello-udp"], &[b"Tracy"], b"Hello, Tracy!"),
    unix(stream(&["tcp-chat"], &[b"hi\n"], b"\nhi\n")),
    datagram(&["udp-chat"], &[b"#ping#", b"hi"], b"\nhi"),
    unix(stream(&["suffix-echo"], &[b"hi"], "hi 我收到了".as_bytes())),
    stream(
        &["geocode"],
        &[b"GET /maps/api/geocode/json?address=oh+archbold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
        b"\"lng\":-84.306691}}}],\"status\":\"OK\"}",
    ),
    datagram(&["election"], &[b"9f091a50 get 7"], b"e7f5f714 value 7 0 0"),
];

/// A file that no other server has.
fn state_file() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}/election-{}-{number}.state", env!("CARGO_TARGET_TMPDIR"), std::process::id())
}

impl Dialogue {
    /// The words after `serve` for this address.
    pub(crate) fn serve(&self, addr: &str) -> Vec<String> {
        let (system, options) = self.args.split_first().expect("a dialogue has a system");
        let words = [*system, addr].into_iter().chain(options.iter().copied());
        let state = (*system == "election").then(|| ["--state".to_owned(), state_file()]);
        words.map(str::to_owned).chain(state.into_iter().flatten()).collect()
    }

    /// Has the dialogue with the server at this address.
    ///
    /// # Panics
    /// If the answer does not come.
    pub(crate) fn hold(&self, server: &str) {
        let mut client = Client::open(self.carrier, server);
        self.say(&mut client);
        self.hear(&mut client);
    }

    /// The first half.
    pub(crate) fn say(&self, client: &mut Client) {
        for text in self.says {
            client.say(text);
        }
    }

    /// The second half.
    pub(crate) fn hear(&self, client: &mut Client) {
        if !self.hears.is_empty() {
            client.hear(self.args, self.hears);
        }
    }
}

/// A plain blocking client.
pub(crate) enum Client {
    Tcp(TcpStream),
    Udp(UdpSocket),
    UnixStream(UnixStream),
    UnixDatagram(UnixDatagram, std::path::PathBuf),
}

impl Client {
    pub(crate) fn open(carrier: Carrier, server: &str) -> Self {
        if let Some(path) = server.strip_prefix("unix:") {
            return Self::open_unix(carrier, path.as_ref());
        }
        let addr: SocketAddr = server.parse().expect("an address was printed");
        match carrier {
            Carrier::Stream => {
                let stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("it listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
                stream.set_nodelay(true).expect("it is a stream");
                Self::Tcp(stream)
            }
            Carrier::Datagram => {
                let any = if addr.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
                let socket = UdpSocket::bind(any).expect("there is a free port");
                socket.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
                let to = if addr.ip().is_unspecified() {
                    SocketAddr::from(([127, 0, 0, 1], addr.port()))
                } else {
                    addr
                };
                socket.connect(to).expect("it is an address");
                Self::Udp(socket)
            }
        }
    }

    fn open_unix(carrier: Carrier, path: &Path) -> Self {
        match carrier {
            Carrier::Stream => {
                let stream = UnixStream::connect(path).expect("it listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
                Self::UnixStream(stream)
            }
            Carrier::Datagram => {
                let own = path.with_extension("client");
                let socket = UnixDatagram::bind(&own).expect("the path is free");
                socket.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
                socket.connect(path).expect("it is bound");
                Self::UnixDatagram(socket, own)
            }
        }
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).expect("it reads"),
            Self::UnixStream(stream) => stream.write_all(bytes).expect("it reads"),
            Self::Udp(socket) => assert_eq!(socket.send(bytes).expect("it is sent"), bytes.len()),
            Self::UnixDatagram(socket, _) => assert_eq!(socket.send(bytes).expect("it is sent"), bytes.len()),
        }
    }

    /// Says something to a server that may have ended the connection.
    pub(crate) fn try_say(&mut self, bytes: &[u8]) {
        // Whether it is heard is the server's matter.
        let _ = match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::UnixStream(stream) => stream.write_all(bytes),
            Self::Udp(socket) => socket.send(bytes).map(drop),
            Self::UnixDatagram(socket, _) => socket.send(bytes).map(drop),
        };
    }

    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::UnixStream(stream) => stream.read(buf),
            Self::Udp(socket) => socket.recv(buf),
            Self::UnixDatagram(socket, _) => socket.recv(buf),
        }
    }

    /// Reads until this has come.
    fn hear(&mut self, who: &[&str], expected: &[u8]) {
        let (mut heard, mut buf) = (Vec::new(), vec![0; 65_536]);
        let until = now() + PATIENCE;
        while !heard.windows(expected.len()).any(|window| window == expected) {
            assert!(now() < until, "{who:?} says too much: {}", heard.escape_ascii());
            match self.read(&mut buf) {
                Ok(0) => panic!("{who:?} ends after {}", heard.escape_ascii()),
                Ok(len) => heard.extend_from_slice(&buf[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{who:?}: {error} after {}", heard.escape_ascii()),
            }
        }
    }

    /// Whether the server has ended the connection, after all that it had to say.
    pub(crate) fn is_ended(&mut self) -> bool {
        let mut buf = vec![0; 65_536];
        let until = now() + PATIENCE;
        while now() < until {
            match self.read(&mut buf) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
        false
    }

    /// Ends a stream with a reset.
    pub(crate) fn reset(self) {
        if let Self::Tcp(stream) = &self {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a stream");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Self::UnixDatagram(_, path) = self {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}
