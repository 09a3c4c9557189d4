//! Bugs of greet.

use super::{Bug, decodes_each_read};
use crate::machine::BoxedMachine;
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
    decodes_each_read(right)
}
