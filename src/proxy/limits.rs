//! How much a proxy keeps at most, and how long it waits.

use std::time::Duration;

/// The most sources of datagrams that one pair of addresses serves at a time. One more takes the place of the source that
/// has been silent for longest.
pub const MAX_SOURCES: usize = 8_192;

/// The most streams that one pair of addresses relays at a time. One more is reset as soon as it is accepted.
pub const MAX_STREAMS: usize = 8_192;

/// How long a source of datagrams is remembered after its last one, in either direction.
pub const MAX_SILENCE: Duration = Duration::from_mins(2);

/// The most bytes of datagrams that are held back at a time, over all sources. What would be one more is lost.
pub const MAX_HELD_LEN: usize = 64 * 1024 * 1024;

/// How many bytes of one direction of a stream are held back before its sender has to wait.
pub const MAX_HELD_STREAM_LEN: usize = 256 * 1024;

/// The most faults that the plan of what happened has.
pub const MAX_FAULTS: usize = 1 << 18;

/// The most records that are kept of what passed.
pub const MAX_RECORDS: usize = 1 << 20;

/// The most bytes that are kept of what passed.
pub const MAX_RECORDED_LEN: usize = 64 * 1024 * 1024;

/// How much later than the bytes before it a piece of a stream leaves that a fault cuts off, and a reset, too: so that the
/// receiver has read what came first, if it reads at all.
pub const CUT_PAUSE: Duration = Duration::from_millis(20);

/// The same where a plan cuts a stream at regular distances.
pub const REGULAR_CUT_PAUSE: Duration = Duration::from_millis(5);

/// How many bytes of a stream are read at once.
pub(super) const MAX_CHUNK_LEN: usize = 256 * 1024;

/// How many batches of datagrams, or chunks of a stream, pass before others have their turn.
pub(super) const MAX_TURNS: u32 = 4;

/// How often it is looked for sources that have been silent for too long.
pub(super) const SWEEP: Duration = Duration::from_secs(5);
