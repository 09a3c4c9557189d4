//! What befalls hosts, as far as it is the world's to do.

use super::{Event, World};
use crate::host::HostId;
use crate::machine::Effects;
use crate::network::GoesDown;
use crate::time::Instant;

impl World<'_> {
    /// What befalls a host at one of its inputs: whether it goes down, and after which of the effects.
    pub(super) fn befall(
        &mut self,
        now: Instant,
        host: HostId,
        is_recv: bool,
        effects: &Effects,
    ) -> Option<GoesDown> {
        let down = self.network.befall(now, host, is_recv, effects);
        self.enqueue_later();
        down
    }

    /// What befalls a host whose machine has ended.
    pub(super) fn ended(&mut self, now: Instant, host: HostId) {
        self.network.ended(now, host);
        self.enqueue_later();
    }

    fn enqueue_later(&mut self) {
        for (place, order) in self.network.take_later() {
            self.queue.push(order, Event::Drawn(place));
        }
    }

    /// A host's machine has ended: the system closes its streams in good order.
    pub(crate) fn exit(&mut self, now: Instant, host: HostId) {
        self.network.exit(now, host);
        #[cfg(feature = "segments")]
        self.with_segments(now, |ends| ends.exit(now, host));
        self.record_marks(now, host);
        self.enqueue_segments();
    }

    /// A host goes silent.
    pub(super) fn poweroff(&mut self, host: HostId) {
        self.network.poweroff(host);
        #[cfg(feature = "segments")]
        if let Some(ends) = &mut self.tcp {
            ends.poweroff(host);
        }
    }

    /// A host's process dies.
    pub(super) fn crash(&mut self, now: Instant, host: HostId) {
        self.network.crash(now, host);
        #[cfg(feature = "segments")]
        self.with_segments(now, |ends| ends.crash(host));
        self.record_marks(now, host);
        self.enqueue_segments();
    }

    /// Puts what streams have sent into the queue.
    #[inline]
    #[cfg_attr(not(feature = "segments"), expect(unused_variables, reason = "the model knows when"))]
    pub(super) fn enqueue_streams(&mut self, now: Instant) {
        self.enqueue_segments();
        #[cfg(feature = "segments")]
        if self.has_segments() {
            self.send_segments(now);
        }
    }

    /// Whether streams are made of segments: smoltcp's sockets cannot be compared.
    #[cfg_attr(
        not(feature = "segments"),
        expect(clippy::unused_self, reason = "without the feature there are none")
    )]
    pub(crate) const fn has_segments(&self) -> bool {
        #[cfg(feature = "segments")]
        return self.tcp.is_some();
        #[cfg(not(feature = "segments"))]
        false
    }
}
