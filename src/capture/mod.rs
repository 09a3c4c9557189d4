//! Transcripts as captures of packets, which Wireshark and its kin show, and captures read.
//!
//! [`export`] writes pcapng with real Ethernet, IP, UDP, TCP and ICMP packets: right checksums, right sequence numbers,
//! virtual time in nanoseconds since the start of the run, and the hosts' names. [`read`] reads pcapng and pcap, of whatever
//! origin. [`explain`] finds the faults with which a scenario's run sends what was captured.
//!
//! # Where it is captured
//!
//! Every packet is captured once, as it leaves its sender. So it is whole and unaltered, and what the network then does
//! to it stands in its comment: `lost: client>server #0 drop`. What the network itself makes is captured at that
//! moment, too: the copy of a datagram, and the resets that a fault sends to both sides.
//!
//! A stream is reliable here as it is for its users: its segments are never lost, so that there is no retransmission.
//! One write is one segment, because no link has an MTU; it is split where a fault cuts it, and where IP cannot carry
//! more. Its bytes are acknowledged once the peer's machine took them, as the send buffer counts them. So a machine
//! that does not read shows as a full window.
//!
//! Unix sockets have no packets. A capture leaves out what goes through them, and its file says how much that is.

mod comments;
mod container;
mod explain;
mod export;
mod frame;
mod link;
mod read;
mod streams;

pub use explain::{ExplainError, Explained, Flow, explain};
#[cfg(feature = "cli")]
pub(crate) use explain::{Lane, Lanes, found, listed, seen};
pub use export::{export, left_out};
pub use link::{Direction, FittedLink, LinkError, Measured, Told, fit_link};
#[cfg(feature = "cli")]
pub(crate) use read::sniff;
pub use read::{Capture, CaptureError, Frame, MAX_CAPTURE_LEN, Note, Payload, read};

/// The line of the section's comment that has what makes the run again begins with this.
const REPLAY: &str = "replay: ";
