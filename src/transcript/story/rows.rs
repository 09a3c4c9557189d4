//! Records as rows, and what leaves in them.

use super::flights::Flights;
use super::{Conn, Kind, Mark, Row};
use crate::fault::{Resolved, ResolvedHost};
use crate::host::HostId;
use crate::transcript::group::ToGroup;
use crate::transcript::text::verb;
use crate::transcript::{Link, Loss, Record, Span, Transcript, What};

/// All rows, and the flights that depart in them; arrivals are notes yet.
pub(super) fn read(transcript: &Transcript<'_>) -> (Vec<Row>, Flights) {
    let mut reader = Reader { transcript, rows: Vec::new(), flights: Flights::default(), index: 0 };
    for (index, (place, record)) in transcript.log.sorted_places().into_iter().enumerate() {
        let known = reader.rows.len();
        reader.index = index;
        reader.add(record);
        if let Some(curve) = transcript.curve {
            for row in &mut reader.rows[known..] {
                row.share = curve.at(place);
            }
            // The fault of a packet stands in the row of the packet.
            if let Some(row) = reader.rows.last_mut().filter(|_| curve.turned == Some(place)) {
                row.turned = true;
            }
        }
    }
    (reader.rows, reader.flights)
}

struct Reader<'a, 'b> {
    transcript: &'a Transcript<'b>,
    rows: Vec<Row>,
    flights: Flights,
    /// Which of the sorted records is read.
    index: usize,
}

impl Reader<'_, '_> {
    fn add(&mut self, record: Record) {
        let (here, next) = (record.host, self.rows.len());
        match record.what {
            // What a timeout caused follows it.
            What::Timer => {}
            What::Send { to, n, bytes } => self.add_send(record, to, n, bytes),
            What::Recv { from, n, bytes } => {
                self.flights.recv(from, here, n, next);
                let text = format!("#{n} {}", self.transcript.bytes_text(bytes));
                self.push(record, Kind::Own(Mark::Note), text);
            }
            What::Write { link, offset, bytes } => self.add_write(record, link, offset, bytes),
            What::Read { link, offset, bytes } => self.add_read(record, link, offset, bytes),
            What::Connect(link) => {
                let kind = self.flights.connect(here, link, next);
                self.push(record, kind, named(link, "connect"));
            }
            What::Connected(link) => {
                self.flights.connected(here, link, next);
                self.push_conn(record, link, true);
            }
            What::Closed(link, reason) => {
                self.flights.closed(here, link, reason, next);
                self.push_conn(record, link, false);
            }
            What::Shutdown(link) | What::Close(link) => {
                self.flights.end(here, link, verb(record.what), next);
                self.push_whole(record, Mark::Note);
            }
            What::Abort(link) => {
                self.flights.abort(here, link, next);
                self.push_whole(record, Mark::Note);
            }
            What::Eof(link) => {
                self.flights.eof(here, link, next);
                self.push_whole(record, Mark::Note);
            }
            What::Dropped { from, to, n, why } => {
                self.flights.dies(from, to, n, format!("{}: {why}", self.transcript.names[here.index()]));
                self.push_whole(record, Mark::Fault);
            }
            What::Lost(loss) => self.add_loss(record, loss),
            What::Fault(fault) => self.add_fault(record, fault),
            What::Calm | What::Circle => {
                let text =
                    format!("{}: {}", verb(record.what), self.transcript.rest_text(record.host, record.what));
                self.push(record, Kind::Own(Mark::Stage), text);
            }
            What::Command(_) => self.push_whole(record, Mark::Command),
            What::Event(index) => {
                self.push(record, Kind::Own(Mark::Event), self.transcript.event_text(record.host, index));
            }
            What::Done(status) => self.push_whole(record, Mark::Ended(status)),
            What::Broken(_) => self.push_whole(record, Mark::Broken),
            What::SendNowhere { peer, bytes } => {
                let text = format!("{} → nowhere ({peer})", self.transcript.bytes_text(bytes));
                self.push(record, Kind::Own(Mark::Note), text);
            }
            What::Unreachable { .. }
            | What::ConnectFailed(..)
            | What::ConnectNowhere { .. }
            | What::Pause(_)
            | What::Resume(_)
            | What::Writable(_)
            | What::Join(_)
            | What::Leave(_)
            | What::Save(_) => self.push_whole(record, Mark::Note),
        }
    }

    fn add_send(&mut self, record: Record, to: HostId, n: u64, bytes: Span) {
        let kind = self.flights.send(record.host, to, n, self.rows.len());
        let group = ToGroup(self.transcript.log.group(record.host, to, n));
        self.push(record, kind, format!("#{n} {}{group}", self.transcript.bytes_text(bytes)));
    }

