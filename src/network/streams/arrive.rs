//! What happens to a segment that arrives.

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
        self.free_slots();
        self.streams.unqueue(at);
        if power == Power::Off {
            match segment {
                Segment::Syn => self.arrive_syn(now, at, power),
                Segment::Data { .. } | Segment::Fin | Segment::Ack => self.streams.miss(at),
                _ => {}
            }
            return discard(segment);
        }
        match segment {
            Segment::Syn => {
                self.arrive_syn(now, at, power);
                None
            }
            Segment::SynAck => self.arrive_syn_ack(now, at),
            Segment::Ack => self.arrive_ack(now, at, power),
            Segment::Failed(reason) => self.arrive_failed(at, reason),
            Segment::Data { .. } | Segment::Fin => self.arrive_in_line(order, at, segment),
            Segment::Rst => self.arrive_rst(at),
            Segment::Credit(len) => {
                (self.streams.end(at).standing == Standing::Open).then_some(Delivery::Credit(len))
            }
            Segment::Over(reason) => {
                self.streams.end_mut(at).severed = true;
                self.streams.gone(at);
                Some(Delivery::Closed(reason))
            }
            Segment::LingerOver => match self.streams.end(at).standing {
                Standing::Lingering { .. } if !self.streams.end(at).finishing => {
                    self.leave_peer(now, at);
                    Some(Delivery::Closed(CloseReason::LingerExpired))
                }
                _ => None,
            },
        }
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
            Segment::Data { offset, len } => Some(self.arrive_data(now, at, offset, len)),
            _ => self.arrive_fin(now, at),
        };
        self.release(now, at);
        self.streams.check_held(at);
        delivery
    }

    fn arrive_data(&mut self, now: Instant, at: StreamEnd, offset: u64, len: u32) -> Delivery {
        let end = self.streams.end_mut(at);
        match end.standing {
            Standing::Open => {
                self.send_credit(now, at, len);
                Delivery::Data { offset, len }
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
                Delivery::Discard(len)
            }
            Standing::Dialing | Standing::Gone => {
                self.reset_peer(now, at);
                Delivery::Discard(len)
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

    fn arrive_rst(&mut self, at: StreamEnd) -> Option<Delivery> {
        let end = self.streams.end_mut(at);
        end.severed = true;
        let standing = end.standing;
        self.streams.gone(at);
        match standing {
            Standing::Gone => None,
            // An acceptor that does not stand yet has nobody to tell.
            Standing::Dialing => (at.side == 0).then_some(Delivery::Failed(ConnectError::Refused)),
            Standing::Open | Standing::Lingering { .. } => Some(Delivery::Closed(CloseReason::Reset)),
        }
    }
}

const fn discard(segment: Segment) -> Option<Delivery> {
    match segment {
        Segment::Data { len, .. } => Some(Delivery::Discard(len)),
        _ => None,
    }
}
