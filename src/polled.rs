//! Machines in the poll style, as machines of this crate.
//!
//! Many protocols are written sans-IO with queues of their own: what happens is pushed in by `handle_*`, what is to be
//! done is pulled out by `poll_*`. The crate [`sansio`] has that style as a trait, [`Protocol`]. [`Polled`] makes a
//! [`Machine`] of one, so that it is searched, replayed and driven as any other. A machine with methods like these and
//! no trait is given the trait in a few lines: `tests/quinn` in this crate does so for the QUIC of `quinn-proto`.

use std::fmt;

use sansio::Protocol;

use crate::machine::{Input, Machine, Outbox, Status};
use crate::time::Instant;

/// How often a timer that is set to a moment in the past is served at one moment. Beyond, law 3 is broken.
pub const MAX_TIMEOUTS: u32 = 64;

/// What is polled out of a [`Protocol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<R, W, N, X> {
    /// From `poll_write`: a message for the network.
    Write(W),
    /// From `poll_read`: a message for the application.
    Read(R),
    /// From `poll_event`.
    Event(N),
    /// What a handler has refused.
    Error(X),
}

/// How moments of a run are those of a [`Protocol`], and back.
pub struct Clock<T> {
    there: Box<dyn Fn(Instant) -> T>,
    back: Box<dyn Fn(T) -> Instant>,
}

impl<T> Clock<T> {
    /// A clock by two functions, each the other's inverse: for ticks, or for a type of one's own.
    ///
    /// ```
    /// use lossproof::Instant;
    /// use lossproof::polled::Clock;
    ///
    /// let millis = Clock::new(|now| now.since_start().as_millis() as u64, Instant::from_millis);
    /// ```
    pub fn new(there: impl Fn(Instant) -> T + 'static, back: impl Fn(T) -> Instant + 'static) -> Self {
        Self { there: Box::new(there), back: Box::new(back) }
    }
}

impl Clock<Instant> {
    /// For a protocol that has the moments of this crate.
    pub fn own() -> Self {
        Self::new(|now| now, |at| at)
    }
}

impl Clock<std::time::Instant> {
    /// For a protocol that has the moments of the standard library: the run starts at `base`. Which moment that is does
    /// not matter to a protocol that is given all its moments; any will do.
    pub fn since(base: std::time::Instant) -> Self {
        let back = move |at: std::time::Instant| Instant::START + at.saturating_duration_since(base);
        Self::new(move |now| base + now.since_start(), back)
    }
}

impl Clock<()> {
    /// For a protocol without time.
    pub fn none() -> Self {
        Self::new(|_| (), |()| Instant::FAR_FUTURE)
    }
}

