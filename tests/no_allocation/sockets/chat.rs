//! What one member of a chat says to many.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lossproof::drive::Endpoint;
use lossproof::systems::tcp_chat::{PATIENCE as SILENCE, Server};

use super::{CHANCE, Counted, FEW, MANY, PATIENCE};

const MEMBERS: usize = 5;
const LINE: &[u8] = b"what one of them says, all the others hear\n";

fn join(counted: &Counted) -> TcpStream {
    let stream = TcpStream::connect(counted.addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// How often the server allocates where so many lines are said, with so many on their way; `cut` has each burst end in
/// the middle of a line, whose rest comes with the next.
fn of_lines(messages: usize, window: usize, cut: bool) -> u64 {
    let counted =
        Counted::start(Endpoint::listener, "127.0.0.1:0", || Server::new(SILENCE + Duration::from_secs(9)));
    let mut members: Vec<TcpStream> = (0..MEMBERS).map(|_| join(&counted)).collect();
    // Joining is silent. Who came last is heard by all who came before.
    members[MEMBERS - 1].write_all(LINE).unwrap();
    let told_len = format!("{}\n", members[0].local_addr().unwrap()).len() + LINE.len();
    let lines = LINE.repeat(window);
    let half = if cut { LINE.len() / 2 } else { 0 };
    let mut heard = vec![0; told_len * window];
    for member in &mut members {
        member.read_exact(&mut heard[..told_len]).unwrap();
    }
    members[0].write_all(&LINE[..half]).unwrap();
    for _ in 0..messages / window {
        members[0].write_all(&lines[half..]).unwrap();
        members[0].write_all(&LINE[..half]).unwrap();
        for member in &mut members {
            member.read_exact(&mut heard).unwrap();
            assert!(heard.ends_with(LINE));
        }
    }
    drop(members);
    counted.end()
}

#[test]
fn the_server_of_a_chat_allocates_nothing_for_a_line() {
    for (window, cut) in [(1, false), (20, false), (20, true)] {
        // What a thread makes once, it has made after this.
        of_lines(FEW, window, cut);
        let (few, many) = (of_lines(FEW, window, cut), of_lines(MANY / 2, window, cut));
        assert!(many <= few + CHANCE, "{window} on their way, cut: {cut}: {few} allocations, then {many}");
    }
}
