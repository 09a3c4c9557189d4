//! Bugs of udp-local.

use super::{Specimen, System, planted};
use crate::machine::{Input, Machine};
use crate::scenario::{Host, Net};
use crate::systems::Options;
use crate::systems::udp_local::{self, Client, Server};

/// The client takes a reply from anybody: the original's `recvfrom` without a look at the address.
const TAKES_ANY_SOURCE: &str = "takes-any-source";
/// The client asks the system for the time, where it should be told.
const READS_THE_CLOCK: &str = "reads-the-clock";

const SYSTEM: System = (udp_local::ABOUT.name, udp_local::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(SYSTEM, TAKES_ANY_SOURCE, "a reply is taken from anybody", "", takes_any_source),
    Specimen::new(
        SYSTEM,
        READS_THE_CLOCK,
        "the client tells a time that it has read from the system's clock",
        "",
        |net, options| {
            let (server, timeout) = (net.find::<Server>("server"), options.timeout);
            net.replace(client(net), move |boot| Client::new(boot.peer(server), &clock(), timeout));
        },
    ),
];

fn client(net: &Net) -> Host<Client> {
    net.find("client")
}

fn takes_any_source(net: &Net, _: &Options) {
    let server = net.find::<Server>("server");
    net.wrap(client(net), move |boot, right| {
        let server = boot.peer(server);
        planted(right, move |right, input, now, out| {
            let input = match input {
                Input::Datagram { local, bytes, ecn, .. } => {
                    Input::Datagram { peer: server, local, bytes, ecn }
                }
                input => input,
            };
            out.pass_on(right, input, now);
            right.deadline()
        })
    });
}

#[expect(clippy::disallowed_methods, reason = "this is the bug")]
fn clock() -> String {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{:?}", since_1970.unwrap_or_default())
}
