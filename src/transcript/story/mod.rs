//! A transcript as a picture shows it: rows from top to bottom, and the flights between them.
//!
//! The transcript's records say what each host did. Here what left one host is matched with what came in at another, so
//! that a ladder can draw an arrow for it. A record of a new kind needs its place in `Reader::add`, and nowhere else.

mod flights;
mod rows;

use super::Transcript;
use crate::host::HostId;
use crate::machine::Status;
use crate::time::Instant;

/// What a picture shows.
pub(super) struct Story<'a> {
    /// The names of the hosts.
    pub(super) names: Vec<&'a str>,
    /// What happened, in order.
    pub(super) rows: Vec<Row>,
    /// What travelled, in the order in which it left.
    pub(super) flights: Vec<Flight>,
}

/// One line of a ladder.
pub(super) struct Row {
    /// Which of the sorted records it is.
    pub(super) record: usize,
    /// When.
    pub(super) at: Instant,
    /// On which host.
    pub(super) host: HostId,
    /// The word that the transcript has for it.
    pub(super) word: &'static str,
    /// What is to be read. Of a departure or an arrival it is what [`Flight::name`] names, with the payload.
    pub(super) text: String,
    /// What is to be drawn.
    pub(super) kind: Kind,
    /// The connection that it opens or closes.
    pub(super) conn: Option<Conn>,
    /// How many percent of the runs fail that go on from here, if that is known.
    pub(super) share: Option<u8>,
    /// Whether the run was lost here.
    pub(super) turned: bool,
}

/// What becomes of a connection, as one of its ends sees it.
pub(super) struct Conn {
    /// The host at the other end.
    pub(super) peer: HostId,
    /// Which connection between the two, from 0.
    pub(super) number: u32,
    /// Whether it stands from now on.
    pub(super) open: bool,
}

/// What a row draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The flight of this index leaves.
    Departs(usize),
    /// These flights arrive; several writes can be read at once.
    Arrives(Vec<usize>),
    /// Something of the host's own.
    Own(Mark),
}

/// Something that happens at one host, or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// What a machine tells.
    Event,
    /// What the application asks for.
    Command,
    /// What else is to be known of a socket, a stream or the disk.
    Note,
    /// The machine has ended.
    Ended(Status),
    /// The host goes down by a fault.
    Down,
    /// The host starts anew.
    Up,
    /// Another fault that hits this host or what it sends.
    Fault,
    /// A fault between hosts.
    Network,
    /// A new stage of the whole run.
    Stage,
    /// Something does not hold.
    Broken,
}

impl Mark {
    /// Whether it is of no host: what happens between all of them.
    pub(super) const fn is_between(self) -> bool {
        matches!(self, Self::Network | Self::Stage)
    }

    /// Whether it is a fault.
    pub(super) const fn is_fault(self) -> bool {
        matches!(self, Self::Down | Self::Up | Self::Fault | Self::Network)
    }
}

/// Something on its way from host to host: a datagram, the bytes of one write, the opening or the end of a connection.
pub(super) struct Flight {
    /// Who sent it.
    pub(super) from: HostId,
    /// To whom.
    pub(super) to: HostId,
    /// What tells it from others: `#3`, `@0..16`, `connect`.
    pub(super) name: String,
    /// The fault that it met, in the words of a plan.
    pub(super) fault: Option<String>,
    /// Whether a queue has lost it.
    pub(super) is_lost: bool,
    /// The row where it left.
    pub(super) departs: usize,
    /// The rows where it arrived, or parts of it.
    pub(super) arrivals: Vec<usize>,
    /// What became of it.
    pub(super) fate: Fate,
}

impl Flight {
    /// A text after the fault that it met.
    pub(super) fn with_fault(&self, text: &str) -> String {
        match &self.fault {
            Some(fault) => format!("{fault}: {text}"),
            None => text.to_owned(),
        }
    }

    /// Whether it is on its way for rows to come. Without latency it may have arrived in a row above.
    pub(super) fn is_followed(&self) -> bool {
        self.arrivals.last().is_some_and(|last| *last > self.departs)
    }

    /// The arrival that follows from its departure at a look: the next row, and no other.
    pub(super) fn is_plain(&self) -> bool {
        self.arrivals == [self.departs + 1]
    }
}

/// What becomes of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrived, at least in part.
    Arrived,
    /// It never arrived, though there was time, or was never read.
    Lost,
    /// It had not arrived when the run ended.
    Underway,
}

impl<'a> Story<'a> {
    /// The story of a transcript.
    pub(super) fn new(transcript: &Transcript<'a>) -> Self {
        let (mut rows, flights) = rows::read(transcript);
        let flights = flights.settle(&mut rows);
        let mut story = Self { names: transcript.names.clone(), rows, flights };
        story.name_the_known();
        story
    }

    /// The name of a host.
    pub(super) fn name(&self, host: HostId) -> &'a str {
        self.names[host.index()]
    }

    /// Who does what a row tells, and whom it goes to or comes from. Nobody, if it is between hosts.
    pub(super) fn who(&self, row: &Row) -> String {
        let host = self.name(row.host);
        match &row.kind {
            Kind::Departs(flight) => format!("{host} → {}", self.name(self.flights[*flight].to)),
            Kind::Arrives(flights) => format!("{host} ← {}", self.name(self.flights[flights[0]].from)),
            Kind::Own(mark) if mark.is_between() => String::new(),
            Kind::Own(_) => host.to_owned(),
        }
    }

    /// Whether it is known when the run was lost.
    pub(super) fn has_shares(&self) -> bool {
        self.rows.iter().any(|row| row.share.is_some())
    }

    /// Whether a fault is to be marked in this row.
    pub(super) fn has_fault(&self, row: &Row) -> bool {
        match &row.kind {
            Kind::Departs(flight) => self.flights[*flight].fault.is_some(),
            Kind::Arrives(_) => false,
            Kind::Own(mark) => mark.is_fault(),
        }
    }

    /// Of an arrival only the name is read, unless what came is not what was sent. What neither leaves nor arrives, for
    /// it stays at its host, says what it is.
    fn name_the_known(&mut self) {
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            let text = match &row.kind {
                Kind::Arrives(flights) => {
                    let flight = &self.flights[flights[0]];
                    (self.rows[flight.departs].text == row.text).then(|| flight.name.clone())
                }
                Kind::Own(Mark::Note) if ["send", "recv", "write", "read"].contains(&row.word) => {
                    Some(format!("{} {}", row.word, row.text))
                }
                _ => None,
            };
            if let Some(text) = text {
                self.rows[index].text = text;
            }
        }
    }
}
