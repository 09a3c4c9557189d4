//! What connections cost that are there and say nothing.

#[path = "../../benches/support/descriptors.rs"]
mod descriptors;

use crate::dialogues::{ALL, Client, Dialogue};
use crate::process::Server;

/// How much memory a server may hold for each, on average.
const MAX_LEN: u64 = 10 * 1024;

/// Servers that keep a connection, whether it says something or not.
const KEEPING: [&str; 4] = ["tcp-sixteen", "tcp-deadlock", "select-echo", "suffix-echo"];
/// Those whose clients may say more after they have been answered.
const TALKING: [&str; 2] = ["select-echo", "suffix-echo"];

fn dialogues(names: &'static [&'static str]) -> impl Iterator<Item = &'static Dialogue> {
    ALL.iter().filter(|dialogue| names.contains(&dialogue.args[0]))
}

/// Opens so many connections, has a dialogue on each or on none, and looks at what the server holds then.
fn hold(dialogue: &Dialogue, connections: usize, talking: bool) {
    assert!(descriptors::make_room_for(connections), "raise the limit on open files (ulimit -n)");
    let words = dialogue.serve("127.0.0.1:0");
    let server = Server::start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    dialogue.hold(&server.addr);
    let before_len = server.memory_len();
    let open = || {
        let mut client = Client::open(dialogue.carrier, &server.addr);
        if talking {
            dialogue.say(&mut client);
            dialogue.hear(&mut client);
        }
        client
    };
    let clients: Vec<Client> = (0..connections).map(|_| open()).collect();
    // Who came last is answered after all others were accepted.
    dialogue.hold(&server.addr);
    let each_len = server.memory_len().saturating_sub(before_len) / connections as u64;
    println!("{:?}, talking {talking}: {each_len} bytes for each of {connections}", dialogue.args);
    assert!(each_len < MAX_LEN, "{:?}, talking {talking}: {each_len} bytes for each", dialogue.args);
    drop(clients);
}

fn hold_all(connections: usize) {
    for dialogue in dialogues(&KEEPING) {
        hold(dialogue, connections, false);
    }
    for dialogue in dialogues(&TALKING) {
        hold(dialogue, connections, true);
    }
}

#[test]
fn a_thousand_idle_connections_cost_little() {
    hold_all(1_000);
}

#[test]
#[ignore = "it takes more open files than most users may have: ulimit -n 10200"]
fn ten_thousand_idle_connections_cost_little_each() {
    hold_all(10_000);
}
