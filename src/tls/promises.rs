//! What a machine with TLS around it promises.

use crate::lawful::{Cuts, Promises};
use crate::machine::limits;

/// The shortest record with something in it: the header, one byte, and what TLS 1.3 adds to it (RFC 8446 section 5.2).
const MIN_RECORD_LEN: usize = 5 + 1 + 17;
/// How many records one read brings at most.
const MAX_RECORDS: usize = limits::MAX_READ_LEN / MIN_RECORD_LEN + 1;
/// How many messages TLS adds of its own to those that an input of the machine inside causes: answers, the end, and what had
/// waited for room, which is two.
const OWN_MESSAGES: usize = 4;
/// How many bytes these have: less than the longest handshake, beside what had waited.
const OWN_LEN: usize = 2 * limits::SEND_BUFFER_LEN;

/// What a machine promises with TLS around it that promises this by itself: one read may bring many records, each of which is
/// an input of the machine inside. Its records decide what it gets, so nothing depends on cuts.
#[must_use]
pub fn promises(inside: Promises) -> Promises {
    let (messages, bytes_len) =
        (inside.max_messages + OWN_MESSAGES, inside.max_bytes.saturating_mul(2) + OWN_LEN);
    inside
        .max_messages(messages.saturating_mul(MAX_RECORDS))
        .max_bytes(bytes_len.saturating_mul(MAX_RECORDS))
        .cuts(Cuts::Free)
}
