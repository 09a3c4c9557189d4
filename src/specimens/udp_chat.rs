//! Bugs of udp-chat.

use std::time::Duration;

use super::{Specimen, System, planted};
use crate::machine::{BoxedMachine, Input, Machine};
use crate::scenario::Net;
use crate::systems::Options;
use crate::systems::udp_chat::{self, Client, ClientEvent, EXPIRY, Server, ServerEvent};

/// The server compares by `>=` where `>` is meant, so who pings exactly in time is too late. Clocks are in milliseconds:
/// it is a span that is one shorter.
const EXPIRES_AT_THE_LIMIT: &str = "expires-at-the-limit";
/// The server looks for expired members only when a datagram comes, as the original does: in a silent room they stay.
const EXPIRES_WHEN_DATA_COMES: &str = "expires-when-data-comes";
/// The client pings no more once a ping was refused, for it sends the next when the one before has gone well. So a
/// server's restart ends all heartbeats.
const HEARTBEAT_STOPS: &str = "heartbeat-stops";

const SYSTEM: System = (udp_chat::ABOUT.name, udp_chat::net);

/// All of them.
pub(super) const ALL: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        EXPIRES_AT_THE_LIMIT,
        "a member expires at the last moment in which it should be alive",
        "client-1>server #2 drop",
        |net, options| replace_server(net, options, EXPIRES_AT_THE_LIMIT),
    ),
    Specimen::new(
        SYSTEM,
        EXPIRES_WHEN_DATA_COMES,
        "members expire only when something is heard",
        "client-2>server #4 drop",
        |net, options| replace_server(net, options, EXPIRES_WHEN_DATA_COMES),
    ),
    Specimen::new(
        SYSTEM,
        HEARTBEAT_STOPS,
        "the heartbeat stops for good when a ping is refused",
        "at 4s crash server",
        |net, _| {
            for name in ["client-1", "client-2", "client-3"] {
                net.wrap(net.find::<Client>(name), |_, right| heartbeat_stops(right));
            }
        },
    ),
];

/// The server with this bug, by itself: what a test against a model is fed with. The right one, if the bug is a client's.
pub fn server(options: &Options, bug: &str) -> BoxedMachine<(), ServerEvent> {
    let (expiry, to_speaker) = (options.scaled(EXPIRY), !options.not_to_sender);
    match bug {
        EXPIRES_AT_THE_LIMIT => {
            Box::new(Server::new(expiry.saturating_sub(Duration::from_millis(1)), to_speaker))
        }
        EXPIRES_WHEN_DATA_COMES => {
            Box::new(planted(Server::new(expiry, to_speaker), |right, input, now, out| {
                if !matches!(input, Input::Timeout) {
                    out.pass_on(right, input, now);
                }
                None
            }))
        }
        _ => Box::new(Server::new(expiry, to_speaker)),
    }
}

fn replace_server(net: &Net, options: &Options, bug: &'static str) {
    let options = options.clone();
    net.replace(net.find::<Server>("server"), move |_| server(&options, bug));
}

fn heartbeat_stops(right: Client) -> impl Machine<Command = udp_chat::Command, Event = ClientEvent> {
    let mut has_stopped = false;
    planted(right, move |right, input, now, out| {
        has_stopped |= matches!(input, Input::Unreachable { .. });
        if !has_stopped || !matches!(input, Input::Timeout) {
            out.pass_on(right, input, now);
        }
        right.deadline().filter(|_| !has_stopped)
    })
}
