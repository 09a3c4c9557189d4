//! The transcript as JSON, one object a line.

use serde::Serialize;

use super::text::verb;
use super::{Link, Span, Transcript, What};
use crate::escaped::json;
use crate::host::HostId;
use crate::machine::Ecn;

/// One record. Times are nanoseconds; bytes are text where they are UTF-8, and hex digits where not.
#[derive(Default, Serialize)]
struct Line<'a> {
    at_ns: u64,
    host: &'a str,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u32>,
}

impl Transcript<'_> {
    /// One JSON object a line, timeouts included. Each has `at_ns`, `host` and `what`, the word that the text has, and
    /// where they apply `peer`, `n` (of a datagram in its flow, of a command), `conn` (from 0), `offset`, `len`, the payload as
    /// `text` or `hex`, `ecn` (of a datagram, if it is not `not-ect`), `status`, the multicast `group` that it is about, `task` (if it was not the host's own). Of commands, events, faults, drops at a NAT, segments
    /// of TCP and broken laws `text` is what the text form shows.
    pub fn json_lines(&self) -> String {
        let mut lines = String::new();
        for record in self.log.sorted() {
            let line = Line {
                at_ns: record.at.as_nanos(),
                host: self.names[record.host.index()],
                what: verb(record.what),
                task: Some(record.task).filter(|task| *task > 0),
                ..self.fields(record.host, record.what)
            };
            lines.push_str(&json(&line));
            lines.push('\n');
        }
        lines
    }

    fn fields(&self, own: HostId, what: What) -> Line<'_> {
        let peer = |host: HostId| Some(self.names[host.index()]);
        let link = |link: Link| Line { peer: peer(link.peer), conn: Some(link.number), ..Line::default() };
        let text = |text: String| Line { text: Some(text), ..Line::default() };
        match what {
            What::Send { to: host, n, bytes } | What::Recv { from: host, n, bytes } => {
                let message = match self.log.segment(bytes) {
                    Some(segment) => Line {
                        conn: Some(segment.number()),
                        len: Some(segment.len()),
                        ..text(segment.to_string())
                    },
                    None => self.datagram(bytes),
                };
                let is_sent = matches!(what, What::Send { .. });
                let group = self.log.group(own, host, n).filter(|_| is_sent).map(|group| group.to_string());
                Line { peer: peer(host), n: Some(n), group, ..message }
            }
            What::SendNowhere { peer, bytes } => {
                Line { text: Some(peer.to_string()), ..self.datagram(bytes) }
            }
            What::Dropped { from, to, n, why } => {
                let text = format!("{}>{}: {why}", self.names[from.index()], self.names[to.index()]);
                Line { peer: peer(from), n: Some(n), text: Some(text), ..Line::default() }
            }
            What::Unreachable { peer: host } => Line { peer: peer(host), ..Line::default() },
            What::Lost(loss) => Line { peer: peer(loss.to), n: Some(loss.n), ..text(self.loss_text(loss)) },
            What::Fault(fault) => text(self.fault_text(&fault)),
            What::Write { link: at, offset, bytes } | What::Read { link: at, offset, bytes } => Line {
                peer: peer(at.peer),
                conn: Some(at.number),
                offset: Some(offset),
                ..payload(self.log.bytes(bytes))
            },
            What::Connect(at)
            | What::Connected(at)
            | What::Shutdown(at)
            | What::Eof(at)
            | What::Close(at)
            | What::Abort(at)
            | What::Pause(at)
            | What::Resume(at)
            | What::Writable(at) => link(at),
            What::ConnectFailed(at, reason) => Line { text: Some(reason.to_string()), ..link(at) },
            What::ConnectNowhere { peer, reason } => text(format!("{peer}: {reason}")),
            What::Closed(at, reason) => Line { text: Some(reason.to_string()), ..link(at) },
            What::Timer | What::Calm | What::Circle => Line::default(),
            What::Command(number) => {
                let text = self.log.command_text(number).map(str::to_owned);
                Line { n: Some(u64::from(number)), text, ..Line::default() }
            }
            What::Join(group) | What::Leave(group) => {
                Line { group: Some(group.to_string()), ..Line::default() }
            }
            What::Save(len) => Line { len: Some(len as usize), ..Line::default() },
            What::Event(index) => text(self.event_text(own, index)),
            What::Done(status) => Line { status: Some(status.code()), ..Line::default() },
            What::Broken(index) => text(self.log.broken_texts()[index as usize].clone()),
        }
    }
}

impl Transcript<'_> {
    /// The payload of a datagram, and the ECN field that it has.
    fn datagram(&self, span: Span) -> Line<'static> {
        let ecn = Some(span.ecn()).filter(|ecn| *ecn != Ecn::NotEct).map(|ecn| ecn.to_string());
        Line { ecn, ..payload(self.log.bytes(span)) }
    }
}

fn payload(bytes: &[u8]) -> Line<'static> {
    let len = Some(bytes.len());
    match std::str::from_utf8(bytes) {
        Ok(text) => Line { len, text: Some(text.to_owned()), ..Line::default() },
        Err(_) => Line { len, hex: Some(hex(bytes)), ..Line::default() },
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).map(char::from).collect()
}
