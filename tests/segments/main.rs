//! Streams of segments: TCP's own packets under the same machines, and what of that is as in the model.

mod between;
mod bounds;
mod bug;
mod captures;
#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "../command/mod.rs"]
mod command;
mod commands;
mod deadlock;
mod faults;
mod hosts;
mod same;
#[allow(dead_code, reason = "tests of the model use the rest")]
#[path = "../streams/script.rs"]
mod script;
mod specimens;
mod throughput;
