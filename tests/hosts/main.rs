//! Hosts as a test writes them: roles with types of their own, the sockets of a host, and what is asked of a run.

mod folds;
mod histories;
mod places;
mod reads;
mod roles;
mod sockets;
mod states;