    fn add_write(&mut self, record: Record, link: Link, offset: u64, bytes: Span) {
        let range = offset..offset + bytes.len() as u64;
        let (name, text) = self.named_bytes(link, offset, bytes);
        let kind = self.flights.write(record.host, link, range, self.rows.len(), name);
        self.push(record, kind, text);
    }

    fn add_read(&mut self, record: Record, link: Link, offset: u64, bytes: Span) {
        let range = offset..offset + bytes.len() as u64;
        self.flights.read(record.host, link, range, self.rows.len());
        let (_, text) = self.named_bytes(link, offset, bytes);
        self.push(record, Kind::Own(Mark::Note), text);
    }

    /// What is lost in a queue ends its flight there.
    fn add_loss(&mut self, record: Record, loss: Loss) {
        let text = self.transcript.loss_text(loss);
        if !self.flights.loses((record.host, loss.to, loss.n), text) {
            self.push_whole(record, Mark::Note);
        }
    }

    /// A datagram's fault belongs to its flight; every other has a row.
    fn add_fault(&mut self, record: Record, fault: Resolved) {
        let text = self.transcript.fault_text(&fault);
        let (host, mark) = match fault {
            Resolved::Datagram { from, to, n, .. } => {
                // `client>server #3 drop`: the flow and the number are told by the arrow.
                let words = text.splitn(3, ' ').nth(2).unwrap_or_default();
                if self.flights.meets(from, to, n, words) {
                    return;
                }
                (from, Mark::Fault)
            }
            Resolved::Stream { from, .. }
            | Resolved::CutEvery { from, .. }
            | Resolved::Connect { from, .. } => (from, Mark::Fault),
            Resolved::Down { host, .. } => (host, Mark::Down),
            Resolved::Host { fault, .. } => place(fault),
        };
        let text = match fault {
            Resolved::Host { .. } => text.splitn(3, ' ').nth(2).unwrap_or_default().to_owned(),
            _ => text,
        };
        self.push(Record { host, ..record }, Kind::Own(mark), text);
    }

    fn push(&mut self, record: Record, kind: Kind, text: String) {
        let Record { at, host, what, .. } = record;
        let record = self.index;
        let (conn, share, turned) = (None, None, false);
        self.rows.push(Row { record, at, host, word: verb(what), text, kind, conn, share, turned });
    }

    /// A row that reads as the line of the transcript.
    fn push_whole(&mut self, record: Record, mark: Mark) {
        let text = format!("{} {}", verb(record.what), self.transcript.rest_text(record.host, record.what));
        self.push(record, Kind::Own(mark), text);
    }

    fn push_conn(&mut self, record: Record, link: Link, open: bool) {
        self.push_whole(record, Mark::Note);
        if let Some(row) = self.rows.last_mut() {
            row.conn = Some(Conn { peer: link.peer, number: link.number, open });
        }
    }

    /// What names bytes of a stream, and the same with the bytes.
    fn named_bytes(&self, link: Link, offset: u64, bytes: Span) -> (String, String) {
        let name = named(link, &format!("@{offset}..{}", offset + bytes.len() as u64));
        let text = format!("{name} {}", self.transcript.bytes_text(bytes));
        (name, text)
    }
}

/// A text with the number of its connection, unless that is the first.
pub(super) fn named(link: Link, text: &str) -> String {
    if link.number == 0 { text.to_owned() } else { format!("/{} {text}", link.number) }
}

/// Where a fault of hosts is drawn, and how.
const fn place(fault: ResolvedHost) -> (HostId, Mark) {
    match fault {
        ResolvedHost::Partition(host, _)
        | ResolvedHost::PartitionOneWay(host, _)
        | ResolvedHost::Isolate(host) => (host, Mark::Network),
        ResolvedHost::Heal => (HostId(0), Mark::Network),
        ResolvedHost::Crash(host) | ResolvedHost::Poweroff(host) => (host, Mark::Down),
        ResolvedHost::Restart(host) => (host, Mark::Up),
        ResolvedHost::Stop(host)
        | ResolvedHost::Skew(host, _)
        | ResolvedHost::Lag(host, _)
        | ResolvedHost::Drift(host, _)
        | ResolvedHost::Pause(host)
        | ResolvedHost::Resume(host)
        | ResolvedHost::Rebind(host)
        | ResolvedHost::Reboot(host)
        | ResolvedHost::Move(host, _)
        | ResolvedHost::TimerFirst(host) => (host, Mark::Fault),
    }
}
