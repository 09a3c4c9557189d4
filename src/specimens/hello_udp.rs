//! Bugs of hello-udp.

use super::{Specimen, System, planted};
use crate::machine::{Effect, Input, Machine, Outlet};
use crate::scenario::{Host, Net};
use crate::systems::hello_udp::{self, Client, ClientEvent};

/// The client counts an answer that comes again as one more.
const COUNTS_DOUBLES: &str = "counts-doubles";
/// The client keeps each try until it is answered, and sends all that it keeps: a queue without a bound. Resolvers and
/// message queues that were cut off for long have flooded their servers so.
const KEEPS_EVERY_TRY: &str = "keeps-every-try";

const SYSTEM: System = (hello_udp::ABOUT.name, hello_udp::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        COUNTS_DOUBLES,
        "an answer that comes twice counts twice",
        "client>server #0 duplicate",
        |net, _| net.wrap(client(net), |_, right| counts_doubles(right)),
    ),
    Specimen::new(
        SYSTEM,
        KEEPS_EVERY_TRY,
        "each try is queued until it is answered, and the whole queue is sent",
        "client>server #0 drop",
        |net, _| net.wrap(client(net), |_, right| keeps_every_try(right)),
    ),
];

fn client(net: &Net) -> Host<Client> {
    net.find("client")
}

fn counts_doubles(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    let (mut put_out, mut last) = (Outlet::new(), None);
    planted(right, move |right, input, now, out| {
        match (&last, input) {
            (Some(answered @ ClientEvent::Answered { text, .. }), Input::Datagram { bytes, .. })
                if text.as_bytes() == bytes =>
            {
                out.event(ClientEvent::clone(answered));
            }
            _ => {
                put_out.feed(right, input, now);
                put_out.drain(|effect| match effect {
                    Effect::Send { peer, bytes, .. } => out.send(peer, bytes),
                    Effect::Event(event) => {
                        if let ClientEvent::Answered { .. } = event {
                            last = Some(event.clone());
                        }
                        out.event(event);
                    }
                    Effect::Done(status) => out.done(status),
                    _ => {}
                });
            }
        }
        right.deadline()
    })
}

fn keeps_every_try(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    let (mut put_out, mut queue) = (Outlet::new(), Vec::new());
    planted(right, move |right, input, now, out| {
        put_out.feed(right, input, now);
        put_out.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => {
                queue.push(bytes.to_vec());
                for bytes in &queue {
                    out.send(peer, bytes);
                }
            }
            Effect::Event(event) => {
                if let ClientEvent::Answered { .. } = event {
                    queue.clear();
                }
                out.event(event);
            }
            Effect::Done(status) => out.done(status),
            _ => {}
        });
        right.deadline()
    })
}
