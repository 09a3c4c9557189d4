//! The guide's examples, as its reader would have them: each block of code is compiled and run here, and each report is
//! the one that is printed.
//!
//! After an intended change of a report, `INSTA_UPDATE=always cargo test --test guide` writes the new one into the guide.
//! The same goes for code: the files here are what the pages get.

mod links;
mod pages;
mod transfer;

#[path = "chapters/bottlenecks.rs"]
mod bottlenecks;
#[path = "chapters/debugging.rs"]
mod debugging;
#[path = "chapters/ecn.rs"]
mod ecn;
#[path = "chapters/machine.rs"]
mod machine;
#[path = "chapters/main_of_a_server.rs"]
#[expect(dead_code, reason = "it would serve until it is stopped")]
mod main_of_a_server;
#[path = "chapters/multicast.rs"]
mod multicast;
#[path = "chapters/nat.rs"]
mod nat;
#[path = "chapters/nets.rs"]
mod nets;
#[path = "chapters/programs.rs"]
mod programs;
#[path = "chapters/real_sockets.rs"]
mod real_sockets;
#[path = "chapters/segments.rs"]
mod segments;
#[path = "chapters/sockets_of_a_host.rs"]
mod sockets_of_a_host;
#[path = "chapters/streams.rs"]
mod streams;
#[path = "chapters/sweeps.rs"]
mod sweeps;
#[path = "chapters/tls.rs"]
mod tls;
#[path = "chapters/trace.rs"]
mod trace;
#[path = "chapters/transcripts.rs"]
mod transcripts;

#[expect(unreachable_pub, reason = "it is a library of its own")]
mod async_code {
    include!("chapters/async_code.rs");
    include!("chapters/async_test.rs");
    /// The reader's test, which fails.
    pub(super) const TEST: fn() = a_file_arrives;
}
mod deadlock {
    include!("chapters/deadlock.rs");
    /// The reader's test, which fails.
    pub(super) const TEST: fn() = all_of_it_comes_back;
}
mod history {
    include!("chapters/history.rs");
    /// The reader's test, which fails.
    pub(super) const TEST: fn() = a_register_is_linearizable;
}
mod livelock {
    include!("chapters/livelock.rs");
    /// The reader's test, which fails.
    pub(super) const TEST: fn() = somebody_leads;
}
mod one_read {
    include!("chapters/one_read.rs");
    /// The reader's test, which fails.
    pub(super) const TEST: fn() = a_read_is_no_message;
}
