//! Bugs of tcp-chat.

use super::{Bug, decodes_each_read};
use crate::machine::BoxedMachine;
use crate::systems::tcp_chat::{Client, Command, Event};

/// A member decodes what each read brings. What it hears it tells as it comes, so events may depend on the reads, and
/// law 4 has nothing to say: a character must really be cut.
const DECODES_EACH_READ: &str = "decodes-each-read";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[Bug::planned(
    DECODES_EACH_READ,
    "a member decodes each read by itself, and characters are cut",
    "server>client-1 @20 cut",
)];

/// The client with the chosen bug, if there is one.
pub(in crate::systems) fn client(bug: Option<&str>, right: Client) -> BoxedMachine<Command, Event> {
    if bug != Some(DECODES_EACH_READ) {
        return Box::new(right);
    }
    decodes_each_read(right)
}
