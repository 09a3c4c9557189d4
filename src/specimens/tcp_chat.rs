//! A bug of tcp-chat.

use super::{Specimen, decodes_each_read};
use crate::systems::tcp_chat::{self, Client};

/// A member decodes what each read brings. What it hears it tells as it comes, so events may depend on the reads, and
/// law 4 has nothing to say: a character must really be cut.
const DECODES_EACH_READ: &str = "decodes-each-read";

/// All of them.
pub(super) const ALL: &[Specimen] = &[Specimen::new(
    (tcp_chat::ABOUT.name, tcp_chat::net),
    DECODES_EACH_READ,
    "a member decodes each read by itself, and characters are cut",
    "server>client-1 @20 cut",
    |net, _| {
        for member in ["client-1", "client-2", "client-3"] {
            net.wrap(net.find::<Client>(member), |_, right| decodes_each_read(right));
        }
    },
)];
