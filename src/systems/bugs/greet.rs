//! Bugs of greet.

use super::{Bug, planted};
use crate::machine::{BoxedMachine, Input, Machine};
use crate::systems::greet::{Client, Event};

/// The client decodes what each read brings, so a character that comes in two reads is lost: the original's
/// `recv(1024).decode()`.
const DECODES_EACH_READ: &str = "decodes-each-read";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] =
    &[Bug::new(DECODES_EACH_READ, "each read is decoded by itself, and characters are cut", "")];

/// The client with the chosen bug, if there is one.
pub(in crate::systems) fn client(bug: Option<&str>, right: Client) -> BoxedMachine<(), Event> {
    if bug != Some(DECODES_EACH_READ) {
        return Box::new(right);
    }
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
