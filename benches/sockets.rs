//! `lossproof serve` measured from outside: each server is a process of its own, and the load is another. Prints the
//! ratios beside what is asked. `README.md` explains each row.

#[cfg(target_os = "linux")]
#[path = "chat/mod.rs"]
mod chat;
#[cfg(target_os = "linux")]
#[path = "connects/mod.rs"]
mod connects;
#[cfg(target_os = "linux")]
#[path = "echo/mod.rs"]
mod echo;
#[cfg(target_os = "linux")]
#[path = "sockets/process.rs"]
mod process;
#[cfg(target_os = "linux")]
#[path = "sockets/rounds.rs"]
mod rounds;
#[cfg(target_os = "linux")]
#[path = "sockets/rows.rs"]
mod rows;
#[cfg(target_os = "linux")]
#[path = "sockets/servers.rs"]
mod servers;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "each bench uses a part of it")]
#[path = "support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "udp/mod.rs"]
mod udp;

#[cfg(target_os = "linux")]
fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == process::SERVE) {
        servers::serve(&words[1]);
        return;
    }
    // Cargo's own word. All others are parts of the names of rows, and of these one has to be in a row's name.
    words.retain(|word| !word.starts_with("--"));
    let rows = rows::all().into_iter();
    let wanted =
        rows.filter(|row| words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str())));
    rounds::measure(&wanted.collect::<Vec<_>>());
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("processor time, affinity and recvmmsg(2) are Linux's: nothing is measured here");
}
