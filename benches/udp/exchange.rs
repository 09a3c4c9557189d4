//! The requests, and the answers that they must have.

use std::io::Write as _;

/// A request and its reply.
pub(crate) struct Exchange {
    pub(crate) request: &'static [u8],
    pub(crate) reply: &'static [u8],
}

/// What udp-local's client says.
pub(crate) const LOCAL: Exchange =
    Exchange { request: b"The time is 2026-01-01 00:00:00.000000", reply: b"Your data was 38 bytes long" };

/// What udp-local answers.
pub(crate) fn local_reply(request: &[u8], reply: &mut Vec<u8>) {
    write!(reply, "Your data was {} bytes long", request.len()).expect("a vector takes all");
}
