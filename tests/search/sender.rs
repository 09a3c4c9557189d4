//! A machine that sends numbers, for the tests of several files.

use std::time::Duration;

use lossproof::{Input, Instant, Machine, Outbox, Peer};

/// Sends the numbers from 0 up, one every 10 ms.
pub(crate) struct Sender {
    to: Peer,
    next: u8,
    /// How many it sends.
    numbers: u8,
    send_at: Instant,
}

impl Sender {
    pub(crate) const fn new(to: Peer, numbers: u8) -> Self {
        Self { to, next: 0, numbers, send_at: Instant::START }
    }
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } | Input::Timeout = input
            && self.next < self.numbers
        {
            out.send(self.to, &[self.next]);
            (self.next, self.send_at) = (self.next + 1, now + Duration::from_millis(10));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.send_at).filter(|_| self.next < self.numbers)
    }
}
