//! Machines with TLS around them: in simulation with the laws, by hand, and as programs on real sockets.

mod by_hand;
mod held;
#[allow(dead_code, reason = "what is shared has more than each test uses")]
#[path = "../processes/process.rs"]
mod process;
mod programs;
mod puppet;
#[path = "../sockets/python.rs"]
mod python;
mod same;
mod secured;
