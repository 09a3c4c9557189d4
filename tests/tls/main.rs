//! Machines with TLS around them: in simulation with the laws, by hand, and as programs on real sockets.

mod by_hand;
mod held;
mod puppet;
mod same;
mod secured;
