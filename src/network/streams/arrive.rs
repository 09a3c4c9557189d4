//! What happens to a segment that arrives.

use std::mem;

use super::{Delivery, Segment, Standing, StreamEnd};
use crate::machine::{CloseReason, ConnectError, limits};
use crate::network::{Network, Order, Power};
use crate::time::Instant;

/// What arrives.
impl Network {
    /// Takes a segment that is due, and says what the world has to do.
    pub(crate) fn arrive(
        &mut self,
        order: Order,
        at: StreamEnd,
        segment: Segment,
        power: Power,
    ) -> Option<Delivery> {
        let now = order.at();
        if power == Power::Off {
            let missed = matches!(segment, Segment::Data { .. } | Segment::Fin | Segment::Ack);
            self.streams.end_mut(at).missed |= missed;
            return discard(segment);
        }
        match segment {
            Segment::Syn => self.arrive_syn(now, at, power),
            Segment::SynAck => self.arrive_syn_ack(now, at),
            Segment::Ack => self.arrive_ack(now, at, power),
            Segment::Failed(reason) => {
                let dialing = self.streams.end(at).standing == Standing::Dialing;
                self.streams.end_mut(at).standing = Standing::Gone;
                dialing.then_some(Delivery::Failed(reason))
            }
            Segment::Data { .. } | Segment::Fin => self.arrive_in_line(order, at, segment),
            Segment::Rst => self.arrive_over(at, CloseReason::Reset),
            Segment::Credit(len) => {
                (self.streams.end(at).standing == Standing::Open).then_some(Delivery::Credit(len))
            }
            Segment::Over(reason) => {
                self.streams.end_mut(at).standing = Standing::Open;
                self.arrive_over(at, reason)
            }
            Segment::LingerOver => match self.streams.end(at).standing {
                Standing::Lingering { .. } if !self.streams.end(at).finishing => {
                    self.reset_peer(now, at);
                    Some(Delivery::Closed(CloseReason::LingerExpired))
                }
                _ => None,
            },
        }
    }

    fn arrive_syn(&mut self, now: Instant, at: StreamEnd, power: Power) -> Option<Delivery> {
        let port = self.streams.all[at.stream as usize].ports[1];
        let host = self.streams.host(at);
        if power == Power::Running && self.streams.listeners[host.index()] == Some(port) {
            self.send_to_peer(now, at, Segment::SynAck);
        } else {
            self.streams.end_mut(at).standing = Standing::Gone;
            self.send_to_peer(now, at, Segment::Failed(ConnectError::Refused));
        }
        None
    }

    fn arrive_syn_ack(&mut self, now: Instant, at: StreamEnd) -> Option<Delivery> {
        if self.streams.end(at).standing != Standing::Dialing {
            self.send_to_peer(now, at, Segment::Rst);
            return None;
        }
        self.streams.end_mut(at).standing = Standing::Open;
        self.send_to_peer(now, at, Segment::Ack);
        Some(Delivery::Connected)
    }

    fn arrive_ack(&mut self, now: Instant, at: StreamEnd, power: Power) -> Option<Delivery> {
        if self.streams.end(at).standing != Standing::Dialing || power != Power::Running {
            self.reset_peer(now, at);
            return None;
        }
        self.streams.end_mut(at).standing = Standing::Open;
        Some(Delivery::Accepted)
    }

    /// What waits while the end is paused.
    fn arrive_in_line(&mut self, order: Order, at: StreamEnd, segment: Segment) -> Option<Delivery> {
        let (now, end) = (order.at(), self.streams.end(at));
        if end.standing == Standing::Open && end.paused {
            self.streams.hold(at, order, segment);
            return None;
        }
        self.streams.unhold(at, order);
        let delivery = match segment {
            Segment::Data { offset, len } => self.arrive_data(now, at, offset, len),
            _ => self.arrive_fin(now, at),
        };
        self.release(now, at);
        delivery
    }

    fn arrive_data(&mut self, now: Instant, at: StreamEnd, offset: u64, len: u32) -> Option<Delivery> {
        let end = self.streams.end_mut(at);
        match end.standing {
            Standing::Open => {
                self.send_credit(now, at, len);
                Some(Delivery::Data { offset, len })
            }
            Standing::Lingering { discarded_len } => {
                let discarded_len = discarded_len + u64::from(len);
                end.standing = Standing::Lingering { discarded_len };
                if discarded_len > limits::MAX_LINGER_LEN {
                    self.reset_peer(now, at);
                    self.send_to_self(now, at, Segment::Over(CloseReason::LingerExpired));
                } else {
                    self.send_credit(now, at, len);
                }
                Some(Delivery::Discard(len))
            }
            Standing::Dialing | Standing::Gone => {
                self.reset_peer(now, at);
                Some(Delivery::Discard(len))
            }
        }
    }

    fn arrive_fin(&mut self, now: Instant, at: StreamEnd) -> Option<Delivery> {
        let end = self.streams.end_mut(at);
        match end.standing {
            Standing::Open => {
                end.eof_seen = true;
                self.finish_if_both_ended(now, at);
                Some(Delivery::Eof)
            }
            Standing::Lingering { .. } => {
                end.eof_seen = true;
                self.finish_if_both_ended(now, at);
                None
            }
            // The system was off meanwhile, and knows nothing of the connection any more.
            Standing::Gone if !end.fin_sent => {
                self.reset_peer(now, at);
                None
            }
            Standing::Dialing | Standing::Gone => None,
        }
    }

    fn arrive_over(&mut self, at: StreamEnd, reason: CloseReason) -> Option<Delivery> {
        let end = self.streams.end_mut(at);
        end.severed = true;
        end.drop_held();
        match mem::replace(&mut end.standing, Standing::Gone) {
            Standing::Gone => None,
            Standing::Dialing => Some(Delivery::Failed(ConnectError::Refused)),
            Standing::Open | Standing::Lingering { .. } => Some(Delivery::Closed(reason)),
        }
    }
}

const fn discard(segment: Segment) -> Option<Delivery> {
    match segment {
        Segment::Data { len, .. } => Some(Delivery::Discard(len)),
        _ => None,
    }
}
