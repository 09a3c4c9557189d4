//! Asynchronous code on simulated hosts.
//!
//! Code that was written for tokio runs on a host of a [`Net`](crate::Net) as it is: with its sockets from
//! [`net`], and either with the timers and tasks of [`tokio`] or with tokio's own. Everything that
//! a check does with machines it does with such hosts: it searches failures, makes them small, and replays them.
//!
//! There are two kinds of hosts. [`Place::task`](crate::scenario::Place::task) is for code whose imports of tokio come from
//! lossproof; [`Place::tokio`](crate::scenario::Place::tokio) is for code that calls tokio itself, in its libraries too.
//!
//! | | `task` | `tokio` |
//! |---|---|---|
//! | what changes in the code | the imports of `net`, `time` and `task` | the import of `net` |
//! | all laws, with the twin | checked | laws 4, 5 and 6 are not; [`Check::twice`](crate::Check) finds what is not repeatable |
//! | a clock of its own (`skew`, `drift`) | yes | no: all such hosts have one clock |
//! | timers | to the nanosecond | to the millisecond, as tokio's are |
//! | what a crash drops | all tasks | those of `spawn_local` at once; those of `tokio::spawn` stay, without a network |

mod bell;
mod ctx;
mod executor;
mod facts;
mod hub;
mod join_set;
mod machine;
pub mod net;
mod places;
mod registry;
mod runtime;
mod sockets;
pub mod task;
pub mod time;
pub mod tokio;

pub use ctx::{Ctx, TaskResult, fill_random};
pub use executor::MAX_POLLS;
pub use hub::{MAX_BACKLOG, MAX_INBOX_LEN, MAX_UNREAD_LEN};
pub use machine::Task;
pub(crate) use registry::waits_text;
pub(crate) use runtime::Shared;
