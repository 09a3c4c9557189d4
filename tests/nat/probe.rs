//! A machine that sends what it is asked to, and tells what comes.

use std::hash::Hasher;

use lossproof::engine::{Engine, Settings};
use lossproof::scenario::{Host, Net};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Scenario};

/// Sends what it is commanded to. What comes it tells, with the sender; an `echo` goes back to it, and it does as `tell ADDRESS`
/// says.
#[derive(Debug, Default)]
pub(crate) struct Probe;

/// Sends a text to an address.
#[derive(Clone, Debug)]
pub(crate) struct Send(pub(crate) Peer, pub(crate) &'static str);

impl Machine for Probe {
    type Command = Send;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Send>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Command(Send(peer, text)) => out.send(*peer, text.as_bytes()),
            Input::Datagram { peer, bytes, .. } => {
                out.event(format!("{peer} {}", String::from_utf8_lossy(bytes)));
                match std::str::from_utf8(bytes).unwrap_or_default().split_once(' ') {
                    None if bytes == b"echo" => out.reply(b"echoed"),
                    Some(("tell", other)) => out.send(other.parse().unwrap(), b"told"),
                    _ => {}
                }
            }
            Input::Unreachable { peer, .. } => out.event(format!("{peer} unreachable")),
            _ => {}
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// At how many milliseconds which host sends what where.
pub(crate) type Sends<'a> = &'a [(u64, Host<Probe>, &'a str, &'static str)];

/// Runs a net with these sends and a plan: what each of the hosts told, and the transcript's lines of deaths and faults.
pub(crate) fn run<const N: usize>(
    net: Net,
    hosts: [Host<Probe>; N],
    sends: Sends<'_>,
    plan: &str,
) -> ([Vec<String>; N], Vec<String>) {
    for (at, host, to, text) in sends {
        net.command(Instant::from_millis(*at), *host, Send(to.parse().unwrap(), text));
    }
    let scenario = Scenario::from(net);
    let plan: lossproof::FaultPlan = plan.parse().unwrap();
    let settings =
        Settings { plan: lossproof::engine::Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    let told = hosts.map(|host| engine.view().events(host).to_vec());
    let text = engine.transcript().to_string();
    // What the log does not change is the same without one.
    let mut quiet = Engine::new(&scenario);
    quiet.run(&Settings { keep: lossproof::engine::Keep::Outcome, ..settings });
    assert_eq!(hosts.map(|host| quiet.view().events(host).to_vec()), told);
    let is_told =
        |line: &&str| line.contains(" drop ") || line.contains(" fault ") || line.contains("nowhere");
    let lines =
        text.lines().filter(is_told).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    (told, lines.collect())
}
