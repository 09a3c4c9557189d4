//! A bug of hello-tcp.

use super::{Specimen, planted};
use crate::machine::{Input, Machine};
use crate::systems::hello_tcp::{self, Server, ServerEvent};

/// The server goes on thinking about a name when its connection is gone, and answers it: a write to a descriptor that is
/// closed, or worse, that is somebody else's by now.
const ANSWERS_THE_DEAD: &str = "answers-the-dead";

/// All of them.
pub(super) const ALL: &[Specimen] = &[Specimen::new(
    (hello_tcp::ABOUT.name, hello_tcp::net),
    ANSWERS_THE_DEAD,
    "a name is answered although its connection is gone",
    "client-1>server @6 reset",
    |net, _| net.wrap(net.find::<Server>("server"), |_, right| answers_the_dead(right)),
)];

fn answers_the_dead(right: Server) -> impl Machine<Command = (), Event = ServerEvent> {
    planted(right, |right, input, now, out| {
        if !matches!(input, Input::Closed { .. }) {
            out.pass_on(right, input, now);
        }
        right.deadline()
    })
}
