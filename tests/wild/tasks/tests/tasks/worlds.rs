//! The same program in two worlds. Only where sockets, timers and tasks come from differs.

pub mod mixed;
pub mod own;
