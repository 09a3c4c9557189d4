//! Asynchronous code on simulated hosts.

mod first;
