//! Real programs behind a proxy: as a library, as `lossproof proxy`, and hunted by `lossproof hunt`.

#![expect(clippy::disallowed_methods, reason = "programs and their tests read the clock")]

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "../command/mod.rs"]
mod command;
mod datagrams;
mod flows;
mod hunt;
mod programs;
mod proxied;
mod streams;
