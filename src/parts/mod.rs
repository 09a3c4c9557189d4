//! Pieces that protocols are made of, each with its own proofs.
//!
//! | module | what it is |
//! |---|---|
//! | [`backlog`] | what waits for room in a stream's send buffer, up to a bound |
//! | [`backoff`] | how long to wait for a reply before each retransmission, and when to give up |
//! | [`per_conn`] | one machine for each connection of a stream server |

pub mod backlog;
pub mod backoff;
pub mod per_conn;
