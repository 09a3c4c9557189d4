//! The queues that several flows share, in a net.

use std::sync::Arc;

use super::Net;
use crate::fault::{Bottleneck, is_host_name};

impl Net {
    /// Puts a queue on the way of several flows: see the [guide](crate::guide::bottlenecks). A plan that has a bottleneck of
    /// this name has its own in the place of it.
    ///
    /// ```
    /// # use lossproof::{Input, Instant, Machine, Outbox};
    /// use lossproof::fault::{Bandwidth, Bottleneck, Discipline};
    /// use lossproof::scenario::Net;
    /// # struct Silent;
    /// # impl Machine for Silent {
    /// #     type Command = ();
    /// #     type Event = ();
    /// #     fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<()>) {}
    /// # }
    ///
    /// let net = Net::new("two clients");
    /// let server = net.host("server").udp(7).machine(|_| Silent);
    /// let [one, other] = ["one", "other"].map(|name| net.host(name).udp(0).machine(|_| Silent));
    /// let wan = Bottleneck::new("wan", Bandwidth::kilobits(1_000, 64 * 1024));
    /// net.bottleneck(wan.with(Discipline::Codel).direction(one, server).direction(other, server));
    /// ```
    ///
    /// # Panics
    /// If another bottleneck has this name, or it is none that a plan can hold. A run panics if a host is not of this net.
    pub fn bottleneck(&self, bottleneck: Bottleneck) {
        let name = bottleneck.name().to_owned();
        assert!(is_host_name(&name), "a bottleneck is named as a host may be, not {name:?}");
        self.with(|spec| {
            let is_new = spec.bottlenecks.iter().all(|other| other.name() != name);
            assert!(is_new, "two bottlenecks are called {name}");
            spec.bottlenecks.push(Arc::new(bottleneck));
        });
    }
}
