//! Bugs of tcp-chat.

use super::{Specimen, System, decodes_each_read};
use crate::machine::{Conn, ConnMap, Input, Machine, Outbox, Peer};
use crate::systems::tcp_chat::{self, Client, QUIT, Server, ServerEvent};
use crate::time::Instant;

/// A member decodes what each read brings. What it hears it tells as it comes, so events may depend on the reads, and
/// law 4 has nothing to say: a character must really be cut.
const DECODES_EACH_READ: &str = "decodes-each-read";
/// The server takes each read for a message, as the original does and many after it: on loopback, where nothing is cut
/// and everybody types slowly, nobody notices. The server may depend on the reads of a classic member, so here, too, a
/// line must really be cut.
const TAKES_EACH_READ: &str = "takes-each-read";

const SYSTEM: System = (tcp_chat::ABOUT.name, tcp_chat::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        DECODES_EACH_READ,
        "a member decodes each read by itself, and characters are cut",
        "server>client-1 @20 cut",
        |net, _| {
            for member in ["client-1", "client-2", "client-3"] {
                net.wrap(net.find::<Client>(member), |_, right| decodes_each_read(right));
            }
        },
    ),
    Specimen::new(
        SYSTEM,
        TAKES_EACH_READ,
        "the server takes each read for a message, and lines are cut",
        "client-3>server @3 cut",
        |net, _| net.replace(net.find::<Server>("server"), |_| Original::default()),
    ),
];

/// The server as it was: what a read brings goes to all.
#[derive(Default)]
struct Original {
    members: ConnMap<Peer>,
}

impl Original {
    fn part(&mut self, conn: Conn, out: &mut Outbox<ServerEvent>) {
        if let Some(peer) = self.members.remove(conn) {
            out.event(ServerEvent::Left(peer));
            out.close(conn);
        }
    }
}

impl Machine for Original {
    type Command = ();
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<ServerEvent>) {
        match input {
            Input::Connected { conn, peer, .. } => {
                self.members.insert(conn, peer);
                out.event(ServerEvent::Joined(peer));
            }
            Input::Received { conn, bytes } if bytes.trim_ascii() == QUIT => self.part(conn, out),
            Input::Received { conn, bytes } => {
                let Some(&speaker) = self.members.get(conn) else { return };
                let text = String::from_utf8_lossy(bytes).into_owned();
                let told = format!("{speaker}\n{text}");
                out.event(ServerEvent::Said { speaker, text: text.as_str().into() });
                for (member, _) in self.members.iter() {
                    // Its members read.
                    let _fits_len = out.write(member, told.as_bytes());
                }
            }
            Input::Eof { conn } => self.part(conn, out),
            Input::Closed { conn, .. } => {
                if let Some(peer) = self.members.remove(conn) {
                    out.event(ServerEvent::Left(peer));
                }
            }
            _ => {}
        }
    }
}
