//! Bugs of udp-chat.

use std::time::Duration;

use super::{Bug, planted};
use crate::machine::{BoxedMachine, Input, Machine};
use crate::systems::Options;
use crate::systems::udp_chat::{Client, Command, EXPIRY, Event, Server};

/// The server compares by `>=` where `>` is meant, so who pings exactly in time is too late. Clocks are in milliseconds:
/// it is a span that is one shorter.
const EXPIRES_AT_THE_LIMIT: &str = "expires-at-the-limit";
/// The server looks for expired members only when a datagram comes, as the original does: in a silent room they stay.
const EXPIRES_WHEN_DATA_COMES: &str = "expires-when-data-comes";
/// The client pings no more once a ping was refused, for it sends the next when the one before has gone well. So a
/// server's restart ends all heartbeats.
const HEARTBEAT_STOPS: &str = "heartbeat-stops";

/// All of them.
pub(in crate::systems) const ALL: &[Bug] = &[
    Bug::new(
        EXPIRES_AT_THE_LIMIT,
        "a member expires at the last moment in which it should be alive",
        "client-1>server #2 drop",
    ),
    Bug::new(
        EXPIRES_WHEN_DATA_COMES,
        "members expire only when something is heard",
        "client-2>server #4 drop",
    ),
    Bug::planned(
        HEARTBEAT_STOPS,
        "the heartbeat stops for good when a ping is refused",
        "at 4s crash server",
    ),
];

/// The server with the chosen bug, if that is one of the server's.
pub(in crate::systems) fn server(options: &Options) -> Option<BoxedMachine<Command, Event>> {
    let (expiry, to_speaker) = (options.scaled(EXPIRY), !options.not_to_sender);
    Some(match options.bug? {
        EXPIRES_AT_THE_LIMIT => {
            Box::new(Server::new(expiry.saturating_sub(Duration::from_millis(1)), to_speaker))
        }
        EXPIRES_WHEN_DATA_COMES => planted(Server::new(expiry, to_speaker), |right, input, now, out| {
            if !matches!(input, Input::Timeout) {
                right.handle(input, now, out);
            }
            None
        }),
        _ => return None,
    })
}

/// The client with the chosen bug, if that is one of the client's.
pub(in crate::systems) fn client(bug: Option<&str>, right: Client) -> BoxedMachine<Command, Event> {
    if bug != Some(HEARTBEAT_STOPS) {
        return Box::new(right);
    }
    let mut has_stopped = false;
    planted(right, move |right, input, now, out| {
        has_stopped |= matches!(input, Input::Unreachable { .. });
        if !has_stopped || !matches!(input, Input::Timeout) {
            right.handle(input, now, out);
        }
        right.deadline().filter(|_| !has_stopped)
    })
}
