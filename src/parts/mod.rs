//! Pieces that protocols are made of, each with its own proofs.
//!
//! | module | what it is |
//! |---|---|
//! | [`backlog`] | what waits for room in a stream's send buffer, up to a bound |
//! | [`backoff`] | how long to wait for a reply before each retransmission, and when to give up |
//! | [`clocks`] | the clocks of other crates, counted on from a run's moments |
//! | [`deadlines`] | the deadlines of many, the earliest first |
//! | [`expiring_set`] | members that expire unless they are refreshed |
//! | [`heartbeat`] | when to say again that one is still there |
//! | [`holdback`] | what a slow reader has not taken yet, kept within a bound |
//! | [`per_conn`] | one machine for each connection of a stream server |
//! | [`sessions`] | one framed connection with each peer of a group |
//! | [`speech`] | bytes that are all known, written as fast as a stream takes them |
//! | [`timers`] | what is due later, the earliest first |

pub mod backlog;
pub mod backoff;
pub mod clocks;
pub mod deadlines;
pub mod expiring_set;
pub mod heartbeat;
pub mod holdback;
pub mod per_conn;
pub mod sessions;
pub mod speech;
pub mod timers;
