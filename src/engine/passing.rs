//! Segments that pass NATs.

use super::moves::Owner;
use super::paths::Route;
use super::{Event, Keep, Order, World};
use crate::host::HostId;
use crate::machine::{Marked, Peer};
use crate::nat::{self, Transport};
use crate::segments::{ip_header_len, sequence_number};
use crate::time::Instant;
use crate::transcript::What;

impl World<'_> {
    /// Hands a packet to the network where a NAT may be on its way.
    #[cold]
    pub(super) fn transmit_by_paths(
        &mut self,
        now: Instant,
        [from, to]: [HostId; 2],
        [local, peer]: [Peer; 2],
        mut bytes: Vec<u8>,
    ) {
        // Nobody has the address that a host had before it moved.
        let is_gone = [local, peer].iter().any(|at| self.moves.owner(at) == Owner::Nobody);
        let route = if is_gone {
            Route::Nowhere
        } else {
            self.route(now, from, [local, peer], Some(nat::flags(&bytes)))
        };
        match route {
            Route::To(to, source) => {
                if source != local {
                    nat::translate(&mut bytes, source, true);
                    self.adopt([local, peer], source, &bytes);
                }
                let departure = self.network.segment(now, from, to, &bytes[ip_header_len(&bytes)..]);
                self.depart(now, [from, to], [source, peer], (&departure, &bytes));
            }
            Route::Dies(nat, to, why) => {
                let departure = self.network.stopped(from, to);
                self.depart(now, [from, to], [local, peer], (&departure, &bytes));
                self.record(now, nat, What::Dropped { from, to, n: departure.n, why });
            }
            Route::Nowhere => {
                let departure = self.network.stopped(from, to);
                self.depart(now, [from, to], [local, peer], (&departure, &bytes));
            }
        }
    }

    /// What is known of a connection holds for the address, too, that a NAT has given it.
    fn adopt(&mut self, [local, peer]: [Peer; 2], outer: Peer, packet: &[u8]) {
        let Some(tcp) = &mut self.tcp else { return };
        tcp.ends.adopt([local, peer], outer);
        if self.keep != Keep::Log {
            return;
        }
        tcp.first.extend(sequence_number(packet).map(|number| ([local, peer], number)));
        self.adopt_first([local, peer], [outer, peer]);
        self.adopt_first([peer, local], [peer, outer]);
    }

    /// A direction began with the same number as it did between other addresses, if that is known.
    fn adopt_first(&mut self, known: [Peer; 2], other: [Peer; 2]) {
        if let Some(tcp) = &mut self.tcp
            && let Some(first) = tcp.first.get(&known)
        {
            tcp.first.insert(other, *first);
        }
    }

    /// A packet may have come to a NAT: whether that has let it in, so that it is due again at who gets it, or has not.
    pub(super) fn packet_passes_nat(&mut self, order: Order, flight: u32) -> bool {
        let now = order.at();
        let kept = self.flights.get(flight);
        let (from, n, source, to) = (kept.from, kept.n, kept.source, kept.to);
        let nats = &self.network.nats;
        let Some(nat) = self.host_now_at(&to).filter(|host| nats.is_nat(*host)) else { return false };
        let port = to.port().unwrap_or(0);
        let gets = nats.inward(nat, now, (Transport::Tcp, port), source);
        let mut bytes = self.flights.take_bytes(flight);
        match gets {
            Ok((host, inside)) => {
                self.network.nats.came_in(nat, now, port, (source, nat::flags(&bytes)));
                // Whoever has moved away has left its NAT, which does not know.
                if self.moves.owner(&inside) != Owner::Nobody {
                    self.adopt_first([source, to], [source, inside]);
                    nat::translate(&mut bytes, inside, false);
                    let onward = self.flights.store((from, n), [&source, &inside], Marked::plain(&bytes));
                    self.queue.push(order.moved_on(host), Event::Packet(onward));
                }
            }
            Err(why) => self.record(now, nat, What::Dropped { from, to: order.host(), n, why }),
        }
        self.flights.give_back(flight, bytes);
        true
    }
}
