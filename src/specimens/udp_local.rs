//! Bugs of udp-local.

use super::{Bug, planted};
use crate::machine::{BoxedMachine, Input, Machine, Peer};
use crate::systems::Options;
use crate::systems::udp_local::{Client, Event};

/// The client takes a reply from anybody: the original's `recvfrom` without a look at the address.
const TAKES_ANY_SOURCE: &str = "takes-any-source";
/// The client asks the system for the time, where it should be told.
const READS_THE_CLOCK: &str = "reads-the-clock";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[
    Bug::new(TAKES_ANY_SOURCE, "a reply is taken from anybody", ""),
    Bug::new(READS_THE_CLOCK, "the client tells a time that it has read from the system's clock", ""),
];

/// The client with the chosen bug, if there is one.
pub(in crate::systems) fn client(options: &Options, server: Peer) -> Option<BoxedMachine<(), Event>> {
    Some(match options.bug? {
        TAKES_ANY_SOURCE => {
            let right = Client::new(server, &options.local_time, options.timeout);
            planted(right, move |right, input, now, out| {
                let input = match input {
                    Input::Datagram { bytes, .. } => Input::Datagram { peer: server, bytes },
                    input => input,
                };
                right.handle(input, now, out);
                right.deadline()
            })
        }
        READS_THE_CLOCK => Box::new(Client::new(server, &clock(), options.timeout)),
        _ => return None,
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the bug")]
fn clock() -> String {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{:?}", since_1970.unwrap_or_default())
}
