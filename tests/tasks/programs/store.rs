//! A key-value store with expiring keys and channels, and its client: written for tokio. Where its sockets, timers and
//! tasks come from is the parent module's business.
//!
//! One line is a request: `SET key value [MILLIS]`, `GET key`, `DEL key`, `PUB channel message`, `SUB channel`. One line
//! is a reply: `OK`, `=value`, `NONE`, `:count`, `*message`, `ERR text`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::net::{TcpListener, TcpStream, ToSocketAddrs};
use super::{task, time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};

/// How many clients are served at a time.
const MAX_CLIENTS: usize = 50;
/// The longest line.
const MAX_LINE_LEN: usize = 1024;
/// How many messages of a channel a slow subscriber may be behind.
const MAX_BEHIND: usize = 64;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Set { key: String, value: String, lives: Option<Duration> },
    Get { key: String },
    Del { key: String },
    Publish { channel: String, message: String },
    Subscribe { channel: String },
}

impl Request {
    fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split(' ').map(str::to_owned);
        let verb = words.next().unwrap_or_default();
        let mut word = |what: &str| words.next().ok_or_else(|| format!("{verb} without {what}"));
        let request = match verb.as_str() {
            "SET" => {
                let (key, value) = (word("a key")?, word("a value")?);
                let lives = words
                    .next()
                    .map(|millis| millis.parse().map_err(|_| format!("{millis} are no milliseconds")));
                Self::Set { key, value, lives: lives.transpose()?.map(Duration::from_millis) }
            }
            "GET" => Self::Get { key: word("a key")? },
            "DEL" => Self::Del { key: word("a key")? },
            "PUB" => Self::Publish { channel: word("a channel")?, message: word("a message")? },
            "SUB" => Self::Subscribe { channel: word("a channel")? },
            _ => return Err(format!("{verb} is no request")),
        };
        Ok(request)
    }

    fn line(&self) -> String {
        match self {
            Self::Set { key, value, lives: None } => format!("SET {key} {value}\n"),
            Self::Set { key, value, lives: Some(lives) } => {
                format!("SET {key} {value} {}\n", lives.as_millis())
            }
            Self::Get { key } => format!("GET {key}\n"),
            Self::Del { key } => format!("DEL {key}\n"),
            Self::Publish { channel, message } => format!("PUB {channel} {message}\n"),
            Self::Subscribe { channel } => format!("SUB {channel}\n"),
        }
    }
}

/// Lines over a stream.
pub struct Connection {
    stream: TcpStream,
    /// What came after the last whole line.
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next line; none at the end of the stream. What was read stays if this is dropped before it is ready.
    pub async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return String::from_utf8(line).map(Some).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            if self.buffer.len() > MAX_LINE_LEN {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    pub async fn write(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes()).await
    }
}

/// The values, and who waits for what.
#[derive(Clone)]
struct Store(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The next key expires at another moment.
    changed: Notify,
}

#[derive(Default)]
struct State {
    values: BTreeMap<String, (String, Option<time::Instant>)>,
    expiries: BTreeSet<(time::Instant, String)>,
    channels: BTreeMap<String, broadcast::Sender<String>>,
    is_over: bool,
}

impl Store {
    fn new() -> Self {
        let store = Self(Arc::new(Shared { state: Mutex::default(), changed: Notify::new() }));
        task::spawn(purge(store.clone()));
        store
    }

    fn set(&self, key: String, value: String, lives: Option<Duration>) {
        let mut state = self.0.state.lock().unwrap();
        let expires_at = lives.map(|lives| time::Instant::now() + lives);
        let before = state.values.insert(key.clone(), (value, expires_at));
        if let Some((_, Some(at))) = before {
            state.expiries.remove(&(at, key.clone()));
        }
        if let Some(at) = expires_at {
            state.expiries.insert((at, key));
        }
        drop(state);
        self.0.changed.notify_one();
    }

    fn get(&self, key: &str) -> Option<String> {
        self.0.state.lock().unwrap().values.get(key).map(|(value, _)| value.clone())
    }

    fn delete(&self, key: &str) -> bool {
        let mut state = self.0.state.lock().unwrap();
        let Some((_, expires_at)) = state.values.remove(key) else { return false };
        if let Some(at) = expires_at {
            state.expiries.remove(&(at, key.to_owned()));
        }
        true
    }

    fn publish(&self, channel: &str, message: String) -> usize {
        let state = self.0.state.lock().unwrap();
        state.channels.get(channel).map_or(0, |sender| sender.send(message).unwrap_or(0))
    }

    fn subscribe(&self, channel: String) -> broadcast::Receiver<String> {
        let mut state = self.0.state.lock().unwrap();
        state.channels.entry(channel).or_insert_with(|| broadcast::channel(MAX_BEHIND).0).subscribe()
    }

