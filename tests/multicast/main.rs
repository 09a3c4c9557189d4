//! Multicast: groups that hosts join and leave, in simulation and on real sockets.

mod asynchronous;
mod captures;
mod facts;
mod member;
mod real;
mod search;
mod turmoil;
