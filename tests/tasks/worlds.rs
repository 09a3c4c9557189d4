//! The same programs in three worlds. Only where sockets, timers and tasks come from differs.

pub mod mixed;
pub mod own;
pub mod real;
