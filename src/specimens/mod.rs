//! Machines with one bug each, to try searches on.
//!
//! A specimen wraps or replaces a role of a system from outside: the systems know nothing of them. Most are the right
//! machine with something planted into it, some a small machine of their own where that says more. What none of the
//! systems does, such as a handshake or a window, [`protocols`] have.

mod election;
mod geocode;
mod greet;
mod hello_tcp;
mod hello_udp;
pub mod protocols;
mod tcp_chat;
mod tcp_deadlock;
mod tcp_sixteen;
pub mod udp_chat;
mod udp_local;
mod udp_remote;

use std::any::Any;

use crate::machine::{Input, Machine, Outbox};
use crate::scenario::Net;
use crate::systems::Options;
use crate::systems::udp_remote::seal::Key;
use crate::time::Instant;

/// The name of a system, and what builds it.
type System = (&'static str, fn(&Options) -> Net);

/// A bug that is planted into a system.
#[derive(Clone, Copy, Debug)]
pub struct Specimen {
    /// The system's name.
    pub system: &'static str,
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub what: &'static str,
    /// The smallest plan known that shows it, in its text form.
    pub plan: &'static str,
    /// Whether it takes requests with ids, and so brings them (udp-remote).
    pub ids: bool,
    /// Whether it takes sealed messages, and so brings a key (udp-remote).
    pub key: bool,
    /// Builds the right system.
    base: fn(&Options) -> Net,
    /// Has a role played wrongly.
    plant: fn(&Net, &Options),
}

impl Specimen {
    /// A bug of a system, with the smallest plan that is known to show it.
    const fn new(
        system: System,
        name: &'static str,
        what: &'static str,
        plan: &'static str,
        plant: fn(&Net, &Options),
    ) -> Self {
        let (system, base) = system;
        Self { system, name, what, plan, ids: false, key: false, base, plant }
    }

    /// The same with ids.
    const fn with_ids(self) -> Self {
        Self { ids: true, ..self }
    }

    /// The same with a key.
    const fn with_key(self) -> Self {
        Self { key: true, ..self }
    }

    /// The system with the bug in it.
    pub fn net(&self, options: &Options) -> Net {
        let net = self.right(options);
        (self.plant)(&net, &self.options(options));
        net
    }

    /// The same system without it.
    pub fn right(&self, options: &Options) -> Net {
        (self.base)(&self.options(options))
    }

    fn options(&self, options: &Options) -> Options {
        // Long enough for one.
        let own = || Key::new("the key of a specimen").ok().filter(|_| self.key);
        let key = options.key.clone().or_else(own);
        Options { ids: options.ids || self.ids, key, ..options.clone() }
    }
}

/// All of them, by system.
const ALL: &[&[Specimen]] = &[
    udp_local::ALL,
    udp_remote::ALL,
    tcp_sixteen::ALL,
    tcp_deadlock::ALL,
    greet::ALL,
    hello_tcp::ALL,
    hello_udp::ALL,
    tcp_chat::ALL,
    udp_chat::ALL,
    geocode::ALL,
    election::ALL,
    protocols::transfer::BUGS,
    protocols::link::BUGS,
    protocols::blocks::BUGS,
    protocols::credit::BUGS,
    protocols::lease::BUGS,
    protocols::beats::BUGS,
    protocols::storm::BUGS,
    #[cfg(feature = "segments")]
    protocols::upload::BUGS,
];

/// All specimens, by system.
pub fn all() -> impl Iterator<Item = &'static Specimen> {
    ALL.iter().copied().flatten()
}

/// The specimen of this name in this system.
pub fn find(system: &str, name: &str) -> Option<&'static Specimen> {
    all().find(|specimen| (specimen.system, specimen.name) == (system, name))
}

/// A right machine, each of whose inputs goes through a bug.
struct Planted<M, B> {
    right: M,
    bug: B,
    due_at: Option<Instant>,
}

/// Plants a bug into a machine: it is handed every input in the machine's place, passes on
/// what it likes, and says when the next timeout is due.
fn planted<M, B>(right: M, bug: B) -> Planted<M, B>
where
    M: Machine,
    B: FnMut(&mut M, Input<'_, M::Command>, Instant, &mut Outbox<M::Event>) -> Option<Instant> + 'static,
{
    Planted { right, bug, due_at: None }
}

/// Has a machine decode what each read brings by itself, so that a character which comes in two reads is lost.
fn decodes_each_read<M: Machine>(right: M) -> impl Machine<Command = M::Command, Event = M::Event> {
    planted(right, |right, input, now, out| {
        match input {
            Input::Received { conn, bytes } => {
                let text = String::from_utf8_lossy(bytes);
                out.pass_on(right, Input::Received { conn, bytes: text.as_bytes() }, now);
            }
            input => out.pass_on(right, input, now),
        }
        right.deadline()
    })
}

impl<M, B> Machine for Planted<M, B>
where
    M: Machine,
    B: FnMut(&mut M, Input<'_, M::Command>, Instant, &mut Outbox<M::Event>) -> Option<Instant> + 'static,
{
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        self.due_at = (self.bug)(&mut self.right, input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.due_at
    }

    fn shows(&self) -> Option<&dyn Any> {
        Some(&self.right)
    }
}
