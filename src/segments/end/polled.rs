//! How an end is polled, and what smoltcp's sockets do not hear.

use smoltcp::socket::tcp::State;

use super::End;
use crate::machine::limits;
use crate::segments::TIME_WAIT;
use crate::segments::wire::{Line, ack_number, bare_ack, tick};
use crate::time::Instant;

/// In units of how many bytes windows are told: 16 bits are to say how long a whole buffer is (RFC 7323, 2.3).
const WINDOW_UNIT: usize = 2;
const _: () = assert!(limits::SEND_BUFFER_LEN / WINDOW_UNIT <= u16::MAX as usize);

impl End {
    /// Hands a packet to the socket, if there is one, and lets it send.
    pub(in crate::segments) fn poll(
        &mut self,
        now: Instant,
        (packet, mtu): (Option<&[u8]>, u16),
        sent: &mut Vec<Vec<u8>>,
    ) {
        if packet.is_none() && self.is_rested(now) {
            // smoltcp would forget what is unread.
            return;
        }
        self.stirred = false;
        let was_resting = self.state() == State::TimeWait;
        let (mut poll, sent_len) = (packet, sent.len());
        if let Some((ack, is_all)) = packet.and_then(|packet| self.unheard_ack(packet)) {
            self.poll_socket(now, (Some(&ack), mtu), sent);
            poll = packet.filter(|_| !is_all);
        }
        self.poll_socket(now, (poll, mtu), sent);
        self.acked_to = sent[sent_len..].iter().rev().find_map(|packet| ack_number(packet)).or(self.acked_to);
        if self.state() == State::TimeWait && (packet.is_some() || !was_resting) {
            self.rests_until = now + TIME_WAIT;
        }
        if packet.is_some() || !self.awaited {
            self.heard_at = now;
        }
        self.awaited = self.awaits_ack();
    }

    fn poll_socket(&mut self, now: Instant, (packet, mtu): (Option<&[u8]>, u16), sent: &mut Vec<Vec<u8>>) {
        let mut line = Line { mtu, incoming: packet, outgoing: sent };
        self.interface.poll(tick(now), &mut line, &mut self.sockets);
    }

    /// Whether the window that it offers is closed.
    pub(in crate::segments) fn is_closed(&self) -> bool {
        self.socket().recv_capacity() - self.socket().recv_queue() < WINDOW_UNIT
    }

    /// The acknowledgement in a packet that the socket would not look at, and whether that is all of the packet.
    ///
    /// Where a window is closed, no segment is acceptable but an empty one that is the next. Yet acknowledgements and
    /// windows in others have to be taken (RFC 9293, 3.10.7.4), and smoltcp does not. Two ends whose windows are both
    /// closed would else never hear what has arrived at the other one.
    fn unheard_ack(&self, packet: &[u8]) -> Option<(Vec<u8>, bool)> {
        let is_over = matches!(self.state(), State::Closed | State::TimeWait);
        let next = self.acked_to.filter(|_| !is_over && self.is_closed())?;
        bare_ack(packet, next)
    }

    /// Whether the end waits for an acknowledgement.
    pub(super) fn awaits_ack(&self) -> bool {
        let is_shut = || {
            use State::{Closing, FinWait1, LastAck, SynReceived, SynSent};
            matches!(self.state(), SynSent | SynReceived | FinWait1 | Closing | LastAck)
        };
        self.socket().send_queue() > 0 || is_shut()
    }
}