impl<T> fmt::Debug for Clock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Hands an input to a protocol.
type Feed<P, C, T, X> = Box<dyn FnMut(&mut P, Input<'_, C>, T) -> Result<(), X>>;
/// Does what was polled.
type Put<O, E> = Box<dyn FnMut(O, &mut Outbox<E>)>;

/// A [`Protocol`] as a [`Machine`].
///
/// After each input everything is polled until there is no more: first what is to be written, then what was read, then
/// events. A timeout that is not due is not handed on, one that leaves another due at the same moment is repeated. At
/// [`Input::Stop`] the protocol is closed, and the machine is done once all that it still says is out.
///
/// ```
/// use std::collections::VecDeque;
///
/// use lossproof::polled::{Clock, Output, Polled};
/// use lossproof::{Binding, Input, Peer, Scenario};
/// use sansio::Protocol;
///
/// /// Says everything back in capitals.
/// #[derive(Default)]
/// struct Louder(VecDeque<(Peer, Vec<u8>)>);
///
/// impl Protocol<(Peer, Vec<u8>), (), ()> for Louder {
///     type Rout = ();
///     type Wout = (Peer, Vec<u8>);
///     type Eout = ();
///     type Error = ();
///     type Time = ();
///
///     fn handle_read(&mut self, (peer, bytes): (Peer, Vec<u8>)) -> Result<(), ()> {
///         self.0.push_back((peer, bytes.to_ascii_uppercase()));
///         Ok(())
///     }
///     fn poll_read(&mut self) -> Option<()> {
///         None
///     }
///     fn handle_write(&mut self, (): ()) -> Result<(), ()> {
///         Ok(())
///     }
///     fn poll_write(&mut self) -> Option<(Peer, Vec<u8>)> {
///         self.0.pop_front()
///     }
/// }
///
/// let mut scenario: Scenario<(), ()> = Scenario::new("louder");
/// scenario.host("server", Binding::datagram(1060), |_| {
///     Box::new(Polled::new(
///         Louder::default(),
///         Clock::none(),
///         |protocol, input, ()| match input {
///             Input::Datagram { peer, bytes } => protocol.handle_read((peer, bytes.to_vec())),
///             _ => Ok(()),
///         },
///         |output, out| {
///             if let Output::Write((peer, bytes)) = output {
///                 out.send(peer, &bytes);
///             }
///         },
///     ))
/// });
/// ```
pub struct Polled<P, R, W, N, C, E>
where
    P: Protocol<R, W, N>,
{
    protocol: P,
    clock: Clock<P::Time>,
    feed: Feed<P, C, P::Time, P::Error>,
    put: Put<OutputOf<P, R, W, N>, E>,
    deadline: Option<Instant>,
}

/// What is polled out of this protocol.
pub type OutputOf<P, R, W, N> = Output<
    <P as Protocol<R, W, N>>::Rout,
    <P as Protocol<R, W, N>>::Wout,
    <P as Protocol<R, W, N>>::Eout,
    <P as Protocol<R, W, N>>::Error,
>;

impl<P: Protocol<R, W, N>, R, W, N, C, E> Polled<P, R, W, N, C, E> {
    /// A machine of a protocol.
    ///
    /// `feed` hands it each input with the moment: a datagram by `handle_read`, a command by `handle_write` or
    /// `handle_event`. Timeouts and stops do not come to it. `put` does what was polled: a message that is to be written
    /// is sent, one that was read becomes an event, an error as well, or whatever else it should be.
    pub fn new(
        protocol: P,
        clock: Clock<P::Time>,
        feed: impl FnMut(&mut P, Input<'_, C>, P::Time) -> Result<(), P::Error> + 'static,
        put: impl FnMut(OutputOf<P, R, W, N>, &mut Outbox<E>) + 'static,
    ) -> Self {
        Self { protocol, clock, feed: Box::new(feed), put: Box::new(put), deadline: None }
    }

    /// The protocol inside.
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Polls until there is no more.
    fn settle(&mut self, handled: Result<(), P::Error>, out: &mut Outbox<E>) {
        let mut error = handled.err();
        while !out.is_done() {
            let protocol = &mut self.protocol;
            let output = error.take().map(Output::Error);
            let output = output.or_else(|| protocol.poll_write().map(Output::Write));
            let output = output.or_else(|| protocol.poll_read().map(Output::Read));
            let Some(output) = output.or_else(|| protocol.poll_event().map(Output::Event)) else { break };
            (self.put)(output, out);
        }
        self.deadline = self.protocol.poll_timeout().map(&self.clock.back);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|due_at| due_at <= now)
    }
}

impl<P, R, W, N, C, E> Machine for Polled<P, R, W, N, C, E>
where
    P: Protocol<R, W, N>,
    C: Clone,
    E: PartialEq + fmt::Debug,
{
    type Command = C;
    type Event = E;

    fn handle(&mut self, input: Input<'_, C>, now: Instant, out: &mut Outbox<E>) {
        match input {
            Input::Timeout => {
                for _ in 0..MAX_TIMEOUTS {
                    if !self.is_due(now) || out.is_done() {
                        break;
                    }
                    let handled = self.protocol.handle_timeout((self.clock.there)(now));
                    self.settle(handled, out);
                }
            }
            Input::Stop => {
                let handled = self.protocol.close();
                self.settle(handled, out);
                if !out.is_done() {
                    out.done(Status::Success);
                }
            }
            input => {
                let handled = (self.feed)(&mut self.protocol, input, (self.clock.there)(now));
                self.settle(handled, out);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl<P: Protocol<R, W, N> + fmt::Debug, R, W, N, C, E> fmt::Debug for Polled<P, R, W, N, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled")
            .field("protocol", &self.protocol)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
