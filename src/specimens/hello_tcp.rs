//! Bugs of hello-tcp.

use super::{Bug, planted};
use crate::machine::{BoxedMachine, Input, Machine};
use crate::systems::hello_tcp::{Event, Server};

/// The server goes on thinking about a name when its connection is gone, and answers it: a write to a descriptor that is
/// closed, or worse, that is somebody else's by now.
const ANSWERS_THE_DEAD: &str = "answers-the-dead";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[Bug::new(
    ANSWERS_THE_DEAD,
    "a name is answered although its connection is gone",
    "client-1>server @6 reset",
)];

/// The server with the chosen bug, if there is one.
pub(in crate::systems) fn server(bug: Option<&str>, right: Server) -> BoxedMachine<(), Event> {
    if bug != Some(ANSWERS_THE_DEAD) {
        return Box::new(right);
    }
    planted(right, |right, input, now, out| {
        if !matches!(input, Input::Closed { .. }) {
            right.handle(input, now, out);
        }
        right.deadline()
    })
}
