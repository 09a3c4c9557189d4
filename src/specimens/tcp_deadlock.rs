//! A bug of tcp-deadlock.

use super::{Specimen, planted};
use crate::machine::{Effect, Input, Machine};
use crate::systems::tcp_deadlock::{self, Client, ClientEvent};

/// The original's way: everything is written before anything is read.
const WRITES_BEFORE_READING: &str = "writes-before-reading";

/// All of them.
pub(super) const ALL: &[Specimen] = &[Specimen::new(
    (tcp_deadlock::ABOUT.name, tcp_deadlock::net),
    WRITES_BEFORE_READING,
    "everything is written before anything is read",
    "",
    |net, _| net.wrap(net.find::<Client>("client"), |_, right| writes_before_reading(right)),
)];

fn writes_before_reading(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    planted(right, |right, input, now, out| {
        let before = out.len();
        match input {
            Input::Connected { conn, .. } => {
                right.connected(conn, now, out);
                out.pause(conn);
                right.send(now, out);
            }
            input => out.pass_on(right, input, now),
        }
        let written = out.from(before).find_map(|effect| match effect {
            Effect::Shutdown { conn } => Some(conn),
            _ => None,
        });
        if let Some(conn) = written {
            out.resume(conn);
        }
        right.deadline()
    })
}
