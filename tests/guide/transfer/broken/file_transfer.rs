use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use std::{mem::take, time::Duration};

const BLOCK_LEN: usize = 4;

/// Sends a file block by block, and reports it as sent. A block shorter than `BLOCK_LEN` is the last one.
pub struct Sender {
    receiver: Peer,
    file: String,
    acked_len: usize,
    number: u8,
    retry_at: Option<Instant>,
}

impl Machine for Sender {
    type Command = String;
    type Event = String;

    fn handle(&mut self, input: Input<'_, String>, now: Instant, out: &mut Outbox<String>) {
        match (input, self.retry_at) {
            // Idle: begin a transfer.
            (Input::Command(file), None) => {
                (self.file, self.acked_len) = (file.clone(), 0);
                self.send(now, out);
            }
            (Input::Datagram { .. }, Some(_)) => self.acked(now, out),
            (Input::Timeout, _) => self.send(now, out),
            (Input::Stop, _) => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Sender {
    pub fn new(receiver: Peer) -> Self {
        Self { receiver, file: String::new(), acked_len: 0, number: 0, retry_at: None }
    }

    /// The next block; empty at the end of a file whose length is a multiple of `BLOCK_LEN`.
    fn block(&self) -> &[u8] {
        self.file.as_bytes()[self.acked_len..].chunks(BLOCK_LEN).next().unwrap_or_default()
    }

    fn send(&mut self, now: Instant, out: &mut Outbox<String>) {
        out.send(self.receiver, &[&[self.number], self.block()].concat());
        self.retry_at = Some(now + Duration::from_millis(100));
    }

    fn acked(&mut self, now: Instant, out: &mut Outbox<String>) {
        let block_len = self.block().len();
        (self.acked_len, self.number) = (self.acked_len + block_len, self.number.wrapping_add(1));
        if block_len == BLOCK_LEN {
            return self.send(now, out);
        }
        self.retry_at = None;
        out.event(take(&mut self.file));
    }
}

/// Acknowledges every copy of a block, stores the block once, and reports each file.
#[derive(Default)]
pub struct Receiver {
    pub file: Vec<u8>,
    number: u8,
}

impl Machine for Receiver {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<String>) {
        if let Input::Stop = input {
            return out.done(Status::Success);
        }
        let Input::Datagram { bytes: [number, block @ ..], .. } = input else { return };
        out.reply(&[*number]);
        if *number == self.number {
            self.number = self.number.wrapping_add(1);
            self.file.extend(block);
            if block.len() < BLOCK_LEN {
                out.event(String::from_utf8_lossy(&take(&mut self.file)).into_owned());
            }
        }
    }
}
