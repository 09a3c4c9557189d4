//! One direction of a stream: what is read goes through the path, and is written when it is due.
//!
//! ```text
//!  read ──► path: whole, in pieces, late, or the end of all ──► queue ──► write
//!    ▲                                                            │
//!    └───────── waits while the queue has as much as it may ──────┘
//! ```
//!
//! With an empty queue, and nothing to wait for, bytes are written from where they were read to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep_until;

use super::{Over, Relayed};
use crate::drive::relayed::Stream;
use crate::fault::{Resolved, StreamFault};
use crate::network::{Network, Segment, StreamEnd};
use crate::proxy::limits::{CUT_PAUSE, MAX_HELD_STREAM_LEN, MAX_TURNS, REGULAR_CUT_PAUSE};
use crate::proxy::path::Way;
use crate::time::Instant;
use crate::transcript::{Part, What};

/// What is to be written.
struct Piece {
    due_at: Instant,
    /// How much later than what was written before it, so that it is not read together with that.
    apart: Duration,
    what: Next,
}

enum Next {
    Bytes { offset: u64, bytes: Vec<u8> },
    Fin,
    Reset,
}

/// One direction of a stream.
pub(super) struct Direction<'a> {
    relayed: &'a Relayed<'a>,
    way: Way,
    from: &'a Stream,
    to: &'a Stream,
    queue: RefCell<VecDeque<Piece>>,
    held_len: Cell<usize>,
    /// How many bytes were read.
    read_len: Cell<u64>,
    written_at: Cell<Instant>,
    /// The queue has something, or has it no more.
    filled: Notify,
    emptied: Notify,
}

