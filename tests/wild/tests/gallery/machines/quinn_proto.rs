//! `quinn-proto` 0.11.19: QUIC. The parent's `tests/quinn` has the wrapper, and more tests of it.

use std::time::Duration;

use lossproof::fault::FaultKind;
use lossproof::{Instant, Net};
use lossproof_wild::{check, holds};

use crate::quic::{Heard, Quic};
use crate::shown;
use crate::tls::Randomness::OfTheMachine;

#[test]
fn a_connection_is_made_and_echoes_or_times_out() {
    const TEXT: &str = "hello";
    let net = Net::new("quinn-proto");
    net.max_time(Duration::from_mins(5));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net.decode(shown::packets);
    let server = net.host("server").udp(443).machine(|boot| Quic::new(boot.seed(), OfTheMachine, None));
    let client = net.host("client").udp(443);
    let client = client.machine(move |boot| Quic::new(boot.seed(), OfTheMachine, Some(boot.peer(server))));
    net.command(Instant::START, client, TEXT);
    net.never("an echo is not what was said", move |run| {
        run.events(client).iter().any(|heard| matches!(heard, Heard::Echo(text) if text != TEXT))
    });
    net.never("an end is connected twice", move |run| {
        [client, server]
            .iter()
            .any(|end| run.events(*end).iter().filter(|it| **it == Heard::Connected).count() > 1)
    });
    net.eventually_within("the client has its echo, or is lost", Duration::from_secs(200), move |run| {
        run.events(client).iter().any(|heard| matches!(heard, Heard::Echo(_) | Heard::Lost(_)))
    });
    holds("quinn-proto", check(net, 500));
}
