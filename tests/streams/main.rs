//! What the network does with streams: every rule of it as a small transcript.

mod deadlock;
mod ending;
mod faults;
mod flow;
mod links;
mod opening;
mod pairing;
mod script;
mod sessions;