    fn end(&self) {
        self.0.state.lock().unwrap().is_over = true;
        self.0.changed.notify_one();
    }
}

/// Removes keys when they expire.
async fn purge(store: Store) {
    loop {
        let next = {
            let mut state = store.0.state.lock().unwrap();
            if state.is_over {
                return;
            }
            let now = time::Instant::now();
            while let Some((at, key)) = state.expiries.first().cloned() {
                if at > now {
                    break;
                }
                state.expiries.remove(&(at, key.clone()));
                state.values.remove(&key);
            }
            state.expiries.first().map(|(at, _)| *at)
        };
        match next {
            Some(at) => tokio::select! {
                biased;
                () = store.0.changed.notified() => {}
                () = time::sleep_until(at) => {}
            },
            None => store.0.changed.notified().await,
        }
    }
}

/// Serves until `stop` is ready; then waits until all clients have their replies.
pub async fn serve(address: impl ToSocketAddrs, stop: impl Future<Output = ()>) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let (store, limit) = (Store::new(), Arc::new(Semaphore::new(MAX_CLIENTS)));
    let (stopping, _) = broadcast::channel::<()>(1);
    let (working, mut all_done) = mpsc::channel::<()>(1);
    let accepting = async {
        loop {
            let permit = Arc::clone(&limit).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            let (store, mut stopped, working) = (store.clone(), stopping.subscribe(), working.clone());
            task::spawn(async move {
                // A client that breaks the protocol, or is gone, is no matter of the others.
                let _ = serve_one(Connection::new(stream), &store, &mut stopped).await;
                drop((permit, working));
            });
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    };
    let result = tokio::select! {
        biased;
        () = stop => Ok(()),
        result = accepting => result,
    };
    drop((stopping, working));
    // Nothing is sent: it ends when the last sender is dropped.
    let _ = all_done.recv().await;
    store.end();
    result
}

async fn serve_one(
    mut connection: Connection,
    store: &Store,
    stopped: &mut broadcast::Receiver<()>,
) -> io::Result<()> {
    loop {
        let line = tokio::select! {
            biased;
            line = connection.line() => line?,
            _ = stopped.recv() => return Ok(()),
        };
        let Some(line) = line else { return Ok(()) };
        let reply = match Request::parse(&line) {
            Ok(Request::Set { key, value, lives }) => {
                store.set(key, value, lives);
                "OK\n".to_owned()
            }
            Ok(Request::Get { key }) => {
                store.get(&key).map_or_else(|| "NONE\n".to_owned(), |value| format!("={value}\n"))
            }
            Ok(Request::Del { key }) => format!(":{}\n", usize::from(store.delete(&key))),
            Ok(Request::Publish { channel, message }) => format!(":{}\n", store.publish(&channel, message)),
            Ok(Request::Subscribe { channel }) => {
                let messages = store.subscribe(channel);
                connection.write("OK\n").await?;
                return forward(connection, messages, stopped).await;
            }
            Err(error) => format!("ERR {error}\n"),
        };
        connection.write(&reply).await?;
    }
}

/// Hands a channel's messages to a subscriber until it is gone.
async fn forward(
    mut connection: Connection,
    mut messages: broadcast::Receiver<String>,
    stopped: &mut broadcast::Receiver<()>,
) -> io::Result<()> {
    loop {
        tokio::select! {
            biased;
            _ = stopped.recv() => return Ok(()),
            line = connection.line() => match line? {
                None => return Ok(()),
                Some(_) => connection.write("ERR a subscriber only listens\n").await?,
            },
            message = messages.recv() => match message {
                Ok(message) => connection.write(&format!("*{message}\n")).await?,
                Err(broadcast::error::RecvError::Lagged(count)) => connection.write(&format!("ERR {count} lost\n")).await?,
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a store, and connects anew when a connection fails. A request may then be carried out twice.
pub struct Client {
    address: String,
    connection: Option<Connection>,
}

impl Client {
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), connection: None }
    }

    /// The reply to a request, after as many attempts as that takes.
    ///
    /// # Errors
    /// `TimedOut` when ten attempts have failed.
    pub async fn ask(&mut self, request: &Request) -> io::Result<String> {
        let mut wait = Duration::from_millis(50);
        for _ in 0..10 {
            match time::timeout(PATIENCE, self.attempt(request)).await {
                Ok(Ok(Some(reply))) => return Ok(reply),
                // A reply that comes late would be taken for the next one's.
                Ok(Ok(None) | Err(_)) | Err(_) => self.connection = None,
            }
            time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    async fn attempt(&mut self, request: &Request) -> io::Result<Option<String>> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(Connection::new(TcpStream::connect(self.address.as_str()).await?)),
        };
        connection.write(&request.line()).await?;
        connection.line().await
    }
}
