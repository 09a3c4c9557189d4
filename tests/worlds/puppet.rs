//! The machine of all scenes: it does what its scene says.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lossproof::machine::Conn;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};

/// What is asked of a puppet.
pub(crate) type Ask = &'static str;

/// What a puppet does about one input.
pub(crate) type Script = fn(&mut Puppet, Input<'_, Ask>, &mut Outbox<String>);

/// When a puppet gives up, so that a scene that goes wrong ends in every world. Later than any bound that is tested.
pub(crate) const GIVES_UP_AFTER: Duration = Duration::from_secs(40);

/// Does what its script says, and keeps what scripts ask for most.
pub(crate) struct Puppet {
    script: Script,
    /// The addresses of the other host.
    pub(crate) others: Vec<Peer>,
    /// What it had saved before it was made.
    pub(crate) found: String,
    pub(crate) now: Instant,
    /// The stream that came to stand first.
    pub(crate) conn: Option<Conn>,
    /// Everything that was read.
    pub(crate) read: Vec<u8>,
    /// For the script to count with.
    pub(crate) count: usize,
    pub(crate) due_at: Option<Instant>,
    /// When the timeout that came last was due.
    pub(crate) due_at_last: Option<Instant>,
    gives_up_at: Option<Instant>,
}

impl Puppet {
    pub(crate) fn new(script: Script, others: Vec<Peer>, found: &[u8]) -> Self {
        Self {
            script,
            others,
            found: String::from_utf8_lossy(found).into_owned(),
            now: Instant::START,
            conn: None,
            read: Vec::new(),
            count: 0,
            due_at: None,
            due_at_last: None,
            gives_up_at: None,
        }
    }

    /// The first address of the other host.
    pub(crate) fn other(&self) -> Peer {
        self.others[0]
    }

    /// The stream.
    pub(crate) fn conn(&self) -> Conn {
        self.conn.expect("the stream stands")
    }

    /// Asks to be woken.
    pub(crate) fn wake_in(&mut self, millis: u64) {
        self.due_at = Some(self.now + Duration::from_millis(millis));
    }

    /// Everything that was read, as text.
    pub(crate) fn read_text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

impl Machine for Puppet {
    type Command = Ask;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Ask>, now: Instant, out: &mut Outbox<String>) {
        self.now = now;
        let gives_up_at = *self.gives_up_at.get_or_insert(now + GIVES_UP_AFTER);
        match input {
            Input::Connected { conn, .. } => _ = self.conn.get_or_insert(conn),
            Input::Received { bytes, .. } => self.read.extend_from_slice(bytes),
            Input::Timeout if gives_up_at <= now => {
                out.event("gave up".to_owned());
                return out.done(Status::Failure);
            }
            Input::Timeout => self.due_at_last = self.due_at.take(),
            _ => {}
        }
        (self.script)(self, input, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.due_at.into_iter().chain(self.gives_up_at).min()
    }
}

/// A group.
pub(crate) const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 77, 3, 4));

/// Takes no part.
pub(crate) fn nobody(_: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if matches!(input, Input::Start { .. }) {
        out.done(Status::Success);
    }
}

/// Tells what happens to its datagrams and streams, and is done once a stream is over.
pub(crate) fn teller(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    tell(me, input, out);
    if let Input::Closed { .. } | Input::ConnectFailed { .. } = input {
        out.done(Status::Success);
    }
}

/// Tells of an input in words that are the same in every world. What was read is told at the end of the stream.
pub(crate) fn tell(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    let text = match input {
        Input::Start { .. } | Input::Received { .. } => return,
        Input::Command(ask) => format!("Command {ask}"),
        Input::Datagram { bytes, .. } => format!("Datagram {}", String::from_utf8_lossy(bytes)),
        Input::Unreachable { .. } => "Unreachable".to_owned(),
        Input::Connected { .. } => "Connected".to_owned(),
        Input::ConnectFailed { reason, .. } => format!("ConnectFailed: {reason}"),
        Input::Eof { .. } => format!("Eof after '{}'", me.read_text()),
        Input::Closed { reason, .. } => format!("Closed: {reason}"),
        other => format!("{other:?}"),
    };
    out.event(text);
}

/// Writes what fits for sure.
#[track_caller]
pub(crate) fn write(out: &mut Outbox<String>, conn: Conn, bytes: &[u8]) {
    assert_eq!(out.write(conn, bytes), bytes.len());
}
