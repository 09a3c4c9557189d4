//! Pieces that protocols are made of, each with its own proofs.
//!
//! | module | what it is |
//! |---|---|
//! | [`backoff`] | how long to wait for a reply before each retransmission, and when to give up |
//! | [`per_conn`] | one machine for each connection of a stream server |
//! | [`speech`] | bytes that are all known, written as fast as a stream takes them |

pub mod backoff;
pub mod per_conn;
pub mod speech;
