//! Pieces that protocols are made of, each with its own proofs.
//!
//! | module | what it is |
//! |---|---|
//! | [`backoff`] | how long to wait for a reply before each retransmission, and when to give up |
//! | [`holdback`] | what a slow reader has not taken yet, kept within a bound |
//! | [`per_conn`] | one machine for each connection of a stream server |

pub mod backoff;
pub mod holdback;
pub mod per_conn;