impl<'a> Direction<'a> {
    pub(super) fn new(relayed: &'a Relayed<'a>, way: Way, from: &'a Stream, to: &'a Stream) -> Self {
        Self {
            relayed,
            way,
            from,
            to,
            queue: RefCell::default(),
            held_len: Cell::new(0),
            read_len: Cell::new(0),
            written_at: Cell::new(Instant::START),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Reads to the end.
    pub(super) async fn read(&self) -> Result<(), Over> {
        let mut turns = 0;
        loop {
            while self.held_len.get() >= MAX_HELD_STREAM_LEN {
                self.emptied.notified().await;
            }
            self.from.readable().await.map_err(|_| Over::Reset)?;
            let read = {
                let chunk = &mut *self.relayed.streams.chunk.borrow_mut();
                self.from.try_read(chunk).inspect(|len| self.take(&chunk[..*len]))
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Over::Reset),
            }
            turns += 1;
            if turns % MAX_TURNS == 0 {
                yield_now().await;
            }
        }
    }

    /// Has bytes that were read go their way, or if there are none the end.
    fn take(&self, bytes: &[u8]) {
        let now = {
            let mut ledger = self.relayed.streams.ledger.borrow_mut();
            ledger.counts.stream_bytes += bytes.len() as u64;
            let now = ledger.now();
            ledger.last_at = Some(now);
            now
        };
        let offset = self.read_len.get();
        self.read_len.set(offset + bytes.len() as u64);
        let Some((path, at)) = &self.relayed.path else {
            let what = if bytes.is_empty() { Next::Fin } else { Next::Bytes { offset, bytes: Vec::new() } };
            self.put(now, Piece { due_at: now, apart: Duration::ZERO, what }, bytes);
            return;
        };
        let end = if self.way == Way::Up { *at } else { at.other() };
        let (sent, marks) = {
            let network = &mut path.borrow_mut().network;
            if bytes.is_empty() {
                network.shutdown(now, end);
            } else {
                network.write(now, end, bytes.len() as u32);
            }
            (std::mem::take(&mut network.streams.sent), std::mem::take(&mut network.streams.marks))
        };
        self.record_read(now, offset, bytes);
        for &fault in &marks {
            self.relayed.fault(fault);
        }
        for (order, to, segment) in sent {
            let due_at = order.at();
            self.record_segment(now, due_at, segment);
            match segment {
                Segment::Data { offset: begin, len } => {
                    let apart = self.apart(&path.borrow().network, end, (begin, begin > offset), &marks);
                    let start = (begin - offset) as usize;
                    let what = Next::Bytes { offset: begin, bytes: Vec::new() };
                    self.put(now, Piece { due_at, apart, what }, &bytes[start..start + len as usize]);
                }
                Segment::Fin => self.put(now, Piece { due_at, apart: Duration::ZERO, what: Next::Fin }, &[]),
                Segment::Rst if to == end.other() => {
                    self.put(now, Piece { due_at, apart: CUT_PAUSE, what: Next::Reset }, &[]);
                }
                _ => {}
            }
        }
        let mut ledger = self.relayed.streams.ledger.borrow_mut();
        ledger.take_drawn(&mut path.borrow_mut());
    }

    /// How long after what came before it a piece is to leave. One that a cut has begun is to be read by itself; so is what
    /// begins there by chance.
    fn apart(
        &self,
        network: &Network,
        end: StreamEnd,
        (begin, is_cut): (u64, bool),
        marks: &[Resolved],
    ) -> Duration {
        if begin == 0 {
            return Duration::ZERO;
        }
        let (from, to) = self.way.ends();
        let planned = network.schedule.stream(from, to, network.streams.number(end));
        let here = planned.and_then(|faults| faults.here(begin));
        if here.is_some_and(|(fault, _)| fault == StreamFault::Cut) {
            return CUT_PAUSE;
        }
        let is_drawn = |mark: &Resolved| matches!(*mark, Resolved::Stream { at, .. } if at == begin);
        if is_cut && marks.iter().any(is_drawn) {
            return CUT_PAUSE;
        }
        let every = planned.and_then(|faults| faults.cut_every);
        if every.is_some_and(|(len, _)| begin.is_multiple_of(len)) {
            REGULAR_CUT_PAUSE
        } else {
            Duration::ZERO
        }
    }

    /// Writes a piece, or as much of it as there is room for; what is left waits.
    fn put(&self, now: Instant, mut piece: Piece, bytes: &[u8]) {
        let is_next = self.queue.borrow().is_empty() && self.is_due(now, &piece);
        let mut left = bytes;
        if is_next && let Next::Bytes { offset, .. } = &mut piece.what {
            // What goes wrong here, the next write finds, too.
            let written_len = self.to.try_write(left).unwrap_or(0);
            self.written_at.set(now);
            self.wrote(*offset, &left[..written_len]);
            *offset += written_len as u64;
            left = &left[written_len..];
            if left.is_empty() {
                return;
            }
            piece.apart = Duration::ZERO;
        }
        if let Next::Bytes { bytes, .. } = &mut piece.what {
            *bytes = left.to_vec();
            self.held_len.set(self.held_len.get() + left.len());
        }
        self.queue.borrow_mut().push_back(piece);
        self.filled.notify_one();
    }

    fn is_due(&self, now: Instant, piece: &Piece) -> bool {
        now >= self.due_at(piece)
    }

    fn due_at(&self, piece: &Piece) -> Instant {
        if piece.apart.is_zero() {
            piece.due_at
        } else {
            piece.due_at.max(self.written_at.get() + piece.apart)
        }
    }

    /// Writes what is due, to the end.
    pub(super) async fn write(&self) -> Result<(), Over> {
        loop {
            let due_at = self.queue.borrow().front().map(|piece| self.due_at(piece));
            let Some(due_at) = due_at else {
                self.filled.notified().await;
                continue;
            };
            if due_at > self.relayed.now() {
                let until = self.relayed.streams.ledger.borrow().runtime_at(due_at);
                sleep_until(until).await;
                continue;
            }
            // It stays in the queue until it is written: nothing may overtake it.
            let next = self
                .queue
                .borrow_mut()
                .front_mut()
                .map(|piece| std::mem::replace(&mut piece.what, Next::Fin));
            match next {
                Some(Next::Bytes { offset, bytes }) => self.write_all(offset, &bytes).await?,
                Some(Next::Fin) => {
                    self.to.end();
                    self.record_end();
                    return Ok(());
                }
                Some(Next::Reset) => return Err(Over::Reset),
                None => {}
            }
            self.queue.borrow_mut().pop_front();
        }
    }

    async fn write_all(&self, mut offset: u64, mut left: &[u8]) -> Result<(), Over> {
        while !left.is_empty() {
            match self.to.try_write(left) {
                Ok(len) => {
                    self.written_at.set(self.relayed.now());
                    self.wrote(offset, &left[..len]);
                    self.held_len.set(self.held_len.get() - len);
                    self.emptied.notify_one();
                    offset += len as u64;
                    left = &left[len..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.to.writable().await.map_err(|_| Over::Reset)?;
                }
                Err(_) => return Err(Over::Reset),
            }
        }
        Ok(())
    }

    /// Records that bytes were written: a little later than they came.
    fn wrote(&self, offset: u64, bytes: &[u8]) {
        let Some(hosts) = self.relayed.hosts().filter(|_| !bytes.is_empty()) else { return };
        let ([from, to], number, now) = (self.way.order(hosts), self.relayed.number(), self.relayed.now());
        if let Some(record) = &mut self.relayed.streams.ledger.borrow_mut().record {
            let link = crate::transcript::Link { peer: from, number };
            record.bytes(now, to, bytes, |bytes| What::Read { link, offset, bytes });
            let back = [to, from];
            let taken = Part::Taken(bytes.len() as u32);
            record.segment((now, Some(now)), back, (number, self.way == Way::Down), taken);
        }
    }

    /// Records what was read.
    fn record_read(&self, now: Instant, offset: u64, bytes: &[u8]) {
        let Some(hosts) = self.relayed.hosts() else { return };
        let ([from, to], number) = (self.way.order(hosts), self.relayed.number());
        if let Some(record) = &mut self.relayed.streams.ledger.borrow_mut().record {
            let link = crate::transcript::Link { peer: to, number };
            if bytes.is_empty() {
                record.note(now, from, What::Shutdown(link));
            } else {
                record.bytes(now, from, bytes, |bytes| What::Write { link, offset, bytes });
            }
        }
    }

    fn record_segment(&self, now: Instant, due_at: Instant, segment: Segment) {
        let part = match segment {
            Segment::Data { offset, len } => Part::Data { offset, len },
            Segment::Fin => Part::Fin,
            Segment::Rst => Part::Rst,
            _ => return,
        };
        self.relayed.segment((now, Some(due_at)), self.way, part);
    }

    /// Records that the receiver sees the end.
    fn record_end(&self) {
        let Some(hosts) = self.relayed.hosts() else { return };
        let ([from, to], number, now) = (self.way.order(hosts), self.relayed.number(), self.relayed.now());
        if let Some(record) = &mut self.relayed.streams.ledger.borrow_mut().record {
            record.note(now, to, What::Eof(crate::transcript::Link { peer: from, number }));
        }
    }
}
