//! Systems against small models of them, written from the specification and not from the machines: generated
//! operations go to both, and both have to tell the same.

mod tcp_chat;
