//! Machines with one bug each, to try searches on.
//!
//! Each is a right machine with something planted into it, or a small machine of its own where that says more. What they
//! do is wrong on purpose; [`Options::bug`](super::Options::bug) chooses one by its name.

pub(super) mod greet;
pub(super) mod hello_tcp;
pub(super) mod hello_udp;
pub(super) mod tcp_chat;
pub(super) mod tcp_sixteen;
pub(super) mod udp_chat;
pub(super) mod udp_local;
pub(super) mod udp_remote;

use crate::fault::Chance;
use crate::machine::{BoxedMachine, Input, Machine, Outbox};
use crate::time::Instant;

/// A bug that can be planted into a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bug {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub what: &'static str,
    /// The smallest plan known that shows it, in its text form.
    pub plan: &'static str,
    /// How likely datagrams are to come twice, for it to show where faults are drawn.
    pub duplicate: Chance,
    /// Whether it shows where faults are drawn at all, and not only in the runs of a plan.
    pub is_drawn: bool,
    /// Whether it takes requests with ids, and so brings them (udp-remote).
    pub ids: bool,
}

impl Bug {
    /// A bug that shows with no faults, or where enough is lost.
    pub const fn new(name: &'static str, what: &'static str, plan: &'static str) -> Self {
        Self { name, what, plan, duplicate: Chance::NEVER, is_drawn: true, ids: false }
    }

    /// A bug that shows only where datagrams come twice.
    const fn doubled(name: &'static str, what: &'static str, plan: &'static str) -> Self {
        Self { duplicate: Chance::percent(10), ..Self::new(name, what, plan) }
    }

    /// The same with ids.
    const fn with_ids(self) -> Self {
        Self { ids: true, ..self }
    }

    /// A bug that shows only in the runs of a plan.
    const fn planned(name: &'static str, what: &'static str, plan: &'static str) -> Self {
        Self { is_drawn: false, ..Self::new(name, what, plan) }
    }
}

/// A right machine, each of whose inputs goes through a bug.
struct Planted<M, B> {
    right: M,
    bug: B,
    due_at: Option<Instant>,
}

/// Plants a bug into a machine: it is handed every input in the machine's place, and says when the next timeout is due.
fn planted<M, B>(right: M, bug: B) -> BoxedMachine<M::Command, M::Event>
where
    M: Machine + 'static,
    B: FnMut(&mut M, Input<'_, M::Command>, Instant, &mut Outbox<M::Event>) -> Option<Instant> + 'static,
{
    Box::new(Planted { right, bug, due_at: None })
}

/// Has a machine decode what each read brings by itself, so that a character which comes in two reads is lost.
fn decodes_each_read<M: Machine + 'static>(right: M) -> BoxedMachine<M::Command, M::Event> {
    planted(right, |right, input, now, out| {
        match input {
            Input::Received { conn, bytes } => {
                let text = String::from_utf8_lossy(bytes);
                right.handle(Input::Received { conn, bytes: text.as_bytes() }, now, out);
            }
            input => right.handle(input, now, out),
        }
        right.deadline()
    })
}

impl<M, B> Machine for Planted<M, B>
where
    M: Machine,
    B: FnMut(&mut M, Input<'_, M::Command>, Instant, &mut Outbox<M::Event>) -> Option<Instant>,
{
    type Command = M::Command;
    type Event = M::Event;

    fn handle(&mut self, input: Input<'_, M::Command>, now: Instant, out: &mut Outbox<M::Event>) {
        self.due_at = (self.bug)(&mut self.right, input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.due_at
    }
}
