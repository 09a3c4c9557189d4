//! Unix sockets, against plain blocking peers written here.

mod datagrams;
mod paths;
mod streams;
