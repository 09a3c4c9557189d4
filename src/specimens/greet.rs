//! Bugs of greet.

use super::{Specimen, decodes_each_read};
use crate::systems::greet::{self, Client};

/// The client decodes what each read brings, so a character that comes in two reads is lost: the original's
/// `recv(1024).decode()`.
const DECODES_EACH_READ: &str = "decodes-each-read";

/// All of them.
pub(super) const ALL: &[Specimen] = &[Specimen::new(
    (greet::ABOUT.name, greet::net),
    DECODES_EACH_READ,
    "each read is decoded by itself, and characters are cut",
    "",
    |net, _| {
        for name in ["client-1", "client-2"] {
            net.wrap(net.find::<Client>(name), |_, right| decodes_each_read(right));
        }
    },
)];
