//! The transcript as text, one line a record.

use std::fmt;

use super::group::ToGroup;
use super::{Link, Record, Transcript, What};
use crate::fault::Resolved;
use crate::host::HostId;

impl fmt::Display for Transcript<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host_width = self.host_width();
        let records = self.log.sorted();
        let shown = records.iter().filter(|record| record.what.has_line());
        shown.map(|record| self.column_line(record, host_width)).try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl What {
    /// Whether the text has a line for it.
    pub(super) const fn has_line(self) -> bool {
        !matches!(self, Self::Timer)
    }
}

impl Transcript<'_> {
    /// How wide the column of the hosts is.
    pub(super) fn host_width(&self) -> usize {
        self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0)
    }

    /// One record as the text has it. An event or a property may bring more than one line.
    pub(super) fn column_line(&self, record: &Record, host_width: usize) -> String {
        let Record { at, host, what, .. } = *record;
        let name = match what {
            What::Fault(_) | What::Calm | What::Circle => "-",
            _ => self.names[host.index()],
        };
        let rest = Rest { transcript: self, host, what };
        format!("{at}  {name:host_width$}  {:<5} {rest}{}", verb(what), ByTask(record))
    }

    /// What a line has after its verb.
    pub(super) fn rest_text(&self, host: HostId, what: What) -> String {
        Rest { transcript: self, host, what }.to_string()
    }

    /// One record, on a line of its own.
    pub(crate) fn line(&self, record: &Record) -> String {
        let Record { at, host, what, .. } = *record;
        let rest = Rest { transcript: self, host, what };
        let line = format!("{at} {} {} {rest}{}", self.names[host.index()], verb(what), ByTask(record));
        line.trim_end().to_owned()
    }
}

/// By which task something was done, if it was not the host's own.
struct ByTask<'a>(&'a Record);

impl fmt::Display for ByTask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Record { task: 0, .. } | Record { what: What::Fault(_), .. } => Ok(()),
            Record { task, .. } => write!(f, " (task {task})"),
        }
    }
}

/// The word that says what happened.
pub(super) const fn verb(what: What) -> &'static str {
    match what {
        What::Send { .. } | What::SendNowhere { .. } => "send",
        What::Recv { .. } => "recv",
        What::Dropped { .. } => "drop",
        What::Unreachable { .. } => "unreachable",
        What::Lost(_) => "lost",
        What::Fault(_) => "fault",
        What::Calm => "calm",
        What::Connect(_) => "connect",
        What::Connected(_) => "connected",
        What::ConnectFailed(..) | What::ConnectNowhere { .. } => "connect-failed",
        What::Write { .. } => "write",
        What::Read { .. } => "read",
        What::Shutdown(_) => "shutdown",
        What::Eof(_) => "eof",
        What::Close(_) => "close",
        What::Abort(_) => "abort",
        What::Pause(_) => "pause",
        What::Resume(_) => "resume",
        What::Writable(_) => "writable",
        What::Closed(..) => "closed",
        What::Timer => "timer",
        What::Command(_) => "command",
        What::Join(_) => "join",
        What::Leave(_) => "leave",
        What::Save(_) => "save",
        What::Event(_) => "event",
        What::Done(_) => "done",
        What::Circle => "circle",
        What::Broken(_) => "broken",
    }
}

/// What stands after the verb.
struct Rest<'a, 'b> {
    transcript: &'a Transcript<'b>,
    host: HostId,
    what: What,
}

impl Rest<'_, '_> {
    fn name(&self, link: Link) -> &str {
        self.transcript.names[link.peer.index()]
    }

    fn bytes(&self, span: super::Span) -> String {
        self.transcript.bytes_text(span)
    }
}

/// `/1 ` for the second connection between two hosts; nothing for the first, as in plans.
struct Number(Link);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.number == 0 { Ok(()) } else { write!(f, "/{} ", self.0.number) }
    }
}

impl fmt::Display for Rest<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = &self.transcript.names;
        match self.what {
            What::Send { to, n, bytes } => {
                let group = ToGroup(self.transcript.log.group(self.host, to, n));
                write!(f, "#{n} {} → {}{group}", self.bytes(bytes), names[to.index()])
            }
            What::SendNowhere { peer, bytes } => write!(f, "{} → nowhere ({peer})", self.bytes(bytes)),
            What::Recv { from, n, bytes } => {
                write!(f, "#{n} {} ← {}", self.bytes(bytes), names[from.index()])
            }
            What::Dropped { from, to, n, why } => {
                write!(f, "{}>{} #{n}: {why}", names[from.index()], names[to.index()])
            }
            What::Unreachable { peer } => write!(f, "{}", names[peer.index()]),
            What::Lost(loss) => {
                let (n, to) = (loss.n, names[loss.to.index()]);
                write!(f, "#{n} → {to}: {}", self.transcript.loss_text(loss))
            }
            What::Fault(Resolved::Host { fault, at }) => {
                // The moment is in the first column already.
                let text = self.transcript.fault_text(&Resolved::Host { fault, at });
                f.write_str(text.splitn(3, ' ').nth(2).unwrap_or_default())
            }
            What::Fault(fault) => f.write_str(&self.transcript.fault_text(&fault)),
            What::Write { link, offset, bytes } => {
                write!(f, "{}@{offset} {} → {}", Number(link), self.bytes(bytes), self.name(link))
            }
            What::Read { link, offset, bytes } => {
                write!(f, "{}@{offset} {} ← {}", Number(link), self.bytes(bytes), self.name(link))
            }
            What::Connect(link) | What::Shutdown(link) | What::Close(link) | What::Abort(link) => {
                write!(f, "{}→ {}", Number(link), self.name(link))
            }
            What::Connected(link)
            | What::Eof(link)
            | What::Pause(link)
            | What::Resume(link)
            | What::Writable(link) => write!(f, "{}← {}", Number(link), self.name(link)),
            What::ConnectFailed(link, reason) => {
                write!(f, "{}← {}: {reason}", Number(link), self.name(link))
            }
            What::ConnectNowhere { peer, reason } => write!(f, "nowhere ({peer}): {reason}"),
            What::Closed(link, reason) => write!(f, "{}← {}: {reason}", Number(link), self.name(link)),
            What::Timer => Ok(()),
            What::Circle => f.write_str("what follows happens again and again"),
            What::Calm => f.write_str("nothing goes wrong from here on"),
            What::Command(number) => match self.transcript.log.command_text(number) {
                Some(text) => write!(f, "#{number} {text}"),
                None => write!(f, "#{number}"),
            },
            What::Join(group) | What::Leave(group) => write!(f, "{group}"),
            What::Save(len) => write!(f, "{len} bytes"),
            What::Event(index) => f.write_str(&self.transcript.event_text(self.host, index)),
            What::Done(status) => write!(f, "{}", status.code()),
            What::Broken(index) => f.write_str(&self.transcript.log.broken_texts()[index as usize]),
        }
    }
}
