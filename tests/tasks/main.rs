//! Asynchronous code on simulated hosts.
#![allow(clippy::duplicate_mod, reason = "the same programs are compiled for three worlds")]

mod classics;
mod determinism;
mod hosts;
mod request_reply;
mod segments;
mod sockets;
mod store;
mod timeless;
#[allow(unreachable_pub, clippy::disallowed_methods, reason = "these are programs of their own")]
mod worlds;

use lossproof::check::Failure;
use lossproof::{Check, Net};

/// What a check finds in a net.
fn found(net: Net) -> Failure {
    let verdict = Check::new(net).verdict().unwrap();
    verdict.failure().unwrap_or_else(|| panic!("something is found: {verdict}")).clone()
}
